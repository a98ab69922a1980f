//! Parses manifest files into objects.

mod duplicates;
mod files;
mod kustomization;
mod object;
mod patch;

use std::io;
use std::path::{Path, PathBuf};

use kube::core::DynamicObject;

pub(crate) use self::files::plain_files;

use self::duplicates::Seen;
use self::kustomization::{Kustomization, Resource};
use super::overlay::{Layout, instead, layout};
use crate::readiness::redact::Redactor;
use crate::suite::yaml::{self, Diagnostic, Diagnostics, Node, Source, reason};

/// An object, and its location.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Its location.
    pub source: ManifestSource,
    /// The object, as it was written.
    pub object: DynamicObject,
}

impl Manifest {
    /// Registers the object's secrets, and its public names, with `redactor`.
    pub(crate) fn teach(&self, redactor: &Redactor) {
        let metadata = &self.object.metadata;
        redactor.spare(metadata.name.iter().chain(&metadata.namespace));
        match &self.object.types {
            Some(types) if types.kind == "Secret" => redactor.learn_secret(&self.object.data),
            _ => redactor.learn_object(&self.object.data),
        }
    }
}

/// Location of an object in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ManifestSource {
    /// The file, as in the suite's paths.
    pub file: PathBuf,
    /// The line on which the object starts, from 1.
    pub line: usize,
}

/// `file:line`
impl std::fmt::Display for ManifestSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// Rejected manifests, with all problems that were found, not only the first.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{problems}")]
pub struct ManifestError {
    problems: Diagnostics,
}

impl ManifestError {
    /// Returns the problems, file by file; at least one.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        self.problems.as_slice()
    }

    /// Returns the problems as text, with a caret under each. `Display` is the same without colour.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        self.problems.render(color)
    }
}

/// Reads `paths`, files or folders relative to `root`, in that order.
///
/// A folder with overlays is read by its `overlays/<overlay>`, a folder with a `kustomization.yaml` by that (of
/// kustomize: `resources` and `patches`), and any other one at any depth, by path. A file may have many documents; a
/// `List` counts as its items, and empty documents are skipped.
///
/// # Errors
/// A path cannot be read, has no object, or has overlays but not this one; a file is not UTF-8 or not YAML; an object
/// lacks `apiVersion`, `kind` or `metadata.name`, has unknown metadata, or is a duplicate; a kustomization has
/// unsupported fields, or omits a file; a patch has no object. All problems are reported together.
pub fn load(root: &Path, overlay: &str, paths: &[String]) -> Result<Vec<Manifest>, ManifestError> {
    let mut reader = Reader::default();
    let manifests = reader.read(root, overlay, paths);
    reader.finish(manifests)
}

/// Reads the manifests of every component, given by their paths, like [`load`]. The result is in the order of
/// `components`.
///
/// # Errors
/// Those of [`load`]; the same object in two components is one of them.
pub fn load_all<'a>(
    root: &Path,
    overlay: &str,
    components: impl IntoIterator<Item = &'a [String]>,
) -> Result<Vec<Vec<Manifest>>, ManifestError> {
    let mut reader = Reader::default();
    let manifests = components.into_iter().map(|paths| reader.read(root, overlay, paths)).collect();
    reader.finish(manifests)
}

/// Returns the files that [`load`] reads for `path`, relative to `root`, with `overlay`.
///
/// # Errors
/// The path cannot be read, or has no such overlay.
pub(crate) fn files(root: &Path, overlay: &str, path: &str) -> io::Result<Vec<PathBuf>> {
    match layout(root, path, overlay)? {
        Layout::Plain => plain_files(root, path),
        // Its problems are reported when the manifests themselves are read.
        Layout::Kustomization(folder) => Ok(Kustomization::read(root, &folder, &mut Vec::new()).files()),
        Layout::NoOverlay(_) => Err(io::Error::new(io::ErrorKind::NotFound, format!("{path}: no overlay {overlay}"))),
    }
}

/// The files read so far, and their problems.
#[derive(Default)]
struct Reader {
    seen: Seen,
    problems: Vec<Diagnostic>,
}

impl Reader {
    fn read(&mut self, root: &Path, overlay: &str, paths: &[String]) -> Vec<Manifest> {
        let mut manifests = Vec::new();
        for path in paths {
            let (objects, problems) = (manifests.len(), self.problems.len());
            if let Err(problem) = self.path(root, overlay, path, &mut manifests) {
                self.problems.push(problem);
            }
            if manifests.len() == objects && self.problems.len() == problems {
                self.problems.push(Diagnostic::of_file(Path::new(path), "there is no object in here"));
            }
        }
        // Before anything of them is quoted, even in a problem.
        manifests.iter().for_each(|manifest| manifest.teach(Redactor::global()));
        manifests
    }

    fn path(&mut self, root: &Path, overlay: &str, path: &str, into: &mut Vec<Manifest>) -> Result<(), Diagnostic> {
        let unreadable = |error: io::Error| {
            Diagnostic::of_file(Path::new(path), format!("this path cannot be read: {}", reason(&error)))
        };
        match layout(root, path, overlay).map_err(unreadable)? {
            Layout::Plain => {
                for file in plain_files(root, path).map_err(unreadable)? {
                    self.file(root, &file, into);
                }
            }
            Layout::Kustomization(folder) => {
                let kustomization = Kustomization::read(root, &folder, &mut self.problems);
                into.extend(self.kustomization(root, &kustomization));
            }
            Layout::NoOverlay(there) => {
                let problem = Diagnostic::of_file(Path::new(path), format!("there is no overlay `{overlay}` in here"));
                return Err(problem.help(instead(overlay, &there)));
            }
        }
        Ok(())
    }

    fn kustomization(&mut self, root: &Path, kustomization: &Kustomization) -> Vec<Manifest> {
        let mut manifests = Vec::new();
        for resource in &kustomization.resources {
            match resource {
                Resource::File(file) => self.file(root, file, &mut manifests),
                Resource::Folder(folder) => manifests.extend(self.kustomization(root, folder)),
            }
        }
        for file in &kustomization.patches {
            for (source, document) in self.open(root, file) {
                let patched = patch::apply(&source, &document, &mut manifests);
                self.problems.extend(patched.err().map(|problem| *problem));
            }
        }
        manifests
    }

    fn file(&mut self, root: &Path, file: &Path, into: &mut Vec<Manifest>) {
        for (source, document) in self.open(root, file) {
            self.object(&source, &document, into);
        }
    }

    /// Returns the documents of `file`, each with its source.
    fn open(&mut self, root: &Path, file: &Path) -> Vec<(Source, Node)> {
        let read = Source::read(file, &root.join(file));
        match read.and_then(|source| Ok((yaml::documents(&source)?, source))) {
            Ok((documents, source)) => documents.into_iter().map(|document| (source.clone(), document)).collect(),
            Err(problem) => {
                self.problems.push(*problem);
                Vec::new()
            }
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
