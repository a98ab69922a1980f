//! Checks the overlay, which every component that has overlays must have.

use std::collections::BTreeSet;

use super::Checker;
use crate::suite::config::ManifestSpec;
use crate::suite::manifests::{instead, overlays};
use crate::suite::yaml::Diagnostic;

impl Checker<'_> {
    /// Reports a mistyped name once, not once per component.
    pub(super) fn overlays(&mut self) {
        let wanted = self.overriding_overlay.unwrap_or(&self.suite.overlay);
        let (mut have, mut lack, mut known) = (false, Vec::new(), BTreeSet::new());
        for (component, place) in self.components() {
            for (index, manifest) in component.manifests.iter().enumerate() {
                let ManifestSpec::Path(path) = manifest else { continue };
                // Unreadable paths are reported by the check of paths.
                let names = overlays(self.root, path).unwrap_or_default();
                if names.iter().any(|name| name == wanted) {
                    have = true;
                } else if !names.is_empty() {
                    lack.push((path, place.at("manifests").item(index).span, names.clone()));
                }
                known.extend(names);
            }
        }
        let chosen = match (self.overriding_overlay, self.tree.get("overlay")) {
            (Some(_), _) => Some(Diagnostic::of_file(
                self.source.path(),
                format!("--overlay or KIND_HARNESS_OVERLAY: no component has an overlay `{wanted}`"),
            )),
            (None, Some(place)) => {
                Some(Diagnostic::at(self.source, place.span, format!("no component has an overlay `{wanted}`")))
            }
            (None, None) => None,
        };
        match chosen {
            Some(problem) if !have => {
                let known: Vec<String> = known.into_iter().collect();
                let help = if known.is_empty() {
                    "an overlay is a folder of a manifests folder: `overlays/NAME/kustomization.yaml`".to_owned()
                } else {
                    instead(wanted, &known)
                };
                self.problems.push(problem.help(help));
            }
            _ => {
                for (path, span, names) in lack {
                    self.refuse(span, format!("`{path}` has no overlay `{wanted}`"), instead(wanted, &names));
                }
            }
        }
    }
}
