//! Kustomizations.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Chosen, Source, Unit};
use crate::init::kustomize::{Tree, only_changes_others};
use crate::init::names::{from_path, shown};
use crate::init::survey::Survey;

/// Names of folders with a variant for tests, the best first.
const VARIANTS: [&str; 5] = ["e2e", "test", "dev", "local", "default"];

/// The files and folders that are parts of kustomizations, chosen or not.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    folders: BTreeSet<PathBuf>,
    reached: BTreeSet<PathBuf>,
}

impl Claimed {
    /// Returns whether `path` belongs to a kustomization. One in the root claims only what it names.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.reached.contains(path) || path.ancestors().any(|it| it != Path::new("") && self.folders.contains(it))
    }
}

/// The overlays of each folder that has some.
type Overlays = BTreeMap<PathBuf, Vec<String>>;

/// Kustomizations by their folders.
type Trees<'a> = Vec<(&'a PathBuf, Tree)>;

impl Chosen {
    /// Adds every kustomization that no other one includes: those with overlays, then the entry points of operator
    /// projects, then all others. Returns the files that are no plain manifests.
    pub(super) fn kustomizations(&mut self, root: &Path, survey: &Survey, suite: &str) -> Claimed {
        let folders = survey.kustomizations.iter().cloned().collect();
        let mut claimed = Claimed { folders, reached: BTreeSet::new() };
        let mut overlays = Overlays::new();
        for folder in &survey.kustomizations {
            let Some(parent) = folder.parent().filter(|parent| parent.ends_with("overlays")) else { continue };
            let (Some(above), Some(name)) = (parent.parent(), folder.file_name()) else { continue };
            overlays.entry(above.to_owned()).or_default().push(name.to_string_lossy().into_owned());
        }
        self.overlaid(root, &overlays, suite, &mut claimed);
        let open =
            survey.kustomizations.iter().filter(|it| !is_overlaid(it, &overlays) && !only_changes_others(root, it));
        let trees = open.map(|folder| (folder, Tree::of(root, folder))).collect();
        let trees = self.entry_points(trees, suite, &mut claimed);
        self.others(trees, suite, &mut claimed);
        claimed
    }

    /// Adds the folders with overlays, and chooses the overlay of the suite: `dev`, or else the first.
    fn overlaid(&mut self, root: &Path, overlays: &Overlays, suite: &str, claimed: &mut Claimed) {
        let dev = overlays.values().flatten().find(|name| *name == "dev");
        let chosen = dev.or_else(|| overlays.values().flatten().next());
        for (folder, names) in overlays {
            // The entry is the folder above, if it has the overlay of the suite; else one overlay itself.
            let name = chosen.filter(|name| names.contains(name)).unwrap_or(&names[0]);
            let overlay = folder.join("overlays").join(name);
            let is_of_suite = chosen == Some(name);
            let entry = if is_of_suite { folder.clone() } else { overlay.clone() };
            let because = format!("its overlay {name} is used (it has {})", names.join(", "));
            claimed.folders.insert(folder.clone());
            let is_added =
                self.kustomization(entry, from_path(folder, suite), because, Tree::of(root, &overlay), claimed);
            // A suite that names an overlay must use it.
            self.overlay = self.overlay.take().or_else(|| Some(name.clone()).filter(|_| is_added && is_of_suite));
        }
    }

    /// Adds folders such as `config/default`, and returns the kustomizations that are not beside one.
    fn entry_points<'a>(&mut self, trees: Trees<'a>, suite: &str, claimed: &mut Claimed) -> Trees<'a> {
        let mut parents = BTreeSet::new();
        for (folder, tree) in trees.iter().filter(|(folder, _)| folder.ends_with("default")) {
            let is_made_of =
                |above: &Path| tree.reached.iter().any(|it| it.starts_with(above) && !it.starts_with(folder));
            let above = folder.parent().filter(|above| *above != Path::new("") && is_made_of(above));
            parents.extend(above.map(Path::to_path_buf));
        }
        let (beside, others): (Trees<'a>, Trees<'a>) =
            trees.into_iter().partition(|(folder, _)| folder.ancestors().any(|above| parents.contains(above)));
        for (folder, tree) in beside {
            let Some(above) = folder.parent().filter(|above| folder.ends_with("default") && parents.contains(*above))
            else {
                continue;
            };
            let because = format!("it is the entry point of the kustomizations in {}", shown(above));
            self.kustomization(folder.clone(), from_path(folder, suite), because, tree, claimed);
        }
        claimed.folders.extend(parents);
        others
    }

    fn others(&mut self, mut trees: Trees<'_>, suite: &str, claimed: &mut Claimed) {
        let parts_of =
            |(own, tree): &(&PathBuf, Tree)| tree.reached.iter().filter(|it| it != own).cloned().collect::<Vec<_>>();
        let parts: BTreeSet<PathBuf> = trees.iter().flat_map(parts_of).collect();
        trees.retain(|(folder, _)| !parts.contains(*folder));
        let rank = |folder: &Path| VARIANTS.iter().position(|name| folder.ends_with(name)).unwrap_or(VARIANTS.len());
        trees.sort_by_key(|(folder, _)| rank(folder));
        for (folder, tree) in trees {
            let because = "no other kustomization includes it".to_owned();
            self.kustomization(folder.clone(), from_path(folder, suite), because, tree, claimed);
        }
    }

    /// Adds a kustomization, unless it is made of files that another component has already. Returns whether it did.
    fn kustomization(
        &mut self,
        entry: PathBuf,
        name: String,
        because: String,
        tree: Tree,
        claimed: &mut Claimed,
    ) -> bool {
        let source = Source::Kustomization(entry);
        if let Some(shared) = tree.reached.intersection(&claimed.reached).next() {
            self.leave_out(&source.to_string(), format!("another component includes {}", shown(shared)));
            return false;
        }
        claimed.reached.extend(tree.reached);
        let (objects, images, namespace) = (tree.objects, tree.images, tree.namespace);
        self.add(Unit { name, source, because, objects, images, namespace })
    }
}

/// Returns whether `folder` is below one that has overlays. If that is the root, only its overlays and its base are.
fn is_overlaid(folder: &Path, overlays: &Overlays) -> bool {
    overlays.keys().any(|above| match above == Path::new("") {
        true => folder.starts_with("overlays") || folder.starts_with("base"),
        false => folder.starts_with(above),
    })
}
