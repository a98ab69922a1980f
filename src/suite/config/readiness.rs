//! The `ready` part of `e2e.yaml`, about readiness.

use std::time::Duration;

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use super::json_schema;
use super::scalar::Scalar;
use crate::readiness::{Field, Grace, KindRule, Settings};

/// The suite's settings of readiness.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "a mapping with `grace` and `kinds`")]
pub struct ReadySpec {
    /// How long each reason of failure may last before it counts.
    #[serde(default)]
    pub grace: GraceSpec,
    /// Rules for custom kinds without usable conditions.
    #[serde(default)]
    pub kinds: Vec<KindSpec>,
}

/// How long each reason of failure may last, by the reasons' names; omitted ones have their default grace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "PascalCase", expecting = "a mapping of reasons to times such as `10s`")]
#[serde(default)]
pub struct GraceSpec {
    /// An image pull that fails for reasons of network or registry (60 s).
    #[serde(with = "grace", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration_or_nothing"))]
    pub image_pull_back_off: Option<Duration>,
    /// A Secret, ConfigMap or key that a container needs is missing (3 s).
    #[serde(with = "grace", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration_or_nothing"))]
    pub create_container_config_error: Option<Duration>,
    /// A container that cannot be created (10 s).
    #[serde(with = "grace", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration_or_nothing"))]
    pub create_container_error: Option<Duration>,
    /// No node fits the pod (10 s).
    #[serde(with = "grace", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration_or_nothing"))]
    pub unschedulable: Option<Duration>,
    /// A volume that cannot be mounted (5 s).
    #[serde(with = "grace", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration_or_nothing"))]
    pub failed_mount: Option<Duration>,
    /// A claim for which no volume can be provisioned (5 s).
    #[serde(with = "grace", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration_or_nothing"))]
    pub provisioning_failed: Option<Duration>,
    /// Pods that may not be created: quota, admission, service account (3 s).
    #[serde(with = "grace", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration_or_nothing"))]
    pub failed_create: Option<Duration>,
    /// A Service that selects no pod, or a port that its ready pods do not serve (5 s).
    #[serde(with = "grace", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration_or_nothing"))]
    pub no_endpoints: Option<Duration>,
    /// An object that was deleted (2 s).
    #[serde(with = "grace", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration_or_nothing"))]
    pub deleted: Option<Duration>,
    /// Number of restarts at which a crashing container has failed (3).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub crash_loop_back_off: Option<u16>,
    /// Number of out-of-memory kills at which a container has failed (2).
    #[serde(rename = "OOMKilled", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub oom_killed: Option<u16>,
    /// Number of attempts to start a container's command after which it has failed (2).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub run_container_error: Option<u16>,
}

/// A rule that decides whether objects of a custom kind are ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[serde(expecting = "a rule: a mapping with `apiVersion`, `kind`, and `ready` or `failed`")]
pub struct KindSpec {
    /// `group/version`; every version of the group counts.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// Ready when this field has this value, and waiting until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<FieldSpec>,
    /// Failed when this field has this value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<FieldSpec>,
}

/// A field of an object, and a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a mapping with `path` and `value`")]
pub struct FieldSpec {
    /// The field, such as `.status.phase`.
    pub path: String,
    /// The value: a text, a number or a boolean.
    pub value: Scalar,
}

/// Converts the suite's settings.
impl From<&ReadySpec> for Settings {
    fn from(spec: &ReadySpec) -> Settings {
        let kinds = spec.kinds.iter().map(|kind| KindRule {
            group: kind.api_version.split_once('/').map_or("", |(group, _)| group).to_owned(),
            kind: kind.kind.clone(),
            ready: kind.ready.as_ref().map(|field| Field::new(&field.path, field.value.to_string())),
            failed: kind.failed.as_ref().map(|field| Field::new(&field.path, field.value.to_string())),
        });
        Settings { grace: Grace::from(&spec.grace), kinds: kinds.collect(), ..Settings::default() }
    }
}

/// Converts the suite's settings; omitted ones have their default grace.
impl From<&GraceSpec> for Grace {
    fn from(spec: &GraceSpec) -> Grace {
        let usual = Grace::default();
        Grace {
            image_network: spec.image_pull_back_off.unwrap_or(usual.image_network),
            config: spec.create_container_config_error.unwrap_or(usual.config),
            create: spec.create_container_error.unwrap_or(usual.create),
            unschedulable: spec.unschedulable.unwrap_or(usual.unschedulable),
            volume: spec.failed_mount.unwrap_or(usual.volume),
            claim: spec.provisioning_failed.unwrap_or(usual.claim),
            pod_creation: spec.failed_create.unwrap_or(usual.pod_creation),
            endpoints: spec.no_endpoints.unwrap_or(usual.endpoints),
            deleted: spec.deleted.unwrap_or(usual.deleted),
            restarts: spec.crash_loop_back_off.map_or(usual.restarts, i64::from),
            oom_kills: spec.oom_killed.map_or(usual.oom_kills, i64::from),
            start_tries: spec.run_container_error.map_or(usual.start_tries, i64::from),
        }
    }
}

/// Serializes a grace: a duration that may be zero.
mod grace {
    use std::time::Duration;

    use serde::{Deserializer, Serializer};

    use crate::suite::config::duration;

    pub(super) fn serialize<S: Serializer>(grace: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match grace {
            Some(grace) => duration::serialize(grace, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        duration::or_nothing::deserialize(deserializer).map(Some)
    }
}
