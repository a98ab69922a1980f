//! Checks files and folders that must exist before anything runs.

use std::path::Path;

use super::Checker;
use crate::suite::manifests::{self, Layout};
use crate::suite::yaml::{Span, reason};

impl Checker<'_> {
    pub(super) fn files(&mut self) {
        if let Some(config) = &self.suite.cluster.config {
            let span = self.tree.at("cluster").at("config").span;
            self.there(config, span, "kind's configuration", Path::is_file);
        }
        for (component, place) in self.components() {
            if component.manifests.is_empty() {
                let message = format!("`{}` has no manifests, so there is nothing to deploy", component.name);
                self.refuse(place.at("manifests").span, message, "name a file or a folder, relative to this file");
            }
            for (index, path) in component.manifests.iter().enumerate() {
                self.manifest(path, place.at("manifests").item(index).span);
            }
            for (index, image) in component.images.iter().enumerate() {
                if let Some(recipe) = &image.recipe {
                    let span = place.at("images").item(index).at("recipe").span;
                    self.there(recipe, span, "the recipe's folder", Path::is_dir);
                }
            }
        }
    }

    fn there(&mut self, path: &str, span: Span, what: &str, right: fn(&Path) -> bool) {
        let real = self.root.join(path);
        if !path.is_empty() && right(&real) {
            return;
        }
        let problem = if real.is_dir() {
            "is a folder"
        } else if real.exists() {
            "is not a folder"
        } else {
            "does not exist"
        };
        let problem = if path.is_empty() { "is not named" } else { problem };
        self.refuse(span, format!("{what} `{path}` {problem}"), self.relative());
    }

    fn manifest(&mut self, path: &str, span: Span) {
        let overlay = self.overriding_overlay.unwrap_or(&self.suite.overlay);
        // A kustomization is checked when it is read, and overlays have a check of their own.
        if !matches!(manifests::layout(self.root, path, overlay), Err(_) | Ok(Layout::Plain)) {
            return;
        }
        let message = match manifests::plain_files(self.root, path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => format!("`{path}` does not exist"),
            Err(error) => format!("`{path}` cannot be read: {}", reason(&error)),
            Ok(files) if files.is_empty() => format!("the folder `{path}` has no manifests"),
            Ok(files) if files.iter().all(|file| self.is_blank(file)) => format!("`{path}` is empty"),
            Ok(_) => return,
        };
        let help = if message.ends_with("has no manifests") {
            "manifests are files named *.yaml, *.yml or *.json, at any depth".to_owned()
        } else {
            self.relative()
        };
        self.refuse(span, message, help);
    }

    /// Returns whether a manifest has only comments and document markers. An unreadable one is not blank.
    fn is_blank(&self, file: &Path) -> bool {
        let text = fs_err::read(self.root.join(file)).unwrap_or_else(|_| b"?".to_vec());
        text.split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii)
            .all(|line| line.is_empty() || line.starts_with(b"#") || line == b"---")
    }

    fn relative(&self) -> String {
        format!("paths are relative to the folder of {}", self.source.path().display())
    }
}
