//! Images of the workspace's own binaries: built by cargo as static binaries, wrapped into an image that holds nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::ImageError;
use crate::exec::Cmd;
use crate::report::Step;

/// Builds `packages` of the workspace at `root` in one cargo run and returns the binary of each.
///
/// The binaries are static, so that they run whatever C library this host has, and need no base image.
pub(super) async fn build(
    root: &Path,
    packages: &[String],
    step: &Step,
) -> Result<BTreeMap<String, PathBuf>, ImageError> {
    let mut command = Cmd::new("cargo", ["build", "--profile", "image", "--target", "host-tuple"])
        .arg("--message-format=json-render-diagnostics")
        // Defined here, so that a suite's workspace need not know of it.
        .arg("--config=profile.image.inherits='release'")
        .arg("--config=profile.image.strip=true")
        // What an outer cargo says of its own package; build scripts that listen to it would all run again.
        .without_env(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "OUT_DIR"].iter().any(|own| name.starts_with(own))
        })
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .dir(root);
    for package in packages {
        command = command.arg("-p").arg(package);
    }
    let binaries = Arc::new(Mutex::new(BTreeMap::new()));
    let (say, found) = (step.handle(), binaries.clone());
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

/// Name and path of the binary that a line of cargo's JSON output announces.
fn executable(line: &str) -> Option<(String, PathBuf)> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let name = message.pointer("/target/name")?.as_str()?;
    Some((name.into(), message.get("executable")?.as_str()?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_binaries_among_cargos_messages() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"api","kind":["bin"]},"executable":"/t/api"}"#;
        assert_eq!(executable(line), Some(("api".into(), "/t/api".into())));
        assert_eq!(executable(r#"{"reason":"compiler-artifact","target":{"name":"api"},"executable":null}"#), None);
        assert_eq!(executable("   Compiling api v0.1.0"), None);
    }
}
