//! Checks needs: of components that exist, and without cycles.

use super::Checker;
use crate::suite::yaml::{Diagnostic, Node, Span, did_you_mean};

impl Checker<'_> {
    pub(super) fn needs(&mut self) {
        let names = || self.suite.components.iter().map(|component| component.name.as_str());
        for (component, place) in self.components() {
            let needs = place.at("needs");
            for (index, need) in component.needed().enumerate() {
                if names().any(|name| name == need) {
                    continue;
                }
                let others = names().filter(|name| *name != component.name);
                let help = did_you_mean(need, others).unwrap_or_else(|| {
                    let list: Vec<String> = names().map(|name| format!("`{name}`")).collect();
                    format!("the components are {}", list.join(", "))
                });
                let message = format!("`{}` needs `{need}`, which is no component", component.name);
                self.refuse(named(needs.item(index)).span, message, help);
            }
            let each = component.needed().enumerate().map(|(index, need)| (need, named(needs.item(index)).span));
            self.refuse_twice("the need", "write it once", each);
        }
        self.cycles();
    }

    fn cycles(&mut self) {
        let components = &self.suite.components;
        for cycle in crate::suite::config::graph(components).cycles() {
            let mut round: Vec<&str> = cycle.iter().map(|&index| components[index].name.as_str()).collect();
            round.extend(round.first().copied());
            let edges = round
                .windows(2)
                .zip(&cycle)
                .map(|(pair, &from)| (self.edge(from, pair[1]), format!("`{}` needs `{}`", pair[0], pair[1])));
            let mut problem: Option<Diagnostic> = None;
            for (span, label) in edges {
                problem = Some(match problem {
                    None => {
                        let message = format!("the components need each other in a circle: {}", round.join(" → "));
                        Diagnostic::at(self.source, span, message).label(label)
                    }
                    Some(problem) => problem.see(self.source, span, label),
                });
            }
            let help = "remove one: services wait for what they need by themselves, `needs` only orders deployment";
            self.problems.extend(problem.map(|problem| problem.help(help)));
        }
    }

    /// Returns the location at which component `from` needs `to`.
    fn edge(&self, from: usize, to: &str) -> Span {
        let needs = self.tree.at("components").item(from).at("needs");
        let index = self.suite.components[from].needed().position(|need| need == to);
        index.map_or(needs, |index| named(needs.item(index))).span
    }
}

/// Returns the node of a need's component.
fn named(need: &Node) -> &Node {
    need.get("component").unwrap_or(need)
}
