//! The `checks` in `e2e.yaml`: what components must answer.

use std::fmt;

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use super::json_schema;

/// A check that a component must pass: by HTTP, through one of its `port`s or a `service`, or by a command that is run
/// in one of its pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[serde(expecting = "a check: a mapping with `port` and `path`, `service` and `path`, or `exec`")]
#[cfg_attr(feature = "schema", schemars(transform = json_schema::one_target))]
pub struct Check {
    /// Name of one of the component's ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// A Service of the component, or of the suite's namespace, and one of its own ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServicePort>,
    /// Program and arguments, run in a ready pod; they must exit with 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub exec: Option<Vec<String>>,
    /// Path to GET, such as `/health/ready`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^/")))]
    pub path: Option<String>,
    /// Expected status; 200 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 100, max = 599)))]
    pub status: Option<u16>,
    /// Text that the response's body, or the output, must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
}

impl Check {
    /// Returns the expected status.
    #[must_use]
    pub fn wanted_status(&self) -> u16 {
        self.status.unwrap_or(200)
    }
}

/// `http GET /ready = 200`, `redis:6379`, or `redis-cli ping`.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.port, &self.service, &self.exec) {
            (Some(port), _, _) => f.write_str(port)?,
            (_, Some(service), _) => service.fmt(f)?,
            (_, _, Some(command)) => write!(f, "`{}`", command.join(" "))?,
            _ => {}
        }
        if let Some(path) = &self.path {
            write!(f, " GET {path} = {}", self.wanted_status())?;
        }
        self.contains.as_ref().map_or(Ok(()), |text| write!(f, ", with {text:?}"))
    }
}

/// A Service and one of its own ports, written `redis:6379`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServicePort {
    /// Name of the Service.
    pub name: String,
    /// Its port.
    pub port: u16,
}

impl TryFrom<String> for ServicePort {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts = text.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?)));
        match parts {
            Some((name, port)) if !name.is_empty() && port != 0 => Ok(ServicePort { name: name.into(), port }),
            _ => Err(format!("`{text}` is not a Service and its port, such as `redis:6379`")),
        }
    }
}

impl From<ServicePort> for String {
    fn from(service: ServicePort) -> String {
        service.to_string()
    }
}

impl fmt::Display for ServicePort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.port)
    }
}
