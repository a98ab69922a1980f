//! Settings of readiness.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Grace;

/// Settings of readiness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How long each cause of failure may last.
    pub grace: Grace,
    /// Rules for custom kinds, beyond their conditions.
    pub kinds: Vec<KindRule>,
    /// How long the API server may be unreachable before a wait gives up (10 s).
    pub api_gone_after: Duration,
    /// How long a wait continues after the first failure, so that simultaneous failures are reported together (200 ms).
    pub gather: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            grace: Grace::default(),
            kinds: Vec::new(),
            api_gone_after: Duration::from_secs(10),
            gather: Duration::from_millis(200),
        }
    }
}

/// A rule that decides whether objects of a custom kind are ready or failed, where their conditions do not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindRule {
    /// The API group; empty for the core group.
    pub group: String,
    /// The kind.
    pub kind: String,
    /// Ready when this holds, and waiting until then; without it, its conditions decide.
    pub ready: Option<Field>,
    /// Failed when this holds.
    pub failed: Option<Field>,
}

/// A field, and its expected value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its path, as in kubectl: `.status.phase`, `.status.workers[0].state`.
    pub path: String,
    /// Its value; numbers and booleans as text.
    pub value: String,
}

impl Field {
    /// Returns a field with its expected value.
    pub fn new(path: impl Into<String>, value: impl fmt::Display) -> Field {
        Field { path: path.into(), value: value.to_string() }
    }

    /// Returns the field's value in an object, of any type.
    pub(crate) fn find<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        let steps = steps(&self.path)?;
        let found = steps.iter().try_fold(object, |value, step| match value {
            Value::Array(items) => items.get(step.parse::<usize>().ok()?),
            value => value.get(step),
        });
        found.filter(|value| !value.is_null())
    }
}

/// Returns whether a text is a path to a field.
pub fn is_path(path: &str) -> bool {
    steps(path).is_some()
}

/// Returns the keys and indices of a path; `None` when it is invalid.
fn steps(path: &str) -> Option<Vec<String>> {
    let path = path.trim().trim_start_matches('{').trim_end_matches('}').trim_start_matches('$');
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (step, next) = if let Some(inner) = rest.strip_prefix('[') {
            let (step, next) = inner.split_once(']')?;
            (step.trim_matches(['"', '\'']), next)
        } else {
            let inner = rest.strip_prefix('.').unwrap_or(rest);
            let end = inner.find(['.', '[']).unwrap_or(inner.len());
            inner.split_at(end)
        };
        if step.is_empty() {
            return None;
        }
        steps.push(step.to_owned());
        rest = next;
    }
    (!steps.is_empty()).then_some(steps)
}
