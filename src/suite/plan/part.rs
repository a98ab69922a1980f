//! Parts of a plan: some components, and their dependents.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use crate::suite::config::{Component, ImageSpec};

impl Plan {
    /// Returns the plan with only the components of these names. Their other needs are assumed to be deployed.
    #[must_use]
    pub fn only(&self, names: &[String]) -> Plan {
        let mut loaded = self.loaded.clone();
        loaded.suite.components.retain(|component| names.contains(&component.name));
        for component in &mut loaded.suite.components {
            component.needs.retain(|need| names.contains(&need.component));
        }
        let mut written = self.written.clone();
        if let Some(written) = &mut written {
            written.components.retain(|component| names.contains(&component.name));
        }
        // A part of a graph without cycles has none.
        let graph = crate::suite::config::graph(&loaded.suite.components);
        let (order, waves) = (graph.order(), graph.waves());
        Plan { order, waves, loaded, written, ..self.clone() }
    }

    /// Returns the plan with more images, by component; those that a component has already are left out.
    #[must_use]
    pub(crate) fn with_images(mut self, mut images: BTreeMap<String, BTreeSet<String>>) -> Plan {
        for component in &mut self.loaded.suite.components {
            for name in images.remove(&component.name).unwrap_or_default() {
                if component.images.iter().all(|image| image.name != name) {
                    component.images.push(ImageSpec { name, optional: true, ..ImageSpec::default() });
                }
            }
        }
        self
    }

    /// Returns every component, with all its direct and indirect needs.
    #[must_use]
    pub fn needs(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        // Each comes after its needs, whose own needs are complete by then.
        for component in self.components() {
            let further = component.needed().filter_map(|need| all.get(need)).flatten().cloned();
            let needs = component.needed().map(str::to_owned).chain(further).collect();
            all.insert(component.name.clone(), needs);
        }
        all
    }

    /// Returns the components that need one of these, without these.
    pub fn dependants(&self, names: &[String]) -> impl Iterator<Item = &Component> {
        let needs_one = |component: &&Component| component.needs.iter().any(|need| names.contains(&need.component));
        self.components().filter(needs_one).filter(|component| !names.contains(&component.name))
    }

    /// Returns the wave of the component called `name`, counted from 1.
    #[must_use]
    pub fn wave(&self, name: &str) -> Option<usize> {
        let index = self.suite().components.iter().position(|component| component.name == name)?;
        self.waves.get(index).map(|wave| wave + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_that_manifests_name_are_added_once_and_need_not_be_had() {
        let folder = tempfile::tempdir().unwrap();
        let suite = "suite: shop\nnamespace: shop\ncomponents:\n  - {name: api, images: [{name: 'quay.io/shop/api:1'}], manifests: [.]}\n";
        let plan = Plan::of(folder.path(), suite);
        let named = BTreeSet::from(["quay.io/shop/api:1", "quay.io/shop/tool:2"].map(String::from));
        let plan = plan.with_images(BTreeMap::from([("api".into(), named)]));
        let images = plan.suite().components[0].images.iter().map(|image| (image.name.as_str(), image.optional));
        assert_eq!(images.collect::<Vec<_>>(), [("quay.io/shop/api:1", false), ("quay.io/shop/tool:2", true)]);
    }
}
