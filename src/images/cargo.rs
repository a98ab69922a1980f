//! Images of the workspace's own binaries: cargo builds them statically, and each is the only file of its image.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::Deserialize;

use super::ImageError;
use super::variables::Variables;
use crate::host::exec::Cmd;
use crate::report::Step;
use crate::suite::config::CargoSpec;

/// Static binaries do not depend on the host's C library, and need no base image.
const FLAGS: [&str; 2] = ["-C", "target-feature=+crt-static"];

/// The profile of binaries that name none.
const PROFILE: &str = "image";

/// Returns the names of `binaries`, for messages.
pub(super) fn names(binaries: &[CargoSpec]) -> String {
    binaries.iter().map(CargoSpec::binary).collect::<Vec<_>>().join(", ")
}

/// Returns the cargo commands that build `binaries` of the workspace at `root`: one for each profile.
pub(super) fn commands(root: &Path, binaries: &[CargoSpec], variables: &Variables) -> Vec<Cmd> {
    let mut by_profile: BTreeMap<&str, Vec<&CargoSpec>> = BTreeMap::new();
    for spec in binaries {
        by_profile.entry(spec.profile.as_deref().unwrap_or(PROFILE)).or_default().push(spec);
    }
    by_profile.into_iter().map(|(profile, specs)| command(root, profile, &specs, variables)).collect()
}

fn command(root: &Path, profile: &str, specs: &[&CargoSpec], variables: &Variables) -> Cmd {
    let mut command = Cmd::new("cargo", ["build", "--profile", profile, "--target", "host-tuple"])
        .arg("--message-format=json-render-diagnostics")
        // `image` is defined here, so that a suite's workspace need not define it.
        .arg("--config=profile.image.inherits='release'")
        .arg("--config=profile.image.strip=true")
        // Variables that an outer cargo sets for its own package; build scripts that depend on them would all run
        // again.
        .without_env(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "OUT_DIR"].iter().any(|own| name.starts_with(own))
        })
        .env("CARGO_ENCODED_RUSTFLAGS", variables.rustflags(&FLAGS))
        .deadline(super::BUILD)
        .dir(root);
    for package in specs.iter().map(|spec| &spec.package).collect::<BTreeSet<_>>() {
        command = command.arg("-p").arg(package);
    }
    if specs.iter().any(|spec| spec.bin.is_some()) {
        for spec in specs {
            command = command.arg("--bin").arg(spec.binary());
        }
    }
    let features: BTreeSet<String> =
        specs.iter().flat_map(|spec| spec.features.iter().map(|it| format!("{}/{it}", spec.package))).collect();
    if !features.is_empty() {
        command = command.arg("--features").arg(features.into_iter().collect::<Vec<_>>().join(","));
    }
    command
}

/// Builds `wanted` and returns each binary; with `locked`, only with the dependencies of the lock file.
pub(super) async fn build(
    root: &Path,
    wanted: &[CargoSpec],
    variables: &Variables,
    locked: bool,
    step: &Step,
) -> Result<BTreeMap<CargoSpec, PathBuf>, ImageError> {
    let binaries = Arc::new(Mutex::new(BTreeMap::new()));
    for command in commands(root, wanted, variables) {
        let (say, found) = (step.handle(), binaries.clone());
        let command = if locked { command.arg("--locked") } else { command };
        let built = command.stream(move |line| match executable(line) {
            Some((name, path)) => {
                if let Ok(mut found) = found.lock() {
                    found.insert(name, path);
                }
            }
            None if !line.starts_with('{') => say.progress(line.trim()),
            None => {}
        });
        built.await.map_err(|source| ImageError::Build { image: names(wanted), source })?;
    }
    let binaries = binaries.lock().map(|found| found.clone()).unwrap_or_default();
    let binary = |spec: &CargoSpec| {
        let (package, name) = (spec.package.clone(), spec.binary().to_owned());
        let path = binaries.get(&name).cloned().ok_or(ImageError::NoBinary { package, name })?;
        Ok((spec.clone(), path))
    };
    wanted.iter().map(binary).collect()
}

/// Returns the name and path of the binary in a line of cargo's JSON output.
fn executable(line: &str) -> Option<(String, PathBuf)> {
    let message: Message = serde_json::from_str(line).ok()?;
    Some((message.target?.name, message.executable?))
}

/// The fields used of a line of cargo's JSON output.
#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// The fields used of the output of `cargo metadata --format-version 1`.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) workspace_root: PathBuf,
    pub(super) packages: Vec<Package>,
}

/// A package of the workspace.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

impl Package {
    pub(super) fn folder(&self) -> Option<&Path> {
        self.manifest_path.parent()
    }

    /// Returns the folders of its path dependencies, except dev and optional ones.
    pub(super) fn needs(&self) -> impl Iterator<Item = &Path> {
        let needs = self.dependencies.iter().filter(|need| need.kind.as_deref() != Some("dev") && !need.optional);
        needs.filter_map(|need| need.path.as_deref())
    }
}

#[derive(Debug, Deserialize)]
struct Dependency {
    /// `None` for a normal one, `dev` or `build`.
    kind: Option<String>,
    optional: bool,
    path: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_binaries_among_cargos_messages() {
        let line = |executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"api 0.1.0","manifest_path":"/w/api/Cargo.toml","target":
                {{"kind":["bin"],"crate_types":["bin"],"name":"api","src_path":"/w/api/src/main.rs","edition":"2024"}},
                "profile":{{"opt_level":"3","debug_assertions":false,"overflow_checks":false,"test":false}},
                "features":[],"filenames":[],"executable":{executable},"fresh":true}}"#
            )
        };
        assert_eq!(executable(&line("\"/t/api\"")), Some(("api".into(), "/t/api".into())));
        assert_eq!(executable(&line("null")), None);
        assert_eq!(executable("   Compiling api v0.1.0"), None);
    }
}
