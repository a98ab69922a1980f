//! Finds how the images of this project are made, by their names.

use std::path::{Path, PathBuf};

use super::names::{from_path, label};
use super::project::Project;

/// An image that is made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Made {
    /// The reference, as the manifests write it.
    pub(super) image: String,
    /// The key and value that say in `e2e.yaml` how it is made.
    pub(super) key: String,
    /// Why it looks like it is made here.
    pub(super) because: String,
    /// The Dockerfile, if it is made by one.
    pub(super) dockerfile: Option<PathBuf>,
}

/// Returns how `image` is made here; `None` if it looks like one of others.
///
/// A Dockerfile is preferred to a cargo package: it may copy files that a binary alone lacks.
pub(super) fn made(image: &str, root: &Path, dockerfiles: &[PathBuf], project: &Project, suite: &str) -> Option<Made> {
    // Written in full, it is that of Docker Hub, even if the project has a Dockerfile to make it without a registry.
    if image.starts_with("docker.io/library/") {
        return None;
    }
    let base = without_tag(image).rsplit('/').next().unwrap_or(image);
    let with =
        |key: String, because: String, dockerfile| Some(Made { image: image.to_owned(), key, because, dockerfile });
    if let Some(file) = dockerfiles.iter().find(|file| named(file, root, suite).contains(&label(base))) {
        let because = format!("{} matches its name", file.display());
        return with(build(file, root), because, Some(file.clone()));
    }
    // The name that operator projects made by kubebuilder begin with.
    if without_tag(image) == "controller"
        && let Some(file) = dockerfiles.iter().find(|file| file.components().count() == 1)
    {
        return with(
            build(file, root),
            format!("operator projects build it by {}", file.display()),
            Some(file.clone()),
        );
    }
    let (package, bin) = binary(base, &project.binaries)?;
    let because = format!("the cargo package {package} has the binary {bin}");
    let key = if package == bin {
        format!("cargo: {}", super::texts::scalar(package))
    } else {
        format!("cargo: {{ package: {}, bin: {} }}", super::texts::scalar(package), super::texts::scalar(bin))
    };
    with(key, because, None)
}

/// Returns the binary of that name, or the only one of the package of that name.
fn binary<'a>(name: &str, binaries: &'a [(String, String)]) -> Option<(&'a str, &'a str)> {
    let named = binaries.iter().find(|(_, bin)| bin == name);
    let mut of_package = binaries.iter().filter(|(package, _)| package == name);
    let (package, bin) = named.or_else(|| of_package.next().filter(|_| of_package.next().is_none()))?;
    Some((package, bin))
}

/// Returns the names of images that a Dockerfile may be for: that of its folder, or of `api.Dockerfile`.
fn named(file: &Path, root: &Path, suite: &str) -> Vec<String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let word = name.split('.').find(|word| !["Dockerfile", "Containerfile"].contains(word));
    let folder = file.parent().unwrap_or(Path::new(""));
    let root_name = root.file_name().filter(|_| folder == Path::new("")).map(|name| label(&name.to_string_lossy()));
    match word {
        Some(word) => vec![label(word)],
        None => std::iter::once(from_path(folder, suite)).chain(root_name).collect(),
    }
}

/// Returns the entry for a Dockerfile. Its context is its own folder, or the project's if it copies files from there.
fn build(file: &Path, root: &Path) -> String {
    let folder = file.parent().unwrap_or(Path::new(""));
    let text = fs_err::read_to_string(root.join(file)).unwrap_or_default();
    let copies = text.lines().filter_map(|line| line.trim().strip_prefix("COPY ")).filter(|it| !it.contains("--from"));
    let mut sources = copies.filter_map(|copy| copy.split_whitespace().find(|word| !word.starts_with("--")));
    let is_of_root = |source: &str| !root.join(folder).join(source).exists() && root.join(source).exists();
    let context = if sources.any(|source| is_of_root(source.trim_start_matches('/'))) { Path::new("") } else { folder };
    let shown = file.strip_prefix(context).unwrap_or(file);
    let scalar = |path: &Path| super::texts::scalar(&super::names::shown(path));
    format!("build: {{ context: {}, dockerfile: {} }}", scalar(context), scalar(shown))
}

/// Returns an image reference without its tag and digest.
pub(super) fn without_tag(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    match name.rsplit_once(':') {
        // A colon before a slash is that of a registry's port.
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    }
}

#[cfg(test)]
mod tests;
