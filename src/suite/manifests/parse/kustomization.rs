//! The subset of `kustomization.yaml` that is supported: `resources` and `patches`. `kubectl apply -k` accepts every
//! file that is accepted here, with the same result.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use super::files::is_manifest;
use crate::suite::manifests::overlay::KUSTOMIZATION;
use crate::suite::yaml::{self, Diagnostic, Node, Source, Span, reason};

/// A kustomization and all files that it includes; no manifest is read yet.
#[derive(Debug)]
pub(super) struct Kustomization {
    file: PathBuf,
    pub(super) resources: Vec<Resource>,
    pub(super) patches: Vec<PathBuf>,
}

/// An entry of `resources`.
#[derive(Debug)]
pub(super) enum Resource {
    File(PathBuf),
    Folder(Kustomization),
}

const API_VERSION: &str = "kustomize.config.k8s.io/v1beta1";
const KIND: &str = "Kustomization";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[serde(expecting = "a kustomization: a mapping with `resources` and `patches`")]
struct Written {
    api_version: String,
    kind: String,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    patches: Vec<WrittenPatch>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a patch: a mapping with the `path` of a file")]
struct WrittenPatch {
    path: String,
}

impl Kustomization {
    /// Reads the kustomization of `folder`, relative to `root`, and those that it includes. Invalid entries are added
    /// to `problems`, and left out.
    pub(super) fn read(root: &Path, folder: &Path, problems: &mut Vec<Diagnostic>) -> Kustomization {
        Kustomization::within(&[], root, folder, problems)
    }

    /// Reads a kustomization like [`Kustomization::read`], included by those of the folders `above`.
    fn within(above: &[PathBuf], root: &Path, folder: &Path, problems: &mut Vec<Diagnostic>) -> Kustomization {
        let above = [above, &[folder.to_owned()]].concat();
        let mut all = Kustomization { file: folder.join(KUSTOMIZATION), resources: Vec::new(), patches: Vec::new() };
        let read = Source::read(&all.file, &root.join(&all.file));
        match read.and_then(|source| Ok((only_document(&source)?, source))) {
            Ok((tree, source)) => {
                let (written, found) = yaml::decode::<Written>(&source, &tree);
                problems.extend(found);
                if let Some(written) = written {
                    Entries { root, folder, above: &above, source: &source, tree: &tree, problems }
                        .read(&written, &mut all);
                }
            }
            Err(problem) => problems.push(*problem),
        }
        all
    }

    /// Returns every file that it includes, itself first.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let mut files = vec![self.file.clone()];
        for resource in &self.resources {
            match resource {
                Resource::File(file) => files.push(file.clone()),
                Resource::Folder(folder) => files.extend(folder.files()),
            }
        }
        files.extend(self.patches.iter().cloned());
        files
    }
}

fn only_document(source: &Source) -> Result<Node, Box<Diagnostic>> {
    let mut documents = yaml::documents(source)?;
    match documents.get(1) {
        Some(second) => {
            let message = "a second document begins here; a kustomization is one document";
            Err(Box::new(Diagnostic::at(source, second.span, message)))
        }
        None => documents.pop().ok_or_else(|| Box::new(Diagnostic::of_file(source.path(), "the file is empty"))),
    }
}

/// Resolves the entries of one kustomization.
struct Entries<'a> {
    root: &'a Path,
    folder: &'a Path,
    /// This folder, and those of the kustomizations that include it.
    above: &'a [PathBuf],
    source: &'a Source,
    tree: &'a Node,
    problems: &'a mut Vec<Diagnostic>,
}

impl Entries<'_> {
    fn read(&mut self, written: &Written, into: &mut Kustomization) {
        for (key, is, must) in [("apiVersion", &written.api_version, API_VERSION), ("kind", &written.kind, KIND)] {
            if is != must {
                self.refuse(self.tree.at(key).span, format!("`{is}` is not read here"), format!("write `{must}`"));
            }
        }
        let before = self.problems.len();
        for (index, path) in written.resources.iter().enumerate() {
            let span = self.tree.at("resources").item(index).span;
            into.resources.extend(self.resource(path, span));
        }
        for (index, patch) in written.patches.iter().enumerate() {
            let span = self.tree.at("patches").item(index).at("path").span;
            into.patches.extend(self.file(&patch.path, span));
        }
        if self.problems.len() == before {
            self.refuse_forgotten(into);
        }
    }

    fn resource(&mut self, path: &str, span: Span) -> Option<Resource> {
        let shown = plain(&self.folder.join(path));
        if !self.root.join(&shown).is_dir() {
            return self.file(path, span).map(Resource::File);
        }
        if self.folder.starts_with(&shown) {
            let message = format!("this kustomization is in `{path}`, so it cannot include it");
            self.refuse(span, message, "include a folder beside it, such as `../../base`");
            None
        } else if self.above.contains(&shown) {
            let help = "remove one of the entries that lead around";
            self.refuse(span, format!("`{path}` includes this kustomization itself"), help);
            None
        } else if self.root.join(&shown).join(KUSTOMIZATION).is_file() {
            Some(Resource::Folder(Kustomization::within(self.above, self.root, &shown, self.problems)))
        } else {
            let help = format!("name its files, or give it a {KUSTOMIZATION}");
            self.refuse(span, format!("the folder `{path}` has no {KUSTOMIZATION}"), help);
            None
        }
    }

    fn file(&mut self, path: &str, span: Span) -> Option<PathBuf> {
        let shown = plain(&self.folder.join(path));
        if !self.root.join(&shown).is_file() {
            let help = "paths are relative to the folder of this file";
            self.refuse(span, format!("`{path}` does not exist"), help);
            None
        } else if !shown.starts_with(self.folder) {
            let help = format!("kubectl refuses it; give its folder a {KUSTOMIZATION} and name the folder");
            self.refuse(span, format!("the file `{path}` is outside of this kustomization's folder"), help);
            None
        } else {
            Some(shown)
        }
    }

    /// Reports files that are not included: they look as if they had an effect.
    fn refuse_forgotten(&mut self, read: &Kustomization) {
        let known: BTreeSet<PathBuf> = read.files().into_iter().collect();
        let entries = match std::fs::read_dir(self.root.join(self.folder)) {
            Ok(entries) => entries,
            Err(error) => {
                let message = format!("this folder cannot be read: {}", reason(&error));
                return self.problems.push(Diagnostic::of_file(self.folder, message));
            }
        };
        let names = entries.flatten().filter(|entry| entry.path().is_file()).map(|entry| entry.file_name());
        let mut forgotten: Vec<PathBuf> = names
            .filter(|name| !name.as_encoded_bytes().starts_with(b"."))
            .map(|name| self.folder.join(name))
            .filter(|file| is_manifest(file) && !known.contains(file))
            .collect();
        forgotten.sort();
        for file in forgotten {
            let message = format!("this file is neither in `resources` nor in `patches` of {}", read.file.display());
            self.problems.push(Diagnostic::of_file(&file, message).help("name it there, or remove it"));
        }
    }

    fn refuse(&mut self, span: Span, message: impl AsRef<str>, help: impl AsRef<str>) {
        self.problems.push(Diagnostic::at(self.source, span, message).help(help));
    }
}

/// Returns `path` without `.`, and with each `..` resolved against the part before it, if there is one.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, component| {
        match component {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => {
                plain.pop();
            }
            other => plain.push(other),
        }
        plain
    })
}
