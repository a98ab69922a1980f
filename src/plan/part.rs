//! Parts of a plan: some components, and who needs them.

use super::{Graph, Plan};
use crate::config::Component;

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
        let graph = Graph::of(&loaded.suite.components);
        let (name, packages) = (self.name.clone(), self.packages.clone());
        Plan { name, order: graph.order(), waves: graph.waves(), packages, loaded }
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
