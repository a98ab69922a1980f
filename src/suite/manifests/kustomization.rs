//! The files that a kustomization is made of. What they mean is known to kustomize alone.

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

/// The names that a kustomization may have.
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Returns the kustomization of `folder`, if it is one.
pub(crate) fn kustomization(folder: &Path) -> Option<PathBuf> {
    NAMES.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Returns whether `folder` has a kustomization.
pub(crate) fn is_kustomization(folder: &Path) -> bool {
    kustomization(folder).is_some()
}

/// Returns the files that the kustomization in `folder` refers to, directly or through other kustomizations: every text
/// in them that is the path of a file. There may be some that it does not use.
///
/// # Errors
/// A kustomization cannot be read.
pub(crate) fn inputs(folder: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut open = vec![clean(folder)];
    let mut seen = BTreeSet::new();
    while let Some(folder) = open.pop() {
        let Some(file) = kustomization(&folder).filter(|_| seen.insert(folder.clone())) else { continue };
        let mut texts = BTreeSet::new();
        // A file that is no YAML is refused by kustomize, with a better message.
        let content: Value = serde_saphyr::from_str(&fs_err::read_to_string(&file)?).unwrap_or_default();
        collect(&content, &mut texts);
        found.insert(file);
        for path in texts.iter().flat_map(|text| paths(&folder, text)) {
            if path.is_dir() {
                open.push(path);
            } else if path.is_file() {
                found.insert(path);
            }
        }
    }
    Ok(found)
}

/// Returns the paths that a text may be: itself, or what follows `key=`, as in the files of a generator.
fn paths(folder: &Path, text: &str) -> impl Iterator<Item = PathBuf> {
    let is_path = |text: &&str| !text.is_empty() && !text.contains(['\n', '\0']);
    let after_key = text.split_once('=').map(|(_, path)| path);
    [Some(text), after_key]
        .into_iter()
        .flatten()
        .filter(is_path)
        .map(|text| clean(&folder.join(text)))
        .collect::<Vec<_>>()
        .into_iter()
}

fn collect(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(texts.insert(text.clone())),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, texts)),
        _ => {}
    }
}

/// Returns `path` without `.` and `..`, as far as names tell.
fn clean(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut out, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            part => out.push(part),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_a_kustomization_names_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let write = |path: &str, text: &str| {
            fs_err::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs_err::write(root.join(path), text).unwrap();
        };
        write(
            "overlays/dev/kustomization.yml",
            "resources: [../../base, https://example.org/x.yaml]\npatches: [{path: p.yaml}]\n\
             configMapGenerator: [{name: c, files: [key=c.txt], envs: [a.env]}]\nreplacements: [{path: r.yaml}]\n",
        );
        for path in ["p.yaml", "c.txt", "a.env", "r.yaml", "unused.yaml"] {
            write(&format!("overlays/dev/{path}"), "");
        }
        write("base/kustomization.yaml", "resources: [a.yaml, gone.yaml]\ncomponents: [../overlays/dev]\n");
        write("base/a.yaml", "");
        let found = inputs(&root.join("overlays/dev")).unwrap();
        let found: Vec<_> = found.iter().map(|path| path.strip_prefix(root).unwrap().to_str().unwrap()).collect();
        let dev =
            ["a.env", "c.txt", "kustomization.yml", "p.yaml", "r.yaml"].map(|name| format!("overlays/dev/{name}"));
        assert_eq!(found, [&["base/a.yaml".to_owned(), "base/kustomization.yaml".into()][..], &dev].concat());
    }
}
