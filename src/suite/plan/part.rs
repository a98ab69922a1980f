//! Parts of a plan: some components, and who needs them.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use crate::suite::config::Component;

impl Plan {
    /// The same plan with only the components of these names. What they need beyond each other is taken to be there.
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

    /// Every component, and all that it needs, directly or not.
    #[must_use]
    pub fn needs(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        // Each comes after what it needs, of which everything is known by then.
        for component in self.components() {
            let further = component.needs.iter().filter_map(|need| all.get(need)).flatten().cloned();
            let needs = component.needs.iter().cloned().chain(further).collect();
            all.insert(component.name.clone(), needs);
        }
        all
    }

    /// The components that need one of these, and are none of them.
    pub fn dependants(&self, names: &[String]) -> impl Iterator<Item = &Component> {
        let needs_one = |component: &&Component| component.needs.iter().any(|need| names.contains(need));
        self.components().filter(needs_one).filter(|component| !names.contains(&component.name))
    }

    /// The wave of the component called `name`, counted from 1.
    #[must_use]
    pub fn wave(&self, name: &str) -> Option<usize> {
        let index = self.suite().components.iter().position(|component| component.name == name)?;
        self.waves.get(index).map(|wave| wave + 1)
    }
}
