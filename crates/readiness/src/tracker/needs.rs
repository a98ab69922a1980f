//! Sets since when the graces of a component run, by its needs.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::component::Component;
use crate::command::Needs;

/// Sets since when the graces of each component run, and what is starting.
///
/// They run from when the component and all its needs have been applied; if its needs are unknown, from `last`, when
/// any component was last applied.
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
