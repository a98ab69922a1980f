//! What is made of what happens: verdicts that change, waits that end.

use std::time::Duration;

use serde::Serialize;

use super::seconds;
use crate::Judgement;
use crate::object::ObjectRef;

/// A verdict that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When, since the watch began.
    pub at: Duration,
    /// The component.
    pub component: String,
    /// The object; none when it is the component as a whole that became ready, or no longer is.
    pub object: Option<ObjectRef>,
    /// What it is now.
    pub judgement: Judgement,
}

/// `{at, component, apiVersion, kind, …}`, as [`Judgement`] has it.
impl Serialize for Change {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields<'a> {
            at: f64,
            component: &'a str,
            #[serde(flatten)]
            judgement: &'a Judgement,
        }
        let fields = Fields { at: seconds(self.at), component: &self.component, judgement: &self.judgement };
        fields.serialize(serializer)
    }
}

/// A wait that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// When, in seconds since the watch began.
    #[serde(serialize_with = "as_seconds")]
    pub at: Duration,
    /// The components that it was for; none for all.
    pub components: Option<Vec<String>>,
    /// `ready`, `failed`, `deadline`, `gone` or `forbidden`.
    pub how: &'static str,
    /// The first line of what the wait says, unless all are ready.
    pub why: Option<String>,
}

fn as_seconds<S: serde::Serializer>(at: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(seconds(*at))
}
