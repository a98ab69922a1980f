//! Lists what a folder has that a suite can deploy or build.

use std::io;
use std::path::{Path, PathBuf};

use crate::outputs::Choice;

/// Folders that hold other projects, build output, or manifests that are not meant to be deployed.
const SKIPPED: [&str; 8] =
    ["target", "node_modules", "vendor", "tests", "testdata", "fixtures", "examples", "third_party"];

/// Deeper folders are not read: no project keeps its manifests there, and a folder that was named by mistake ends soon.
const MAX_DEPTH: usize = 8;

/// The names that a kustomization may have.
pub(super) const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// What was found, sorted. Paths are relative to the folder, which itself is the empty path.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Folders with a `Chart.yaml`, but not charts inside of charts.
    pub(super) charts: Vec<PathBuf>,
    /// Folders with a kustomization.
    pub(super) kustomizations: Vec<PathBuf>,
    /// Dockerfiles and Containerfiles.
    pub(super) dockerfiles: Vec<PathBuf>,
    /// YAML and JSON files that are no kustomization, outside of charts.
    pub(super) files: Vec<PathBuf>,
    /// Folders that could not be read.
    pub(super) unread: Vec<Choice>,
}

impl Survey {
    /// Lists what is below `root`. Hidden folders and links to folders are skipped, as when a suite's manifests are read.
    ///
    /// # Errors
    /// `root` itself cannot be read.
    pub(super) fn of(root: &Path) -> io::Result<Survey> {
        let mut survey = Survey::default();
        let mut open = survey.read(root, Path::new(""))?;
        while let Some(folder) = open.pop() {
            match survey.read(root, &folder) {
                Ok(folders) => open.extend(folders),
                Err(error) => {
                    let what = format!("{}: left out", folder.display());
                    survey.unread.push(Choice::new(what, format!("it cannot be read: {error}")));
                }
            }
        }
        for list in [&mut survey.charts, &mut survey.kustomizations, &mut survey.dockerfiles, &mut survey.files] {
            list.sort();
        }
        Ok(survey)
    }

    /// Adds what `folder` has, and returns the folders in it that are to be read.
    fn read(&mut self, root: &Path, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        for entry in std::fs::read_dir(root.join(folder))? {
            let entry = entry?;
            let (name, kind) = (entry.file_name(), entry.file_type()?);
            // `e2e.yaml` is UTF-8, and so are the paths in it.
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            if kind.is_dir() && !SKIPPED.contains(&name) {
                folders.push(folder.join(name));
            } else if kind.is_file() {
                files.push(name.to_owned());
            }
        }
        // Build output, such as cargo's, is marked so.
        if files.iter().any(|name| name == "CACHEDIR.TAG") {
            return Ok(Vec::new());
        }
        let is_chart = files.iter().any(|name| name == "Chart.yaml");
        if is_chart {
            self.charts.push(folder.to_owned());
            if folder != Path::new("") {
                return Ok(Vec::new());
            }
            folders.retain(|folder| !folder.ends_with("charts"));
        }
        for name in files {
            let path = folder.join(&name);
            if KUSTOMIZATIONS.contains(&name.as_str()) {
                self.kustomizations.push(folder.to_owned());
            } else if is_dockerfile(&name) {
                self.dockerfiles.push(path);
            } else if path.extension().is_some_and(|it| ["yaml", "yml", "json"].iter().any(|known| it == *known)) {
                self.files.push(path);
            }
        }
        folders.retain(|folder| folder.components().count() <= MAX_DEPTH);
        Ok(folders)
    }
}

fn is_dockerfile(name: &str) -> bool {
    let is_ignore_file = name.ends_with(".dockerignore") || name.ends_with(".containerignore");
    let stems = ["Dockerfile", "Containerfile"];
    let is_one = |stem| name == stem || name.starts_with(&format!("{stem}.")) || name.ends_with(&format!(".{stem}"));
    !is_ignore_file && stems.into_iter().any(is_one)
}
