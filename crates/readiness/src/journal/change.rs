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

/// A change in JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Fields<'a> {
    /// When, in seconds since the watch began.
    at: f64,
    /// The component.
    component: &'a str,
    #[serde(flatten)]
    judgement: &'a Judgement,
}

/// `{at, component, apiVersion, kind, …}`, as [`Judgement`] has it.
impl Serialize for Change {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = Fields { at: seconds(self.at), component: &self.component, judgement: &self.judgement };
        fields.serialize(serializer)
    }
}

/// The schema of what is serialized.
#[cfg(feature = "schema")]
impl schemars::JsonSchema for Change {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Change".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Fields::json_schema(generator)
    }
}

/// A wait that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ended {
    /// When, in seconds since the watch began.
    #[serde(serialize_with = "as_seconds")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
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
