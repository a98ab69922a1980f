//! The layout of a component's manifests: overlays, a kustomization, or plain files.

use std::io;
use std::path::{Path, PathBuf};

use super::kustomization::kustomization;
use crate::suite::yaml::did_you_mean;

/// How the manifests at a path are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layout {
    /// A file, or a folder of manifests at any depth.
    Plain,
    /// A kustomization.
    Kustomization(PathBuf),
    /// It has overlays, but not the requested one; contains their names, sorted.
    NoOverlay(Vec<String>),
}

/// Returns how `path`, relative to `root`, is read with `overlay`: a folder with overlays by its `overlays/<overlay>`
/// only.
///
/// # Errors
/// The path cannot be read.
pub(crate) fn layout(root: &Path, path: &str, overlay: &str) -> io::Result<Layout> {
    let overlays = overlays(root, path)?;
    Ok(if overlays.iter().any(|name| name == overlay) {
        Layout::Kustomization(Path::new(path).join("overlays").join(overlay))
    } else if !overlays.is_empty() {
        Layout::NoOverlay(overlays)
    } else if kustomization(&root.join(path)).is_some() {
        Layout::Kustomization(path.into())
    } else {
        Layout::Plain
    })
}

/// Returns the names of the overlays of `path`, sorted: the kustomizations in its folder `overlays`.
///
/// # Errors
/// The folder cannot be read.
pub(crate) fn overlays(root: &Path, path: &str) -> io::Result<Vec<String>> {
    let folder = root.join(path).join("overlays");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let entry = entry?;
        if kustomization(&entry.path()).is_some() {
            names.extend(entry.file_name().into_string());
        }
    }
    names.sort();
    Ok(names)
}

/// Returns a suggestion instead of `overlay`.
pub(crate) fn instead(overlay: &str, there: &[String]) -> String {
    did_you_mean(overlay, there.iter().map(String::as_str)).unwrap_or_else(|| {
        let list: Vec<String> = there.iter().map(|name| format!("`{name}`")).collect();
        format!("the overlays are {}", list.join(", "))
    })
}
