//! The Cargo workspace of a folder.

use std::path::Path;

use kind_harness::host::exec::{Cmd, ExecError};
use serde_json::Value;

use super::{Exit, Failure};

/// What matters of a Cargo workspace; empty when there is none.
#[derive(Debug, Default)]
pub(super) struct Project {
    /// The package in the folder itself, if there is one.
    pub(super) package: Option<String>,
    /// Whether that package depends on kind-harness already.
    pub(super) has_harness: bool,
    /// Package and name of every binary.
    pub(super) binaries: Vec<(String, String)>,
}

impl Project {
    /// Asks cargo for the workspace that the folder's `Cargo.toml` belongs to.
    ///
    /// # Errors
    /// cargo cannot be run, or refuses the `Cargo.toml`.
    pub(super) async fn of(root: &Path) -> Result<Project, Failure> {
        let manifest = root.join("Cargo.toml");
        if !manifest.is_file() {
            return Ok(Project::default());
        }
        // Third-party packages are not asked for: their names do not matter, and resolving them needs the network.
        let metadata = Cmd::new("cargo", ["metadata", "--no-deps", "--format-version", "1"]).dir(root);
        let metadata = metadata.output().await.map_err(|error| {
            let exit = if matches!(error, ExecError::Failed { .. }) { Exit::Usage } else { Exit::Host };
            Failure::told(
                exit,
                format!("{}: cargo cannot read it; correct it, and run `init` again: {error}", manifest.display()),
            )
        })?;
        let metadata: Value = serde_json::from_str(&metadata).map_err(|error| Failure::new(Exit::Internal, &error))?;
        Ok(Project::read(&metadata, &manifest))
    }

    fn read(metadata: &Value, manifest: &Path) -> Project {
        let mut project = Project::default();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        for package in list(&metadata["packages"]) {
            let name = package["name"].as_str().unwrap_or_default();
            if package["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest) {
                project.package = Some(name.to_owned());
                project.has_harness = list(&package["dependencies"]).iter().any(|it| it["name"] == "kind-harness");
            }
            for target in list(&package["targets"]) {
                if list(&target["kind"]).iter().any(|kind| kind == "bin") {
                    project.binaries.extend(target["name"].as_str().map(|bin| (name.to_owned(), bin.to_owned())));
                }
            }
        }
        project
    }
}
