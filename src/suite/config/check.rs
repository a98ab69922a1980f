//! Checks that types cannot express: names, ports, needs, and files that must exist.

mod checks;
mod files;
mod kubernetes;
mod names;
mod needs;
mod overlays;
mod ports;
mod provider;
mod ready;
mod retry;
mod timing;

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;
use std::path::Path;

use super::{Component, Suite};
use crate::suite::yaml::{Diagnostic, Node, Source, Span};

pub(super) use kubernetes::version;
pub(super) use names::overriding_name;

/// Returns every problem of a suite whose types are right. `overriding_overlay` is the overlay that replaces the
/// file's.
pub(super) fn all(
    suite: &Suite,
    overriding_overlay: Option<&str>,
    tree: &Node,
    source: &Source,
    root: &Path,
) -> Vec<Diagnostic> {
    let mut check = Checker { suite, overriding_overlay, tree, source, root, problems: Vec::new() };
    check.names();
    check.provider();
    check.needs();
    check.ports();
    check.checks();
    check.ready();
    check.retry();
    check.timing();
    check.files();
    check.overlays();
    check.problems
}

struct Checker<'a> {
    suite: &'a Suite,
    overriding_overlay: Option<&'a str>,
    tree: &'a Node,
    source: &'a Source,
    root: &'a Path,
    problems: Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    /// Returns every component and its location.
    fn components(&self) -> impl Iterator<Item = (&'a Component, &'a Node)> + use<'a> {
        let list = self.tree.at("components");
        self.suite.components.iter().enumerate().map(|(index, component)| (component, list.item(index)))
    }

    fn refuse(&mut self, span: Span, message: impl AsRef<str>, help: impl AsRef<str>) {
        self.problems.push(Diagnostic::at(self.source, span, message).help(help));
    }

    /// Reports every value that repeats an earlier one, with both locations.
    fn refuse_twice<T: Display + Eq + Hash>(
        &mut self,
        what: &str,
        help: &str,
        values: impl IntoIterator<Item = (T, Span)>,
    ) {
        let mut first: HashMap<T, Span> = HashMap::new();
        for (value, span) in values {
            let Some(&earlier) = first.get(&value) else {
                first.insert(value, span);
                continue;
            };
            let problem = Diagnostic::at(self.source, span, format!("{what} `{value}` is taken"));
            self.problems.push(problem.see(self.source, earlier, "first here").help(help));
        }
    }
}
