//! The `needs` of a component in `e2e.yaml`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text_or::{TextOr, text_or};

/// Another component that a component needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Its name.
    pub component: String,
    /// The state in which it must be before this component is applied, whatever the strategy. `None` when services
    /// wait for each other by themselves, as they must in production too.
    pub until: Option<Until>,
}

/// The state in which a needed component must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Until {
    /// Its objects are applied.
    Applied,
    /// It is ready.
    Ready,
}

/// `applied` or `ready`.
impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Until::Applied => "applied",
            Until::Ready => "ready",
        })
    }
}

/// `database`, or `cert-manager until ready`.
impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.component)?;
        self.until.map_or(Ok(()), |until| write!(f, " until {until}"))
    }
}

impl From<&str> for Need {
    fn from(component: &str) -> Need {
        Need { component: component.to_owned(), until: None }
    }
}

/// A need, as a mapping.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a need: a mapping with `component` and `until`")]
#[cfg_attr(feature = "schema", schemars(rename = "Need"))]
pub(super) struct WrittenNeed {
    /// Name of the component.
    component: String,
    /// The state in which it must be before this component is applied, whatever the strategy.
    until: Until,
}

impl<'de> Deserialize<'de> for Need {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match text_or(deserializer, "a component's name, or a mapping with `component` and `until`")? {
            TextOr::Text(component) => Need { component, until: None },
            TextOr::Mapping(WrittenNeed { component, until }) => Need { component, until: Some(until) },
        })
    }
}

impl Serialize for Need {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.until {
            None => serializer.serialize_str(&self.component),
            Some(until) => WrittenNeed { component: self.component.clone(), until }.serialize(serializer),
        }
    }
}
