//! The `images` of a component in `e2e.yaml`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[cfg(feature = "schema")]
use super::json_schema;
use super::scalar::Scalar;
use super::text_or::{TextOr, text_or};

/// An image, and how to get it: from a registry, unless one of `recipe`, `cargo`, `build` and `command` makes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase", expecting = "an image: a mapping with `name`")]
pub struct ImageSpec {
    /// The reference as written in the manifests. From a registry it is pulled unchanged.
    pub name: String,
    /// Folder of the recipe that builds it if no registry is reachable, relative to `e2e.yaml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// A binary of a cargo package, whatever the source of other images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "json_schema::cargo"))]
    pub cargo: Option<CargoSpec>,
    /// A Dockerfile, whatever the source of other images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildSpec>,
    /// Program and arguments that leave an image of this name in the engine, run in the folder of `e2e.yaml` with `ENGINE`
    /// (docker, podman or nerdctl) and `IMAGE` (the name) in its environment, whatever the source of other images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub command: Option<Vec<String>>,
    /// Whether every text of the component's objects that is exactly this name is replaced too, such as the value of an
    /// environment variable or a field of a custom resource. Otherwise only the images of containers are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub everywhere: bool,
    /// Whether each node may pull it itself if this host cannot. No key of `e2e.yaml`: so it is with images that no
    /// component lists, since a node may have credentials that the host has not.
    #[serde(skip)]
    pub optional: bool,
}

impl ImageSpec {
    /// Returns whether a Dockerfile or a command makes it.
    pub(crate) fn is_made(&self) -> bool {
        self.build.is_some() || self.command.is_some()
    }

    /// Returns whether both are made in the same way; each component decides where it is replaced.
    pub(crate) fn is_made_like(&self, other: &ImageSpec) -> bool {
        *self == ImageSpec { everywhere: self.everywhere, ..other.clone() }
    }

    /// Returns the keys that say how the image is made; more than one contradict each other.
    pub(crate) fn makers(&self) -> impl Iterator<Item = &'static str> {
        let makers = [
            ("recipe", self.recipe.is_some()),
            ("cargo", self.cargo.is_some()),
            ("build", self.build.is_some()),
            ("command", self.command.is_some()),
        ];
        makers.into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| key)
    }
}

/// `redis:7`, or `shop/api (build .)`.
impl fmt::Display for ImageSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match (&self.recipe, &self.cargo, &self.build, &self.command) {
            (Some(recipe), ..) => write!(f, " (recipe {recipe})"),
            (_, Some(cargo), ..) => write!(f, " (cargo {})", cargo.binary()),
            (_, _, Some(build), _) => write!(f, " (build {})", build.context),
            (.., Some(command)) => write!(f, " (command {})", command.join(" ")),
            _ => Ok(()),
        }
    }
}

/// An image that a Dockerfile builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a build: a mapping with `context`")]
pub struct BuildSpec {
    /// Folder that the Dockerfile copies from, relative to `e2e.yaml`. Its `.dockerignore` counts.
    #[serde(default = "here")]
    pub context: String,
    /// The Dockerfile, relative to the context; `Dockerfile`, or else `Containerfile`, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dockerfile: Option<String>,
    /// The stage to build; the last when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Values of the Dockerfile's `ARG`s.
    #[serde(default)]
    pub args: BTreeMap<String, Scalar>,
    /// Further patterns of files that the image does not depend on, written as in `.dockerignore`.
    #[serde(default)]
    pub ignore: Vec<String>,
}

impl BuildSpec {
    /// Returns the Dockerfile in `context`, if there is one.
    pub(crate) fn file(&self, context: &Path) -> Option<PathBuf> {
        let usual = ["Dockerfile", "Containerfile"];
        let names = self.dockerfile.as_deref().map_or(usual.to_vec(), |name| vec![name]);
        names.into_iter().map(|name| context.join(name)).find(|path| path.is_file())
    }
}

fn here() -> String {
    ".".into()
}

/// An image whose program is a binary of a cargo package, linked statically.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CargoSpec {
    /// The package.
    pub package: String,
    /// The binary; one of the package's name when left out.
    pub bin: Option<String>,
    /// Features to enable.
    pub features: Vec<String>,
    /// The profile; the harness's own `image` when left out.
    pub profile: Option<String>,
    /// Files and folders, relative to `e2e.yaml`, and their places in the image.
    pub files: BTreeMap<String, String>,
    /// What is in the image beside the binary.
    pub base: Base,
}

/// A package, with defaults for the rest.
impl From<&str> for CargoSpec {
    fn from(package: &str) -> CargoSpec {
        CargoSpec { package: package.to_owned(), ..CargoSpec::default() }
    }
}

impl CargoSpec {
    /// Returns the name of the binary.
    #[must_use]
    pub fn binary(&self) -> &str {
        self.bin.as_deref().unwrap_or(&self.package)
    }

    /// Returns whether everything but the package has its default.
    fn is_plain(&self) -> bool {
        *self == CargoSpec { package: self.package.clone(), ..CargoSpec::default() }
    }
}

/// What an image of a cargo binary begins with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Base {
    /// Nothing.
    #[default]
    #[serde(rename = "scratch")]
    Scratch,
    /// The certificate authorities that the host trusts, for TLS to servers outside of the cluster.
    #[serde(rename = "scratch+ca")]
    ScratchWithAuthorities,
}

/// An image of a cargo binary, as a mapping.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a cargo image: a mapping with `package`")]
#[cfg_attr(feature = "schema", schemars(rename = "CargoSpec"))]
pub(super) struct WrittenCargo {
    /// The cargo package, of the workspace that `e2e.yaml` is in.
    package: String,
    /// The binary; one of the package's name when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bin: Option<String>,
    /// Features of the package to enable.
    #[serde(default)]
    features: Vec<String>,
    /// The profile; `image`, which is `release` without symbols, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    /// Files and folders to copy, relative to `e2e.yaml`, and their absolute paths in the image.
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// What is in the image beside the binary: nothing, or the certificate authorities that the host trusts.
    #[serde(default)]
    base: Base,
}

impl<'de> Deserialize<'de> for CargoSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match text_or(deserializer, "a package's name, or a mapping with `package`")? {
            TextOr::Text(package) => CargoSpec { package, ..CargoSpec::default() },
            TextOr::Mapping(WrittenCargo { package, bin, features, profile, files, base }) => {
                CargoSpec { package, bin, features, profile, files, base }
            }
        })
    }
}

impl Serialize for CargoSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_plain() {
            return serializer.serialize_str(&self.package);
        }
        let CargoSpec { package, bin, features, profile, files, base } = self.clone();
        WrittenCargo { package, bin, features, profile, files, base }.serialize(serializer)
    }
}
