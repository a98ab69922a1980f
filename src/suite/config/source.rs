//! The sources of a component's objects in `e2e.yaml`: manifests, and Helm charts.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[cfg(feature = "schema")]
use super::json_schema;
use super::scalar::Scalar;
use super::text_or::{TextOr, text_or};

/// A source of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestSpec {
    /// A file, a folder of files, a folder with overlays, or a kustomization.
    Path(String),
    /// A kustomization.
    Kustomize(String),
    /// A file of the web.
    Url {
        /// Its address.
        url: String,
        /// The SHA-256 of its content, in hexadecimal.
        sha256: Option<String>,
    },
    /// A program, which prints objects.
    Command(Vec<String>),
    /// The objects themselves.
    Inline(String),
}

/// `manifests/redis`, `kustomize config/default`, or `command cargo run -- crd`.
impl fmt::Display for ManifestSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ManifestSpec::Path(path) => f.write_str(path),
            ManifestSpec::Kustomize(folder) => write!(f, "kustomize {folder}"),
            ManifestSpec::Url { url, .. } => f.write_str(url),
            ManifestSpec::Command(command) => write!(f, "command {}", command.join(" ")),
            ManifestSpec::Inline(_) => f.write_str("inline"),
        }
    }
}

/// A source of objects, as a mapping: exactly one of `kustomize`, `url`, `command` and `inline`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a source: a mapping with `kustomize`, `url`, `command` or `inline`")]
#[cfg_attr(feature = "schema", schemars(rename = "ManifestSource", transform = json_schema::one_source))]
pub(super) struct WrittenManifest {
    /// Folder of a kustomization, relative to `e2e.yaml`: rendered by kustomize itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kustomize: Option<String>,
    /// Address of a file, fetched once and then kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^https?://")))]
    url: Option<String>,
    /// With `url`, the SHA-256 of the file, in hexadecimal: any other content is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9a-fA-F]{64}$")))]
    sha256: Option<String>,
    /// Program and arguments, run in the folder of `e2e.yaml`; what it prints are the objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    command: Option<Vec<String>>,
    /// The objects, as YAML. `{{ env.NAME }}`, `{{ run }}`, `{{ images['name'] }}` and `{{ ports['component.port'] }}` are replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inline: Option<String>,
}

impl WrittenManifest {
    fn spec(self) -> Result<ManifestSpec, &'static str> {
        let WrittenManifest { kustomize, url, sha256, command, inline } = self;
        match (kustomize, url, command, inline) {
            (_, None, _, _) if sha256.is_some() => Err("`sha256` belongs to a `url`"),
            (Some(folder), None, None, None) => Ok(ManifestSpec::Kustomize(folder)),
            (None, Some(url), None, None) => Ok(ManifestSpec::Url { url, sha256 }),
            (None, None, Some(command), None) => Ok(ManifestSpec::Command(command)),
            (None, None, None, Some(text)) => Ok(ManifestSpec::Inline(text)),
            _ => Err("a source has exactly one of `kustomize`, `url`, `command` and `inline`"),
        }
    }
}

impl<'de> Deserialize<'de> for ManifestSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match text_or::<WrittenManifest, D>(
            deserializer,
            "a path, or a mapping with `kustomize`, `url`, `command` or `inline`",
        )? {
            TextOr::Text(path) => Ok(ManifestSpec::Path(path)),
            TextOr::Mapping(written) => written.spec().map_err(D::Error::custom),
        }
    }
}

impl Serialize for ManifestSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let empty = WrittenManifest::default();
        let written = match self.clone() {
            ManifestSpec::Path(path) => return serializer.serialize_str(&path),
            ManifestSpec::Kustomize(folder) => WrittenManifest { kustomize: Some(folder), ..empty },
            ManifestSpec::Url { url, sha256 } => WrittenManifest { url: Some(url), sha256, ..empty },
            ManifestSpec::Command(command) => WrittenManifest { command: Some(command), ..empty },
            ManifestSpec::Inline(text) => WrittenManifest { inline: Some(text), ..empty },
        };
        written.serialize(serializer)
    }
}

/// A path of a file or folder.
impl From<&str> for ManifestSpec {
    fn from(path: &str) -> ManifestSpec {
        ManifestSpec::Path(path.to_owned())
    }
}

/// A Helm chart, rendered by `helm template`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a chart: a mapping with `chart`")]
pub struct HelmSpec {
    /// A folder or a `.tgz` file relative to `e2e.yaml`, an `oci://` address, or, with `repo`, a name.
    pub chart: String,
    /// Address of the chart's repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// Version of a chart that is not on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Name of the release; the component's when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Files of values, relative to `e2e.yaml`; later ones win.
    #[serde(default)]
    pub values: Vec<String>,
    /// Single values by their dotted paths, which win over files. In texts, `{{ env.NAME }}`, `{{ run }}`, `{{ images['name'] }}` and
    /// `{{ ports['component.port'] }}` are replaced.
    #[serde(default)]
    pub set: BTreeMap<String, Scalar>,
}

impl HelmSpec {
    /// Returns whether the chart is a folder or file of this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.repo.is_none() && !self.chart.starts_with("oci://")
    }
}

/// `helm charts/postgresql`, or `helm postgresql 12.1.0 of https://charts.example.org`
impl fmt::Display for HelmSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "helm {}", self.chart)?;
        self.version.iter().try_for_each(|version| write!(f, " {version}"))?;
        self.repo.iter().try_for_each(|repo| write!(f, " of {repo}"))
    }
}

/// Work that runs to its end before a component is applied, or after it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "WrittenTask", into = "WrittenTask")]
pub enum TaskSpec {
    /// Manifests of a Job, which must complete.
    Job(String),
    /// A program and its arguments, run on the host in the folder of `e2e.yaml`; it must exit with 0.
    Command(Vec<String>),
}

/// `job manifests/migrate.yaml` or `command ./seed.sh`.
impl fmt::Display for TaskSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskSpec::Job(path) => write!(f, "job {path}"),
            TaskSpec::Command(command) => write!(f, "command {}", command.join(" ")),
        }
    }
}

/// Work, as a mapping: exactly one of `job` and `command`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "work: a mapping with `job` or `command`")]
#[cfg_attr(feature = "schema", schemars(transform = json_schema::one_task))]
struct WrittenTask {
    /// Manifests with Jobs, relative to `e2e.yaml`; all of them must complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    job: Option<String>,
    /// Program and arguments, run on the host in the folder of `e2e.yaml` with `KUBECONFIG` and the addresses of ports
    /// in its environment; it must exit with 0, and may run again with a later `up`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    command: Option<Vec<String>>,
}

impl TryFrom<WrittenTask> for TaskSpec {
    type Error = &'static str;

    fn try_from(written: WrittenTask) -> Result<TaskSpec, &'static str> {
        match (written.job, written.command) {
            (Some(path), None) => Ok(TaskSpec::Job(path)),
            (None, Some(command)) => Ok(TaskSpec::Command(command)),
            _ => Err("work has exactly one of `job` and `command`"),
        }
    }
}

impl From<TaskSpec> for WrittenTask {
    fn from(task: TaskSpec) -> WrittenTask {
        match task {
            TaskSpec::Job(path) => WrittenTask { job: Some(path), command: None },
            TaskSpec::Command(command) => WrittenTask { job: None, command: Some(command) },
        }
    }
}
