//! The part of `e2e.yaml` about calls that fail for a passing reason: `retry`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;
#[cfg(feature = "schema")]
use super::json_schema;

/// How often, and how soon, a call that failed for a passing reason is made again. The pause before the n-th try after the
/// first is `base` × `factor`ⁿ⁻¹, at most `ceiling`, and a random part of `jitter` on top.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
#[serde(expecting = "a mapping with `base`, `factor`, `ceiling`, `jitter` or `attempts`")]
pub struct RetrySpec {
    /// The first pause (1 s).
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration"))]
    pub base: Duration,
    /// By how much each pause is longer than the one before (2).
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10)))]
    pub factor: f32,
    /// The longest pause (30 s).
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration"))]
    pub ceiling: Duration,
    /// Up to this much comes on top of each pause, so that calls that failed together are not repeated together (1 s).
    #[serde(with = "duration::or_nothing")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration_or_nothing"))]
    pub jitter: Duration,
    /// How often a call is made, the first time included (5).
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 20)))]
    pub attempts: u32,
}

impl Default for RetrySpec {
    fn default() -> RetrySpec {
        let second = Duration::from_secs(1);
        RetrySpec { base: second, factor: 2.0, ceiling: 30 * second, jitter: second, attempts: 5 }
    }
}
