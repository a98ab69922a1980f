//! The plan: the stages of a run, as a value. Nothing has run yet.

mod digest;
mod objects;
mod part;
mod print;
mod run;
mod sources;
mod teach;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::name::{ClusterName, InvalidName};
pub use objects::{ComponentObjects, Task};
pub use sources::{Origin, SourceId};

use crate::suite::config::{CargoSpec, Component, Loaded, Strategy, Suite, graph};

/// A checked suite and the order of its components.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    loaded: Loaded,
    name: ClusterName,
    /// Indices of the suite's components, each after its needs.
    order: Vec<usize>,
    /// The wave of each component, by its index.
    waves: Vec<usize>,
    binaries: BTreeSet<CargoSpec>,
    /// The files that sources were rendered to.
    rendered: BTreeMap<SourceId, PathBuf>,
    /// The id of the run, and the suite as it was written, once namespaces have the id in place of `{{ run }}`.
    run: Option<String>,
    written: Option<Box<Suite>>,
}

/// Why a suite has no order. One returned by [`crate::suite::config::load`] always has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A component needs an unknown one.
    #[error("`{component}` needs `{need}`, which is no component")]
    UnknownNeed {
        /// The component.
        component: String,
        /// The unknown component.
        need: String,
    },
    /// Components need each other in a cycle; the first is repeated at the end.
    #[error("the components need each other in a circle: {}", .0.join(" → "))]
    Cycle(Vec<String>),
    /// The suite's name, or the configured cluster name, is not a valid cluster name.
    #[error(transparent)]
    Name(#[from] InvalidName),
}

impl Plan {
    /// Orders the components of a suite.
    ///
    /// # Errors
    /// A component needs an unknown one, or itself through others: neither happens with the result of `config::load`.
    pub fn new(loaded: Loaded) -> Result<Plan, PlanError> {
        let components = &loaded.suite.components;
        for component in components {
            if let Some(need) = component.needed().find(|need| !components.iter().any(|other| other.name == *need)) {
                return Err(PlanError::UnknownNeed { component: component.name.clone(), need: need.to_owned() });
            }
        }
        let graph = graph(components);
        if let Some(cycle) = graph.cycles().first() {
            let round = cycle.iter().chain(cycle.first()).map(|&index| components[index].name.clone());
            return Err(PlanError::Cycle(round.collect()));
        }
        let images = components.iter().flat_map(|component| &component.images);
        let binaries = images.filter_map(|image| image.cargo.clone()).collect();
        let name = match &loaded.suite.cluster.name {
            Some(name) => ClusterName::new(name)?,
            None => ClusterName::derived(&loaded.suite.suite, &loaded.root)?,
        };
        let (order, waves) = (graph.order(), graph.waves());
        Ok(Plan { name, order, waves, binaries, rendered: BTreeMap::new(), run: None, written: None, loaded })
    }

    /// Returns the cluster's name: the configured one, or one derived from the suite's name and its folder.
    #[must_use]
    pub fn cluster_name(&self) -> &ClusterName {
        &self.name
    }

    /// Returns the suite.
    #[must_use]
    pub fn suite(&self) -> &Suite {
        &self.loaded.suite
    }

    /// Returns the folder that the suite's paths are relative to, absolute.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.loaded.root
    }

    /// Returns the path of the suite's file, as given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.loaded.path
    }

    /// Returns the cargo binaries that are images of the suite. A part of a plan has those of the whole suite: compiled
    /// with others, a package has other features of shared dependencies, and is another binary.
    #[must_use]
    pub fn binaries(&self) -> &BTreeSet<CargoSpec> {
        &self.binaries
    }

    /// Returns the namespaces of the suite and its components, that of the suite first.
    #[must_use]
    pub fn namespaces(&self) -> Vec<&str> {
        let mut all = vec![self.suite().namespace.as_str()];
        for namespace in self.components().filter_map(|component| component.namespace.as_deref()) {
            if !all.contains(&namespace) {
                all.push(namespace);
            }
        }
        all
    }

    /// Resolves a path of the suite.
    #[must_use]
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.loaded.root.join(path)
    }

    /// Returns the components, each after its needs, otherwise in the order of the file.
    pub fn components(&self) -> impl Iterator<Item = &Component> {
        self.order.iter().map(|&index| &self.suite().components[index])
    }

    /// Returns the component called `name`.
    #[must_use]
    pub fn component(&self, name: &str) -> Option<&Component> {
        self.suite().components.iter().find(|component| component.name == name)
    }

    /// Returns the levels of the `needs` graph: components of one wave do not need each other.
    #[must_use]
    pub fn waves(&self) -> Vec<Vec<&Component>> {
        let count = self.waves.iter().max().map_or(0, |highest| highest + 1);
        let mut waves = vec![Vec::new(); count];
        for &index in &self.order {
            waves[self.waves[index]].push(&self.suite().components[index]);
        }
        waves
    }

    /// Returns the groups that are deployed and then awaited together, by the suite's strategy.
    #[must_use]
    pub fn stages(&self) -> Vec<Vec<&Component>> {
        match self.suite().strategy {
            Strategy::Parallel => vec![self.components().collect()],
            Strategy::Waves => self.waves(),
            Strategy::Sequential => self.components().map(|component| vec![component]).collect(),
        }
    }
}

#[cfg(test)]
impl Plan {
    /// The plan of a suite whose file in `folder` has this text.
    fn of(folder: &Path, text: &str) -> Plan {
        use crate::suite::config::{Overrides, load};

        let path = folder.join("e2e.yaml");
        std::fs::write(&path, text).unwrap();
        Plan::new(load(&path, &Overrides::default()).unwrap()).unwrap()
    }
}
