//! Follows a kustomization to the files that it is made of.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use kind_harness::suite::yaml;
use serde_json::Value;

use super::names::is_label;
use super::objects;
use super::survey::KUSTOMIZATIONS;

/// What a kustomization is made of. Objects are as its files write them: kustomize itself renders them later.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Objects of its resources and patches.
    pub(super) objects: Vec<Value>,
    /// Image references, replaced as `images` of the kustomizations say.
    pub(super) images: BTreeSet<String>,
    /// Folders and files that become objects; `Component`s, which only change others, are not among them.
    pub(super) reached: BTreeSet<PathBuf>,
    /// The namespace that it sets.
    pub(super) namespace: Option<String>,
    seen: BTreeSet<PathBuf>,
}

impl Tree {
    /// Follows the kustomization in `folder`, relative to `root`. What is outside of `root` or cannot be read is left out.
    pub(super) fn of(root: &Path, folder: &Path) -> Tree {
        let mut tree = Tree::default();
        tree.images = tree.read(root, folder);
        tree.namespace = content(root, folder)["namespace"].as_str().filter(|it| is_label(it)).map(str::to_owned);
        tree
    }

    /// Adds a kustomization, and returns its image references.
    fn read(&mut self, root: &Path, folder: &Path) -> BTreeSet<String> {
        let mut images = BTreeSet::new();
        if !self.seen.insert(folder.to_owned()) {
            return images;
        }
        let content = content(root, folder);
        if !is_component(&content) {
            self.reached.insert(folder.to_owned());
        }
        let list = |key: &str| content[key].as_array().cloned().unwrap_or_default();
        let entries = ["resources", "bases", "components", "patchesStrategicMerge"].into_iter().flat_map(list);
        let patches = list("patches").into_iter().map(|patch| patch["path"].clone());
        for entry in entries.chain(patches) {
            let Some(path) = entry.as_str().and_then(|entry| inside(folder, entry)) else { continue };
            if root.join(&path).is_dir() {
                images.extend(self.read(root, &path));
            } else if let Some(found) = objects::objects(&root.join(&path)) {
                self.reached.insert(path);
                found.iter().for_each(|object| objects::images(object, &mut images));
                self.objects.extend(found);
            }
        }
        images.into_iter().map(|image| replaced(&image, &list("images"))).collect()
    }
}

/// Returns whether the kustomization in `folder` only changes what others deploy.
pub(super) fn only_changes_others(root: &Path, folder: &Path) -> bool {
    is_component(&content(root, folder))
}

fn is_component(content: &Value) -> bool {
    content["kind"] == "Component"
}

/// Returns the kustomization in `folder`; null if there is none that can be read, which kustomize will report.
fn content(root: &Path, folder: &Path) -> Value {
    let file = KUSTOMIZATIONS.iter().map(|name| root.join(folder).join(name)).find(|path| path.is_file());
    let documents = file.and_then(|file| yaml::values(&fs_err::read_to_string(file).ok()?).ok());
    documents.and_then(|documents| documents.into_iter().next()).unwrap_or_default()
}

/// Returns the path of an entry of the kustomization in `folder`; `None` if it is an address, or outside of the root.
pub(super) fn inside(folder: &Path, entry: &str) -> Option<PathBuf> {
    if entry.contains("://") || entry.contains('\n') {
        return None;
    }
    let mut path = PathBuf::new();
    for part in folder.join(entry).components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir if path.pop() => {}
            _ => return None,
        }
    }
    Some(path)
}

/// Returns an image reference as the kustomization's `images` change it.
fn replaced(image: &str, changes: &[Value]) -> String {
    let name = super::images::without_tag(image);
    let Some(change) = changes.iter().find(|change| change["name"] == name) else { return image.to_owned() };
    let new_name = change["newName"].as_str().unwrap_or(name);
    match (change["digest"].as_str(), change["newTag"].as_str()) {
        (Some(digest), _) => format!("{new_name}@{digest}"),
        (None, Some(tag)) => format!("{new_name}:{tag}"),
        (None, None) => format!("{new_name}{}", &image[name.len()..]),
    }
}
