//! The run of an environment, by which the namespaces of several in one cluster differ.

use super::Plan;
use crate::suite::template;

impl Plan {
    /// Returns whether `{{ run }}` is in a namespace of the suite: environments of it live side by side in one cluster.
    #[must_use]
    pub fn is_per_run(&self) -> bool {
        let written = self.written.as_deref().unwrap_or(self.suite());
        let own = written.components.iter().filter_map(|component| component.namespace.as_ref());
        own.chain([&written.namespace]).any(|namespace| namespace.contains("{{"))
    }

    /// Returns the id that `{{ run }}` stands for, once there is one.
    #[must_use]
    pub fn run(&self) -> Option<&str> {
        self.run.as_deref()
    }

    /// Returns the plan of the run `id`: namespaces have it in place of `{{ run }}`.
    #[must_use]
    pub fn with_run(mut self, id: &str) -> Plan {
        if !self.is_per_run() {
            return self;
        }
        let written = self.written.take().unwrap_or_else(|| Box::new(self.suite().clone()));
        let suite = &mut self.loaded.suite;
        suite.namespace = of_run(&written.namespace, id);
        for (component, written) in suite.components.iter_mut().zip(&written.components) {
            component.namespace = written.namespace.as_deref().map(|namespace| of_run(namespace, id));
        }
        (self.written, self.run) = (Some(written), Some(id.to_owned()));
        self
    }
}

/// Returns a namespace with `id` for `{{ run }}`; one that has another template, which is refused when the suite is read,
/// unchanged.
fn of_run(namespace: &str, id: &str) -> String {
    template::of_run(namespace, id).unwrap_or_else(|_| namespace.to_owned())
}
