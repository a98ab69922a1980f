//! Since when the graces of a component run, by what it needs.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::component::Component;

/// The components of a run, and what each of them needs, directly or not.
pub(crate) type Needs = BTreeMap<String, BTreeSet<String>>;

/// Sets since when the graces of each component run, and what is on its way.
///
/// They run from when the component and all that it needs have been applied; from `last`, when any component was applied
/// last, where it is not known what it needs.
pub(super) fn set_graces(needs: &Needs, components: &mut [Component], last: Instant, now: Instant) {
    for at in 0..components.len() {
        let known = |name: &String| components.iter().find(|component| component.name == *name);
        let is_on_its_way = |name: &String| known(name).is_none_or(|component| component.is_on_its_way(now));
        let component = &components[at];
        let (from, needed, others) = match needs.get(&component.name) {
            None => (Some(last), false, Vec::new()),
            Some(needed) => {
                let applied = needed.iter().map(|name| Some(known(name)?.began));
                let from = applied.chain([Some(component.began)]).collect::<Option<Vec<_>>>();
                let not_needed = |(name, its): &(&String, &BTreeSet<String>)| {
                    **name != component.name && !needed.contains(*name) && !its.contains(&component.name)
                };
                let others = needs.iter().filter(not_needed).map(|(name, _)| name);
                let others = others.filter(|name| component.is_failing() && is_on_its_way(name)).cloned().collect();
                (from.and_then(|all| all.into_iter().max()), needed.iter().any(is_on_its_way), others)
            }
        };
        components[at].set_grace(from, needed, others, now);
    }
}
