//! Results of a wait: changed verdicts, and ended waits.

use std::time::Duration;

use serde::Serialize;

use super::seconds;
use crate::Judgement;
use crate::object::ObjectRef;

/// A changed verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its time, since the watch started.
    pub at: Duration,
    /// The component.
    pub component: String,
    /// The object; `None` if the component as a whole became ready, or is no longer ready.
    pub object: Option<ObjectRef>,
    /// The new judgement.
    pub judgement: Judgement,
}

/// A change in JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Fields<'a> {
    /// Its time, in seconds since the watch started.
    at: f64,
    /// The component.
    component: &'a str,
    #[serde(flatten)]
    judgement: &'a Judgement,
}

/// Serializes as `{at, component, apiVersion, kind, …}`, like [`Judgement`].
impl Serialize for Change {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = Fields { at: seconds(self.at), component: &self.component, judgement: &self.judgement };
        fields.serialize(serializer)
    }
}

/// The schema of the serialized form.
#[cfg(feature = "schema")]
impl schemars::JsonSchema for Change {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Change".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Fields::json_schema(generator)
    }
}

/// An ended wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ended {
    /// Its time, in seconds since the watch started.
    #[serde(serialize_with = "as_seconds")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub at: Duration,
    /// The awaited components; null for all.
    pub components: Option<Vec<String>>,
    /// `ready`, `failed`, `deadline`, `gone` or `forbidden`.
    pub how: &'static str,
    /// The first line of the error; null when all are ready.
    pub why: Option<String>,
}

fn as_seconds<S: serde::Serializer>(at: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(seconds(*at))
}
