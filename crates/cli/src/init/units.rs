//! Chooses the components of a suite: charts, then kustomizations, then folders of plain manifests.

mod charts;
mod kustomizations;
mod plain;

pub(super) use plain::FOLDERS;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::names::shown;
use super::survey::Survey;
use crate::outputs::Choice;

/// A component to be.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) source: Source,
    /// Why it was chosen.
    pub(super) because: String,
    /// Its objects, as far as files say them.
    pub(super) objects: Vec<Value>,
    /// Its image references.
    pub(super) images: BTreeSet<String>,
    /// The namespace that a kustomization sets.
    pub(super) namespace: Option<String>,
}

/// Where the objects of a component are from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// A chart's folder, and a file of values for tests.
    Chart(PathBuf, Option<PathBuf>),
    /// A kustomization, or a folder with overlays.
    Kustomization(PathBuf),
    /// Folders and files of manifests.
    Plain(Vec<PathBuf>),
}

/// `chart charts/postgresql`
impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Chart(folder, _) => write!(f, "chart {}", shown(folder)),
            Source::Kustomization(folder) => write!(f, "kustomization {}", shown(folder)),
            Source::Plain(paths) => {
                let paths: Vec<String> = paths.iter().map(|path| shown(path)).collect();
                write!(f, "manifests {}", paths.join(", "))
            }
        }
    }
}

/// The components of a suite, and what was decided on the way.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) units: Vec<Unit>,
    /// The overlay of folders with overlays; `None` when there is no such folder.
    pub(super) overlay: Option<String>,
    pub(super) choices: Vec<Choice>,
}

impl Chosen {
    /// Chooses from what was found below `root`. Components whose folders have no name of their own have that of the
    /// suite.
    pub(super) fn of(root: &Path, survey: &Survey, suite: &str) -> Chosen {
        let mut chosen = Chosen { choices: survey.unread.clone(), ..Chosen::default() };
        chosen.charts(root, survey, suite);
        let claimed = chosen.kustomizations(root, survey, suite);
        chosen.plain(root, survey, &claimed, suite);
        chosen
    }

    /// Adds a component, unless one of its name was found in a better form: then it is the same, written in two ways.
    /// Returns whether it did.
    fn add(&mut self, mut unit: Unit) -> bool {
        let is_same = |known: &Source| std::mem::discriminant(known) == std::mem::discriminant(&unit.source);
        if let Some(better) = self.units.iter().find(|known| known.name == unit.name && !is_same(&known.source)) {
            let because = format!("the component {} is {} already", better.name, better.source);
            self.leave_out(&unit.source.to_string(), because);
            return false;
        }
        let name = unit.name.clone();
        let mut number = 1;
        while self.units.iter().any(|known| known.name == unit.name) {
            number += 1;
            unit.name = format!("{name}-{number}");
        }
        self.choices.push(Choice::new(format!("{}: {}", unit.name, unit.source), unit.because.clone()));
        self.units.push(unit);
        true
    }

    fn leave_out(&mut self, what: &str, because: impl Into<String>) {
        self.choices.push(Choice::new(format!("{what}: left out"), because));
    }
}
