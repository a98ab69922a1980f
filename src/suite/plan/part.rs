//! Parts of a plan: some components, and their dependents.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use crate::suite::config::Component;

impl Plan {
    /// Returns the plan with only the components of these names. Their other needs are assumed to be deployed.
    #[must_use]
    pub fn only(&self, names: &[String]) -> Plan {
        let mut loaded = self.loaded.clone();
        loaded.suite.components.retain(|component| names.contains(&component.name));
        for component in &mut loaded.suite.components {
            component.needs.retain(|need| names.contains(need));
        }
        // A part of a graph without cycles has none.
        let graph = crate::suite::config::graph(&loaded.suite.components);
        let (name, packages) = (self.name.clone(), self.packages.clone());
        Plan { name, order: graph.order(), waves: graph.waves(), packages, loaded }
    }

    /// Returns every component, with all its direct and indirect needs.
    #[must_use]
    pub fn needs(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        // Each comes after its needs, whose own needs are complete by then.
        for component in self.components() {
            let further = component.needs.iter().filter_map(|need| all.get(need)).flatten().cloned();
            let needs = component.needs.iter().cloned().chain(further).collect();
            all.insert(component.name.clone(), needs);
        }
        all
    }

    /// Returns the components that need one of these, without these.
    pub fn dependants(&self, names: &[String]) -> impl Iterator<Item = &Component> {
        let needs_one = |component: &&Component| component.needs.iter().any(|need| names.contains(need));
        self.components().filter(needs_one).filter(|component| !names.contains(&component.name))
    }

    /// Returns the wave of the component called `name`, counted from 1.
    #[must_use]
    pub fn wave(&self, name: &str) -> Option<usize> {
        let index = self.suite().components.iter().position(|component| component.name == name)?;
        self.waves.get(index).map(|wave| wave + 1)
    }
}
