//! Images of the workspace's own binaries: cargo builds them statically, and each is the only file of its image.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::Deserialize;

use super::ImageError;
use super::variables::Variables;
use crate::host::exec::Cmd;
use crate::report::Step;

/// Static binaries do not depend on the host's C library, and need no base image.
const FLAGS: [&str; 2] = ["-C", "target-feature=+crt-static"];

/// Returns the single cargo command that builds `packages` of the workspace at `root`.
pub(super) fn command(root: &Path, packages: &[String], variables: &Variables) -> Cmd {
    let mut command = Cmd::new("cargo", ["build", "--profile", "image", "--target", "host-tuple"])
        .arg("--message-format=json-render-diagnostics")
        // Defined here, so that a suite's workspace need not define it.
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
    for package in packages {
        command = command.arg("-p").arg(package);
    }
    command
}

/// Builds `packages` and returns the binary of each; with `locked`, only with the dependencies of the lock file.
pub(super) async fn build(
    root: &Path,
    packages: &[String],
    variables: &Variables,
    locked: bool,
    step: &Step,
) -> Result<BTreeMap<String, PathBuf>, ImageError> {
    let binaries = Arc::new(Mutex::new(BTreeMap::new()));
    let (say, found) = (step.handle(), binaries.clone());
    let command = command(root, packages, variables);
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
    built.await.map_err(|source| ImageError::Build { image: packages.join(", "), source })?;
    let mut binaries = binaries.lock().map(|found| found.clone()).unwrap_or_default();
    let wanted = packages.iter().map(|package| {
        let path = binaries.remove(package).ok_or_else(|| ImageError::NoBinary { package: package.clone() })?;
        Ok((package.clone(), path))
    });
    wanted.collect()
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
