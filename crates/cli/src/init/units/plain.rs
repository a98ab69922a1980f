//! Folders of plain manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::kustomizations::Claimed;
use super::{Chosen, Source, Unit};
use crate::init::names::{from_path, shown};
use crate::init::objects::{identity, images, objects, text};
use crate::init::survey::Survey;

/// The folders in which manifests are looked for.
pub(in crate::init) const FOLDERS: [&str; 5] = ["manifests", "deploy", "k8s", "kubernetes", "config"];

impl Chosen {
    /// Adds a component for each folder of manifests: for each folder in `manifests`, or for `manifests` itself if files
    /// are in it directly.
    pub(super) fn plain(&mut self, root: &Path, survey: &Survey, claimed: &Claimed, suite: &str) {
        let mut seen: BTreeSet<String> = self.units.iter().flat_map(|unit| &unit.objects).map(identity).collect();
        let mut folders: BTreeMap<PathBuf, Vec<(PathBuf, Vec<Value>)>> = BTreeMap::new();
        for file in survey.files.iter().filter(|file| !claimed.has(file)) {
            let Some(top) = manifest_folder(file) else { continue };
            let Some(found) = objects(&root.join(file)) else { continue };
            if let Some(again) = found.iter().find(|object| seen.contains(&identity(object))) {
                let (kind, name) = (&again["kind"], &again["metadata"]["name"]);
                let because = format!("another component has the same {} {}", text(kind), text(name));
                self.leave_out(&shown(file), because);
                continue;
            }
            seen.extend(found.iter().map(identity));
            folders.entry(top).or_default().push((file.clone(), found));
        }
        for (top, files) in folders {
            let is_direct = files.iter().any(|(file, _)| file.parent() == Some(&top));
            let mut groups: BTreeMap<PathBuf, Vec<(PathBuf, Vec<Value>)>> = BTreeMap::new();
            for (file, objects) in files {
                let sub = file.strip_prefix(&top).ok().and_then(|rest| rest.iter().next()).filter(|_| !is_direct);
                let group = sub.map_or_else(|| top.clone(), |sub| top.join(sub));
                groups.entry(group).or_default().push((file, objects));
            }
            for (folder, files) in groups {
                self.folder(&folder, files, survey, suite);
            }
        }
    }

    fn folder(&mut self, folder: &Path, files: Vec<(PathBuf, Vec<Value>)>, survey: &Survey, suite: &str) {
        // A folder in `manifests` is read with all that is in it, so it is named only if all of that is manifests.
        let others = survey.charts.iter().chain(&survey.kustomizations).any(|other| other.starts_with(folder));
        let is_whole = !others && survey.files.iter().filter(|it| it.starts_with(folder)).count() == files.len();
        let because = match is_whole {
            true => "it has only manifests".to_owned(),
            false => format!("{} also has files that are no manifests, or belong to other components", shown(folder)),
        };
        let mut found = BTreeSet::new();
        files.iter().flat_map(|(_, objects)| objects).for_each(|object| images(object, &mut found));
        let (paths, objects): (Vec<_>, Vec<_>) = files.into_iter().unzip();
        let source = Source::Plain(if is_whole { vec![folder.to_owned()] } else { paths });
        let objects = objects.into_iter().flatten().collect();
        let name = from_path(folder, suite);
        self.add(Unit { name, source, because, objects, images: found, namespace: None });
    }
}

/// Returns the outermost of the folders of `file` in which manifests are looked for.
fn manifest_folder(file: &Path) -> Option<PathBuf> {
    let mut folders: Vec<&Path> = file.ancestors().skip(1).collect();
    folders.reverse();
    let is_one = |folder: &&Path| FOLDERS.iter().any(|name| folder.ends_with(name));
    folders.into_iter().find(is_one).map(Path::to_path_buf)
}
