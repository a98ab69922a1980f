//! Names of components, from the folders that they are in.

use std::path::Path;

/// Folders whose names say what kind of files they have, not of what.
const GENERIC: [&str; 19] = [
    "base",
    "chart",
    "charts",
    "config",
    "default",
    "deploy",
    "deployment",
    "dev",
    "docker",
    "e2e",
    "helm",
    "k8s",
    "kubernetes",
    "kustomize",
    "local",
    "manifests",
    "overlays",
    "services",
    "test",
];

/// The longest name: cluster names, which begin with the suite's, have 48 characters at most.
const LONGEST: usize = 36;

/// Returns the name of what is in `folder`: its own, or that of the next folder above that has one; else `suite`.
pub(super) fn from_path(folder: &Path, suite: &str) -> String {
    let mut names = folder.iter().rev().map(|name| label(&name.to_string_lossy()));
    names.find(|name| !GENERIC.contains(&name.as_str())).unwrap_or_else(|| suite.to_owned())
}

/// Returns `text` as a DNS label.
pub(super) fn label(text: &str) -> String {
    let text: String =
        text.to_lowercase().chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '-' }).collect();
    let text: String = text.trim_matches('-').chars().take(LONGEST).collect();
    let text = text.trim_end_matches('-');
    if text.is_empty() { "suite".to_owned() } else { text.to_owned() }
}

/// Returns a path as `e2e.yaml` writes it: the folder itself is `.`.
pub(super) fn shown(path: &Path) -> String {
    if path == Path::new("") { ".".to_owned() } else { path.display().to_string() }
}

/// Returns whether `text` is a DNS label, as the names of namespaces are.
pub(super) fn is_label(text: &str) -> bool {
    let is_inner = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    !text.is_empty() && text.len() <= 63 && text.chars().all(is_inner) && !text.starts_with('-') && !text.ends_with('-')
}
