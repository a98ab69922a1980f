//! Parses manifest files into objects.

mod duplicates;
mod files;
mod object;

use std::path::{Path, PathBuf};

use kube::core::DynamicObject;

pub(crate) use self::files::plain_files;

use self::duplicates::Seen;
use crate::readiness::redact::Redactor;
use crate::readiness::{ObjectRef, kinds};
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
/// A folder is read at any depth, by path. A file may have many documents; a `List` counts as its items, and empty
/// documents are skipped.
///
/// # Errors
/// A path cannot be read, or has no object; a file is not UTF-8 or not YAML; an object lacks `apiVersion`, `kind` or
/// `metadata.name`, has unknown metadata, or is a duplicate. All problems are reported together.
pub fn load(root: &Path, paths: &[String]) -> Result<Vec<Manifest>, ManifestError> {
    let mut reader = Reader::default();
    let manifests = paths.iter().flat_map(|path| reader.plain(root, path, None)).collect();
    reader.finish(manifests)
}

/// The files read so far, and their problems.
#[derive(Default)]
pub(crate) struct Reader {
    seen: Seen,
    problems: Vec<Diagnostic>,
}

impl Reader {
    /// Returns the objects in the files of `path`. Those that name no namespace are in `namespace`, if there is one.
    pub(crate) fn plain(&mut self, root: &Path, path: &str, namespace: Option<&str>) -> Vec<Manifest> {
        match plain_files(root, path) {
            Ok(files) => {
                let files = files.into_iter().map(|file| (root.join(&file), file));
                self.files(Path::new(path), files, namespace)
            }
            Err(error) => {
                let message = format!("this path cannot be read: {}", reason(&error));
                self.problem(Diagnostic::of_file(Path::new(path), message));
                Vec::new()
            }
        }
    }

    /// Returns the objects in `files`, each with the name that messages use; it is a problem if there is none.
    pub(crate) fn files(
        &mut self,
        path: &Path,
        files: impl IntoIterator<Item = (PathBuf, PathBuf)>,
        namespace: Option<&str>,
    ) -> Vec<Manifest> {
        let (mut manifests, problems) = (Vec::new(), self.problems.len());
        for (real, shown) in files {
            for (source, document) in self.open(&real, &shown) {
                self.object(&source, &document, namespace, &mut manifests);
            }
        }
        if manifests.is_empty() && self.problems.len() == problems {
            self.problem(Diagnostic::of_file(path, "there is no object in here"));
        }
        // Before anything of them is quoted, even in a problem.
        manifests.iter().for_each(|manifest| manifest.teach(Redactor::global()));
        manifests
    }

    /// Adds a problem.
    pub(crate) fn problem(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    /// Returns the documents of a file, each with its source.
    fn open(&mut self, real: &Path, shown: &Path) -> Vec<(Source, Node)> {
        let read = Source::read(shown, real);
        match read.and_then(|source| Ok((yaml::documents(&source)?, source))) {
            Ok((documents, source)) => documents.into_iter().map(|document| (source.clone(), document)).collect(),
            Err(problem) => {
                self.problems.push(*problem);
                Vec::new()
            }
        }
    }

    fn object(&mut self, source: &Source, node: &Node, namespace: Option<&str>, into: &mut Vec<Manifest>) {
        if let Some(items) = object::list_items(node) {
            items.iter().for_each(|item| self.object(source, item, namespace, into));
            return;
        }
        match object::object(source, node) {
            Ok(mut object) => {
                place(&mut object, namespace);
                self.problems.extend(self.seen.again(source, node, &object));
                let line = source.position(node.span).line;
                into.push(Manifest { source: ManifestSource { file: source.path().to_owned(), line }, object });
            }
            Err(problems) => self.problems.extend(problems),
        }
    }

    /// Returns `manifests`, unless there was a problem.
    pub(crate) fn finish<T>(self, manifests: T) -> Result<T, ManifestError> {
        if self.problems.is_empty() {
            Ok(manifests)
        } else {
            Err(ManifestError { problems: Diagnostics::in_order(self.problems) })
        }
    }
}

/// Puts an object that names no namespace into `namespace`, unless its kind is known to have none. That of a custom
/// resource is only known to the cluster, which is asked when the object is applied.
fn place(object: &mut DynamicObject, namespace: Option<&str>) {
    let gvk = ObjectRef::of(object).gvk();
    if object.metadata.namespace.is_none() && kinds::find(&gvk.group, &gvk.kind).is_none_or(|kind| kind.namespaced) {
        object.metadata.namespace = namespace.map(str::to_owned);
    }
}

#[cfg(test)]
mod tests;
