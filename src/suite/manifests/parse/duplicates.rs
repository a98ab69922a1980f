//! Duplicate objects: the second would silently change the first.

use std::collections::HashMap;

use kube::core::DynamicObject;

use crate::readiness::ObjectRef;
use crate::suite::yaml::{Diagnostic, Node, Source, Span};

/// The objects read so far, and their locations.
#[derive(Default)]
pub(super) struct Seen(HashMap<ObjectRef, (Source, Span)>);

impl Seen {
    /// Returns the problem if an object of the same type, namespace and name was read before.
    pub(super) fn again(&mut self, source: &Source, node: &Node, object: &DynamicObject) -> Option<Diagnostic> {
        let span = node.at("metadata").at("name").span;
        let name = ObjectRef::of(object);
        let Some((earlier, first)) = self.0.get(&name) else {
            self.0.insert(name, (source.clone(), span));
            return None;
        };
        let place = name.namespace.as_ref().map(|namespace| format!(" in namespace `{namespace}`")).unwrap_or_default();
        let problem = Diagnostic::at(source, span, format!("`{name}`{place} is there twice"));
        Some(problem.see(earlier, *first, "first here").help("the second would change the first: remove one of them"))
    }
}
