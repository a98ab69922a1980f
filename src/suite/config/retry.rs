//! The `retry` part of `e2e.yaml`, about calls with transient failures.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;
#[cfg(feature = "schema")]
use super::json_schema;

/// How often, and how soon, a call that failed temporarily is retried. The pause before the n-th retry is `base` ×
/// `factor`ⁿ⁻¹, at most `ceiling`, plus a random part of `jitter`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
#[serde(expecting = "a mapping with `base`, `factor`, `ceiling`, `jitter` or `attempts`")]
pub struct RetrySpec {
    /// The first pause (1 s).
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration"))]
    pub base: Duration,
    /// The factor by which each pause is longer than the one before (2).
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10)))]
    pub factor: f32,
    /// The longest pause (30 s).
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration"))]
    pub ceiling: Duration,
    /// Up to this much is added to each pause, so that calls that failed together are not retried together (1 s).
    #[serde(with = "duration::or_nothing")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration_or_nothing"))]
    pub jitter: Duration,
    /// Maximum number of attempts, the first included (5).
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 20)))]
    pub attempts: u32,
}

impl Default for RetrySpec {
    fn default() -> RetrySpec {
        let second = Duration::from_secs(1);
        RetrySpec { base: second, factor: 2.0, ceiling: 30 * second, jitter: second, attempts: 5 }
    }
}
