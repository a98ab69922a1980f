//! Manifest files as objects.

mod duplicates;
mod files;
mod object;

use std::path::{Path, PathBuf};

use kube::core::DynamicObject;

pub(crate) use self::files::files;

use self::duplicates::Seen;
use crate::config::Component;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::yaml::{self, Node, Source, reason};

/// An object, and where it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Where it was read.
    pub source: ManifestSource,
    /// The object, as it was written.
    pub object: DynamicObject,
}

/// Where an object was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ManifestSource {
    /// The file, as the suite's paths name it.
    pub file: PathBuf,
    /// The line on which the object begins, from 1.
    pub line: usize,
}

/// `file:line`
impl std::fmt::Display for ManifestSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// Why manifests were refused: every problem that was found, not only the first.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{problems}")]
pub struct ManifestError {
    problems: Diagnostics,
}

impl ManifestError {
    /// The problems, file by file; at least one.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        self.problems.as_slice()
    }

    /// The problems as text for people, each with a caret under what is wrong. `Display` is the same without colour.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        self.problems.render(color)
    }
}

/// Reads `paths`, files or folders relative to `root`, in that order; within a folder by path.
///
/// A file may hold many documents; a `List` counts as its items, and an empty document as nothing.
///
/// # Errors
/// A path cannot be read or holds no object; a file is not UTF-8 or not YAML; an object lacks `apiVersion`, `kind` or
/// `metadata.name`, has metadata that Kubernetes does not know, or is there twice. All problems are reported together.
pub fn load(root: &Path, paths: &[String]) -> Result<Vec<Manifest>, ManifestError> {
    let mut reader = Reader::default();
    let manifests = reader.read(root, paths);
    reader.finish(manifests)
}

/// Reads the manifests of every component, as [`load`] does. The result is in the order of `components`.
///
/// # Errors
/// Those of [`load`]; two components having the same object is one of them.
pub fn load_all<'a>(
    root: &Path,
    components: impl IntoIterator<Item = &'a Component>,
) -> Result<Vec<Vec<Manifest>>, ManifestError> {
    let mut reader = Reader::default();
    let manifests = components.into_iter().map(|component| reader.read(root, &component.manifests)).collect();
    reader.finish(manifests)
}

/// What has been read, and what was wrong with it.
#[derive(Default)]
struct Reader {
    seen: Seen,
    problems: Vec<Diagnostic>,
}

impl Reader {
    fn read(&mut self, root: &Path, paths: &[String]) -> Vec<Manifest> {
        let mut manifests = Vec::new();
        for path in paths {
            let files = match files(root, path) {
                Ok(files) => files,
                Err(error) => {
                    let message = format!("this path cannot be read: {}", reason(&error));
                    self.problems.push(Diagnostic::of_file(Path::new(path), message));
                    continue;
                }
            };
            let (objects, problems) = (manifests.len(), self.problems.len());
            for file in files {
                match Source::read(&file, &root.join(&file)) {
                    Ok(source) => self.documents(&source, &mut manifests),
                    Err(problem) => self.problems.push(*problem),
                }
            }
            if manifests.len() == objects && self.problems.len() == problems {
                self.problems.push(Diagnostic::of_file(Path::new(path), "there is no object in here"));
            }
        }
        manifests
    }

    fn documents(&mut self, source: &Source, into: &mut Vec<Manifest>) {
        match yaml::documents(source) {
            Ok(documents) => documents.iter().for_each(|document| self.object(source, document, into)),
            Err(problem) => self.problems.push(*problem),
        }
    }

    fn object(&mut self, source: &Source, node: &Node, into: &mut Vec<Manifest>) {
        if let Some(items) = object::list_items(node) {
            items.iter().for_each(|item| self.object(source, item, into));
            return;
        }
        match object::object(source, node) {
            Ok(object) => {
                self.problems.extend(self.seen.again(source, node, &object));
                let line = source.position(node.span).line;
                into.push(Manifest { source: ManifestSource { file: source.path().to_owned(), line }, object });
            }
            Err(problems) => self.problems.extend(problems),
        }
    }

    fn finish<T>(self, manifests: T) -> Result<T, ManifestError> {
        if self.problems.is_empty() {
            Ok(manifests)
        } else {
            Err(ManifestError { problems: Diagnostics::in_order(self.problems) })
        }
    }
}

#[cfg(test)]
mod tests;
