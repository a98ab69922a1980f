//! The `grade` and `alert` parts of `e2e.yaml`, about how long a start-up may take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;
#[cfg(feature = "schema")]
use super::json_schema;

/// The limits of the grades: a start-up (deploy and ready) that takes less than `a` is graded A, and so on; F from `d` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
#[serde(expecting = "a mapping with `a`, `b`, `c` or `d`")]
pub struct GradeSpec {
    /// Below this time, A (15 s).
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration"))]
    pub a: Duration,
    /// Below this time, B (25 s).
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration"))]
    pub b: Duration,
    /// Below this time, C (40 s).
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration"))]
    pub c: Duration,
    /// Below this time, D (60 s).
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration"))]
    pub d: Duration,
}

impl Default for GradeSpec {
    fn default() -> GradeSpec {
        let seconds = Duration::from_secs;
        GradeSpec { a: seconds(15), b: seconds(25), c: seconds(40), d: seconds(60) }
    }
}

/// The times from which a start-up (deploy and ready) is worth a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
#[serde(expecting = "a mapping with `warn` or `critical`")]
pub struct AlertSpec {
    /// A longer one is a warning (30 s).
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration"))]
    pub warn: Duration,
    /// A longer one is critical (60 s).
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration"))]
    pub critical: Duration,
}

impl Default for AlertSpec {
    fn default() -> AlertSpec {
        AlertSpec { warn: Duration::from_secs(30), critical: Duration::from_secs(60) }
    }
}
