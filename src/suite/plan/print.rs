//! Prints the plan as text and for Graphviz.

use std::fmt::Write;

use super::Plan;
use crate::suite::config::{Component, HostPort, ProviderKind, Strategy, duration};

impl Plan {
    /// Returns the plan as a tree of waves and components.
    #[must_use]
    pub fn to_text(&self) -> String {
        let suite = self.suite();
        let stages = self.stages().len();
        let order = match suite.strategy {
            Strategy::Parallel => "parallel, all at once and one wait".to_owned(),
            Strategy::Waves => format!("waves, {stages} of them, each awaited"),
            Strategy::Sequential => format!("sequential, {stages} components one by one, each awaited"),
        };
        let mut out = String::new();
        for (key, value) in [
            ("suite", suite.suite.clone()),
            ("cluster", self.cluster_text()),
            ("namespace", suite.namespace.clone()),
            ("images", value(&suite.images)),
            ("overlay", suite.overlay.clone()),
            ("strategy", order),
            ("deadline", duration::to_text(suite.deadline)),
        ] {
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(out, "{key:<9}  {value}");
        }
        for (number, wave) in self.waves().iter().enumerate() {
            let _ = writeln!(out, "\nwave {}", number + 1);
            for (index, component) in wave.iter().enumerate() {
                let last = index + 1 == wave.len();
                let (branch, trunk) = if last { ("└─", "  ") } else { ("├─", "│ ") };
                let _ = writeln!(out, "{branch} {}", component.name);
                for (key, line) in lines(component) {
                    let _ = writeln!(out, "{trunk}   {key:<9}  {line}");
                }
            }
        }
        out
    }

    /// Returns the plan as a Graphviz graph: an arrow points from a component to each of its needs, waves are boxes.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let mut out =
            format!("digraph {} {{\n  rankdir=RL;\n  node [shape=box, style=rounded];\n", id(&self.suite().suite));
        for (number, wave) in self.waves().iter().enumerate() {
            let _ = writeln!(out, "  subgraph cluster_wave_{} {{\n    label=\"wave {}\";", number + 1, number + 1);
            for component in wave {
                let _ = writeln!(out, "    {};", id(&component.name));
            }
            out.push_str("  }\n");
        }
        for component in self.components() {
            for need in &component.needs {
                let _ = writeln!(out, "  {} -> {};", id(&component.name), id(&need.component));
            }
        }
        out.push_str("}\n");
        out
    }

    fn cluster_text(&self) -> String {
        let spec = &self.suite().cluster;
        match spec.provider {
            ProviderKind::Existing => format!("existing, context {}", spec.context.as_deref().unwrap_or("(none)")),
            ProviderKind::Kind => {
                let config = spec.config.as_ref().map(|config| format!(", {config}")).unwrap_or_default();
                format!("{} (kind{config})", self.cluster_name())
            }
        }
    }
}

fn lines(component: &Component) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if !component.needs.is_empty() {
        lines.push(("needs", list(&component.needs)));
    }
    lines.extend(component.namespace.iter().map(|namespace| ("namespace", namespace.clone())));
    if !component.manifests.is_empty() {
        lines.push(("manifests", list(&component.manifests)));
    }
    lines.extend(component.helm.iter().map(|chart| ("chart", chart.chart.clone())));
    lines.extend(component.before.iter().map(|task| ("before", task.to_string())));
    lines.extend(component.after.iter().map(|task| ("after", task.to_string())));
    lines.extend(component.images.iter().map(|image| ("image", image.to_string())));
    for port in &component.ports {
        let host = match port.host {
            HostPort::Auto => "any free port".to_owned(),
            HostPort::Fixed(number) => format!("127.0.0.1:{number}"),
        };
        lines.push(("port", format!("{} {host} → node {}", port.name, port.node)));
    }
    for check in &component.checks {
        lines.push(("check", check.to_string()));
    }
    lines
}

fn list(items: &[impl std::fmt::Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Returns the file's word for an enum's value.
fn value(word: &impl serde::Serialize) -> String {
    serde_json::to_value(word).ok().and_then(|json| json.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Returns a Graphviz identifier.
fn id(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}
