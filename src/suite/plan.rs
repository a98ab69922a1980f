//! The plan: what a run will do, as a value. Nothing has run yet.

mod digest;
mod part;
mod print;
mod teach;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::manifests::{self, Manifest, ManifestError};
use super::name::{ClusterName, InvalidName};
use crate::suite::config::{Component, Loaded, Strategy, Suite, graph};

/// A checked suite and the order of its components.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    loaded: Loaded,
    name: ClusterName,
    /// Components as numbers of the suite's list, each after what it needs.
    order: Vec<usize>,
    /// The wave of each component, by its number.
    waves: Vec<usize>,
    packages: BTreeSet<String>,
}

/// Why a suite has no order. One that [`crate::suite::config::load`] returned has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A component needs one that is not in the suite.
    #[error("`{component}` needs `{need}`, which is no component")]
    UnknownNeed {
        /// The component.
        component: String,
        /// What it needs.
        need: String,
    },
    /// Components need each other in a circle; the first is named again at the end.
    #[error("the components need each other in a circle: {}", .0.join(" → "))]
    Cycle(Vec<String>),
    /// The suite's name, or the one given to its cluster, cannot be a cluster's.
    #[error(transparent)]
    Name(#[from] InvalidName),
}

impl Plan {
    /// Puts the components of a suite in order.
    ///
    /// # Errors
    /// A component needs an unknown one, or itself by way of others: neither happens to what `config::load` returned.
    pub fn new(loaded: Loaded) -> Result<Plan, PlanError> {
        let components = &loaded.suite.components;
        for component in components {
            if let Some(need) = component.needs.iter().find(|need| !components.iter().any(|other| other.name == **need))
            {
                return Err(PlanError::UnknownNeed { component: component.name.clone(), need: need.clone() });
            }
        }
        let graph = graph(components);
        if let Some(cycle) = graph.cycles().first() {
            let round = cycle.iter().chain(cycle.first()).map(|&index| components[index].name.clone());
            return Err(PlanError::Cycle(round.collect()));
        }
        let images = components.iter().flat_map(|component| &component.images);
        let packages = images.filter_map(|image| image.cargo.clone()).collect();
        let name = match &loaded.suite.cluster.name {
            Some(name) => ClusterName::new(name)?,
            None => ClusterName::derived(&loaded.suite.suite, &loaded.root)?,
        };
        Ok(Plan { name, order: graph.order(), waves: graph.waves(), packages, loaded })
    }

    /// The cluster's name: the one that was given, or one made of the suite's name and its folder.
    #[must_use]
    pub fn cluster_name(&self) -> &ClusterName {
        &self.name
    }

    /// The suite.
    #[must_use]
    pub fn suite(&self) -> &Suite {
        &self.loaded.suite
    }

    /// The folder that the suite's paths are relative to, absolute.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.loaded.root
    }

    /// The suite's file, as it was named.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.loaded.path
    }

    /// The packages whose binaries the suite's images hold. A part of a plan has those of the whole suite: compiled with
    /// others, a package has other features of the dependencies that they share, and is another binary.
    #[must_use]
    pub fn packages(&self) -> &BTreeSet<String> {
        &self.packages
    }

    /// Where a path of the suite leads.
    #[must_use]
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.loaded.root.join(path)
    }

    /// Reads the manifests of every component, in the order of [`Plan::components`].
    ///
    /// # Errors
    /// As [`manifests::load_all`].
    pub fn manifests(&self) -> Result<Vec<Vec<Manifest>>, ManifestError> {
        let paths = self.components().map(|component| &component.manifests[..]);
        manifests::load_all(self.root(), &self.suite().overlay, paths)
    }

    /// The components, each after what it needs, otherwise in the order of the file.
    pub fn components(&self) -> impl Iterator<Item = &Component> {
        self.order.iter().map(|&index| &self.suite().components[index])
    }

    /// The component called `name`.
    #[must_use]
    pub fn component(&self, name: &str) -> Option<&Component> {
        self.suite().components.iter().find(|component| component.name == name)
    }

    /// The levels of the `needs` graph: components of one wave do not need each other.
    #[must_use]
    pub fn waves(&self) -> Vec<Vec<&Component>> {
        let count = self.waves.iter().max().map_or(0, |highest| highest + 1);
        let mut waves = vec![Vec::new(); count];
        for &index in &self.order {
            waves[self.waves[index]].push(&self.suite().components[index]);
        }
        waves
    }

    /// What is deployed together and then awaited together, by the suite's strategy.
    #[must_use]
    pub fn stages(&self) -> Vec<Vec<&Component>> {
        match self.suite().strategy {
            Strategy::Parallel => vec![self.components().collect()],
            Strategy::Waves => self.waves(),
            Strategy::Sequential => self.components().map(|component| vec![component]).collect(),
        }
    }
}
