//! The types of `e2e.yaml`. Values are parsed, but not checked against each other or the file system.

use std::fmt;
use std::time::Duration;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[cfg(feature = "schema")]
use super::json_schema;
use super::{
    AlertSpec, Check, ClusterSpec, GradeSpec, HelmSpec, ImageSpec, ManifestSpec, Need, ReadySpec, RetrySpec, TaskSpec,
    duration,
};

/// A test suite's environment: one cluster and the components that run in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[serde(expecting = "a suite: a mapping with `suite`, `namespace` and `components`")]
pub struct Suite {
    /// Name of the suite: a DNS label. Cluster names are derived from it.
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::label"))]
    pub suite: String,
    /// The cluster to create, or to use.
    #[serde(default)]
    pub cluster: ClusterSpec,
    /// Namespace of the components; created if it does not exist. In a cluster that exists already, `shop-{{ run }}` is
    /// another one for each environment, so that several live side by side.
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::namespace"))]
    pub namespace: String,
    /// The source of images: the default for `--images`.
    #[serde(default)]
    pub images: ImageSource,
    /// Whether images that manifests name and components do not list are pulled on the host, kept, and loaded into the
    /// nodes, when images come from registries (true). Otherwise each node pulls them itself.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub prefetch: bool,
    /// Whether images named by a tag, charts without `version` and addresses without `sha256` are asked for again, though
    /// they are here. No key of `e2e.yaml`, but `--pull`: it is about one run.
    #[serde(skip)]
    pub pull: bool,
    /// The order in which components are deployed: the default for `--strategy`.
    #[serde(default)]
    pub strategy: Strategy,
    /// The overlay of components whose manifests have overlays: the default for `--overlay`.
    #[serde(default = "default_overlay")]
    pub overlay: String,
    /// Time limit for all components together to become ready, once applied, such as `120s` or `2m`.
    #[serde(default = "default_deadline", with = "duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::duration"))]
    pub deadline: Duration,
    /// Readiness settings, where the defaults do not fit.
    #[serde(default)]
    pub ready: ReadySpec,
    /// How often, and how soon, a call that failed temporarily is retried.
    #[serde(default)]
    pub retry: RetrySpec,
    /// The limits of the grades of a start-up.
    #[serde(default)]
    pub grade: GradeSpec,
    /// The times from which a start-up is worth a warning.
    #[serde(default)]
    pub alert: AlertSpec,
    /// The components, in the order in which `sequential` deploys them if `needs` leave a choice.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub components: Vec<Component>,
}

/// Source of images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ImageSource {
    /// Probe once whether a container registry responds, and choose.
    #[default]
    Auto,
    /// Pull from container registries.
    Registry,
    /// Build everything from package registries, by the recipes under `images/`.
    Packages,
}

/// Order in which components are deployed and awaited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// All at once, then one wait for all.
    #[default]
    Parallel,
    /// Level by level of the `needs` graph; each level is awaited before the next.
    Waves,
    /// One by one, each awaited: the baseline for `parallel`.
    Sequential,
}

impl Strategy {
    /// Returns `parallel`, `waves` or `sequential`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Parallel => "parallel",
            Strategy::Waves => "waves",
            Strategy::Sequential => "sequential",
        }
    }
}

/// One deployable unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[serde(expecting = "a component: a mapping with `name` and `manifests`")]
pub struct Component {
    /// A DNS label, unique in the suite.
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::label"))]
    pub name: String,
    /// Namespace of its objects that name none; the suite's when left out. Created if it does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::namespace"))]
    pub namespace: Option<String>,
    /// The images in its manifests.
    #[serde(default)]
    pub images: Vec<ImageSpec>,
    /// Sources of its objects: paths of files, folders or kustomizations, relative to `e2e.yaml`; addresses, programs, or
    /// the objects themselves.
    #[serde(default)]
    pub manifests: Vec<ManifestSpec>,
    /// A Helm chart, whose objects are the component's too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helm: Option<HelmSpec>,
    /// Components that this one connects to. `waves` and `sequential` deploy them first; `parallel` does so only with
    /// `until`.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// What runs to its end before the component is applied, in this order.
    #[serde(default)]
    pub before: Vec<TaskSpec>,
    /// What runs to its end once the component is ready, in this order. Only then is it ready for others.
    #[serde(default)]
    pub after: Vec<TaskSpec>,
    /// Ports that tests reach from the host.
    #[serde(default)]
    pub ports: Vec<Port>,
    /// Checks that must pass, beyond the rules of readiness, before the component counts as ready.
    #[serde(default)]
    pub checks: Vec<Check>,
}

impl Suite {
    /// Returns the names of the components' ports, written `component.port`.
    pub(crate) fn port_names(&self) -> impl Iterator<Item = String> {
        let of = |component: &Component| {
            let name = component.name.clone();
            let ports: Vec<String> = component.ports.iter().map(|port| format!("{name}.{}", port.name)).collect();
            ports
        };
        self.components.iter().flat_map(of)
    }
}

impl Component {
    /// Returns the names of the components that it needs.
    pub fn needed(&self) -> impl Iterator<Item = &str> {
        self.needs.iter().map(|need| need.component.as_str())
    }
}

/// A port of a component that tests reach from the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "a port: a mapping with `name` and `node`")]
pub struct Port {
    /// Name for tests; unique in the component.
    pub name: String,
    /// The Service's NodePort (30000 to 32767).
    #[cfg_attr(feature = "schema", schemars(range(min = 30_000, max = 32_767)))]
    pub node: u16,
    /// The host's port on 127.0.0.1: a number, or `auto` for any free one.
    #[serde(default)]
    pub host: HostPort,
}

/// A port on the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HostPort {
    /// Any free port, chosen when the cluster is created.
    #[default]
    Auto,
    /// This port; a run fails if it is in use.
    Fixed(u16),
}

impl Serialize for HostPort {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            HostPort::Auto => serializer.serialize_str("auto"),
            HostPort::Fixed(port) => serializer.serialize_u16(*port),
        }
    }
}

impl<'de> Deserialize<'de> for HostPort {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrAuto;

        impl Visitor<'_> for NumberOrAuto {
            type Value = HostPort;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a port number (1 to 65535) or `auto`")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<HostPort, E> {
                let port = u16::try_from(number).ok().filter(|port| *port != 0);
                port.map(HostPort::Fixed).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<HostPort, E> {
                if word == "auto" { Ok(HostPort::Auto) } else { Err(E::invalid_type(Unexpected::Str(word), &self)) }
            }
        }

        deserializer.deserialize_any(NumberOrAuto)
    }
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_yes(flag: &bool) -> bool {
    *flag
}

fn default_overlay() -> String {
    "dev".into()
}

fn default_deadline() -> Duration {
    Duration::from_secs(120)
}
