//! Where the objects of a plan come from.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::Plan;
use crate::suite::config::{self, Component, HelmSpec, ManifestSpec, TaskSpec};
use crate::suite::manifests::{self, Layout};

/// Identifies a source within a suite.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceId {
    /// The component.
    pub component: String,
    /// The index among its manifests; one more than the last is its chart.
    pub index: usize,
}

/// A source of objects: plain files, or what a program, the network or a template makes.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin<'a> {
    /// A file, or a folder of files.
    Plain(&'a str),
    /// A kustomization's folder, relative to the suite's.
    Kustomization(PathBuf),
    /// A file of the web, and its SHA-256 if the suite knows it.
    Url(&'a str, Option<&'a str>),
    /// A program and its arguments.
    Command(&'a [String]),
    /// The objects, with templates.
    Inline(&'a str),
    /// A chart.
    Chart(&'a HelmSpec),
}

/// As messages name it.
impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Plain(path) => f.write_str(path),
            Origin::Kustomization(folder) => write!(f, "kustomize {}", folder.display()),
            Origin::Url(url, _) => f.write_str(url),
            Origin::Command(command) => f.write_str(&command.join(" ")),
            Origin::Inline(_) => f.write_str("inline"),
            Origin::Chart(chart) => chart.fmt(f),
        }
    }
}

impl Origin<'_> {
    /// Returns the files that it is made of, absolute.
    ///
    /// # Errors
    /// A path cannot be read.
    pub(crate) fn inputs(&self, root: &Path) -> io::Result<BTreeSet<PathBuf>> {
        let files = |path: &str| manifests::plain_files(root, path);
        match self {
            Origin::Plain(path) => Ok(files(path)?.into_iter().map(|file| root.join(file)).collect()),
            Origin::Kustomization(folder) => manifests::kustomization_inputs(&root.join(folder)),
            Origin::Chart(chart) => {
                let mut found: BTreeSet<PathBuf> = chart.values.iter().map(|path| root.join(path)).collect();
                if chart.is_local() {
                    all_files(&root.join(&chart.chart), &mut found)?;
                }
                Ok(found)
            }
            Origin::Url(..) | Origin::Command(_) | Origin::Inline(_) => Ok(BTreeSet::new()),
        }
    }
}

fn all_files(path: &Path, found: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        found.insert(path.to_owned());
        return Ok(());
    }
    for entry in fs_err::read_dir(path)? {
        all_files(&entry?.path(), found)?;
    }
    Ok(())
}

impl Plan {
    /// Returns the sources of the components' objects, component by component.
    ///
    /// # Errors
    /// A path cannot be read, or lacks the overlay.
    pub(crate) fn sources(&self) -> io::Result<Vec<(SourceId, Origin<'_>)>> {
        let sources = self.components().flat_map(|component| self.sources_of(component));
        sources.map(|(id, origin)| Ok((id, origin?))).collect()
    }

    /// Returns the files that the plan and its objects are made of, absolute.
    ///
    /// # Errors
    /// A path cannot be read.
    pub fn inputs(&self) -> io::Result<BTreeSet<PathBuf>> {
        let mut found = BTreeSet::from([std::path::absolute(self.path())?]);
        found.extend(self.suite().cluster.config.iter().map(|path| self.resolve(path)));
        for (_, origin) in self.sources()? {
            found.extend(origin.inputs(self.root())?);
        }
        for path in self.job_paths() {
            found.extend(Origin::Plain(path).inputs(self.root())?);
        }
        Ok(found)
    }

    /// Returns where the suite's file names a source, as `e2e.yaml:12`.
    pub(crate) fn place_of_source(&self, id: &SourceId) -> String {
        self.place(config::line_of_source(self.path(), &id.component, id.index))
    }

    /// Returns where the suite's file names an image first, as `e2e.yaml:12`.
    pub(crate) fn place_of_image(&self, name: &str) -> String {
        self.place(config::line_of_image(self.path(), name))
    }

    fn place(&self, line: Option<usize>) -> String {
        let path = self.path().display();
        line.map_or_else(|| path.to_string(), |line| format!("{path}:{line}"))
    }

    pub(super) fn sources_of<'a>(
        &'a self,
        component: &'a Component,
    ) -> impl Iterator<Item = (SourceId, io::Result<Origin<'a>>)> {
        let manifests = component.manifests.iter().map(|manifest| self.origin(manifest));
        let chart = component.helm.iter().map(|chart| Ok(Origin::Chart(chart)));
        let id = |index| SourceId { component: component.name.clone(), index };
        manifests.chain(chart).enumerate().map(move |(index, origin)| (id(index), origin))
    }

    fn origin<'a>(&self, manifest: &'a ManifestSpec) -> io::Result<Origin<'a>> {
        Ok(match manifest {
            ManifestSpec::Kustomize(folder) => Origin::Kustomization(folder.into()),
            ManifestSpec::Url { url, sha256 } => Origin::Url(url, sha256.as_deref()),
            ManifestSpec::Command(command) => Origin::Command(command),
            ManifestSpec::Inline(text) => Origin::Inline(text),
            ManifestSpec::Path(path) => match manifests::layout(self.root(), path, &self.suite().overlay)? {
                Layout::Plain => Origin::Plain(path),
                Layout::Kustomization(folder) => Origin::Kustomization(folder),
                Layout::NoOverlay(there) => {
                    let overlay = &self.suite().overlay;
                    let text =
                        format!("there is no overlay `{overlay}` in {path}; {}", manifests::instead(overlay, &there));
                    return Err(io::Error::new(io::ErrorKind::NotFound, text));
                }
            },
        })
    }

    /// Returns the paths of the components' tasks that are Jobs.
    pub(super) fn job_paths(&self) -> impl Iterator<Item = &str> {
        let tasks = self.components().flat_map(|component| component.before.iter().chain(&component.after));
        tasks.filter_map(|task| match task {
            TaskSpec::Job(path) => Some(path.as_str()),
            TaskSpec::Command(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_named_by_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let suite = "suite: shop\nnamespace: shop\ncomponents:\n  - name: api\n    images: [{name: 'quay.io/shop/api:1'}]\n    \
                     manifests: [.]\n";
        let plan = Plan::of(folder.path(), suite);
        let file = folder.path().join("e2e.yaml").display().to_string();
        assert_eq!(plan.place_of_image("quay.io/shop/api:1"), format!("{file}:5"));
        assert_eq!(plan.place_of_image("quay.io/shop/other:1"), file);
    }
}
