//! The texts of the files that `init` writes.

use super::images::Made;
use super::names::shown;
use super::units::{Source, Unit};

/// kind's own configuration.
pub(super) const KIND_CONFIG: &str = "\
# kind's own configuration: nodes, networking, feature gates. The harness adds the cluster's name, the node image and the
# ports of e2e.yaml.
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
  - role: control-plane
";

/// Names and bodies of the justfile's recipes. Those of tests, marked so, need a package to put tests in.
pub(super) const RECIPES: [(&str, bool, &str); 5] = [
    ("e2e", true, "# Run the E2E tests\ne2e *args:\n    cargo test --test e2e {{args}}\n"),
    (
        "e2e-parallel",
        true,
        "# Run them, components deployed all at once\ne2e-parallel *args:\n    KIND_HARNESS_STRATEGY=parallel cargo test --test e2e {{args}}\n",
    ),
    (
        "e2e-sequential",
        true,
        "# Run them, components deployed one by one: the baseline\ne2e-sequential *args:\n    KIND_HARNESS_STRATEGY=sequential cargo test --test e2e {{args}}\n",
    ),
    ("up", false, "# Bring the environment up, to work with it\nup *args:\n    kind-harness up {{args}}\n"),
    ("down", false, "# Take it down\ndown *args:\n    kind-harness down {{args}}\n"),
];

/// What `e2e.yaml` says.
#[derive(Debug)]
pub(super) struct SuiteText<'a> {
    /// The suite's name, and where it is from.
    pub(super) suite: (&'a str, &'a str),
    /// The namespace, and the kustomization that sets it.
    pub(super) namespace: (&'a str, Option<&'a Unit>),
    pub(super) overlay: Option<&'a str>,
    pub(super) components: Vec<Component<'a>>,
}

/// A component in `e2e.yaml`.
#[derive(Debug)]
pub(super) struct Component<'a> {
    pub(super) unit: &'a Unit,
    pub(super) images: Vec<Made>,
    /// How an image of a chart may be made, which the chart alone knows the reference of.
    pub(super) hint: Option<Made>,
    pub(super) ports: Vec<(String, u16)>,
}

impl SuiteText<'_> {
    /// Returns `e2e.yaml`, with comments.
    pub(super) fn yaml(&self) -> String {
        let mut text =
            String::from("# Made by `kind-harness init`. `kind-harness plan` checks this file after a change.\n");
        let (suite, from) = self.suite;
        text += &format!("suite: {}{}", scalar(suite), comment(&format!("{from}; names of clusters begin with it")));
        text +=
            &format!("cluster:\n  config: kind-config.yaml{}", comment("nodes, networking: kind's own configuration"));
        let (namespace, from) = self.namespace;
        let from = from.map_or("the suite's name".to_owned(), |unit| format!("set by {}", unit.source));
        text +=
            &format!("namespace: {}{}", scalar(namespace), comment(&format!("{from}; created if it does not exist")));
        if let Some(overlay) = self.overlay {
            text += &format!("overlay: {}{}", scalar(overlay), comment("the overlay of folders with `overlays/`"));
        }
        text += "\n# `needs: [NAME]` in a component says that it connects to another one: a failure is then reported at its cause.\ncomponents:";
        for component in &self.components {
            text += &format!(
                "\n  {}",
                comment(&format!("{}: {}", component.unit.source, component.unit.because)).trim_start()
            );
            text += &component.yaml(namespace);
        }
        text
    }

    /// Returns a first test: of a port, if there is one.
    pub(super) fn test(&self) -> String {
        let port = self.components.iter().find_map(|it| Some((&it.unit.name, &it.ports.first()?.0)));
        let (doc, name, body) = match port {
            Some((component, port)) => (
                "Replace the check by a request to the component, such as by HTTP.",
                format!(
                    "{}_takes_connections",
                    component.replace('-', "_").trim_start_matches(|it: char| !it.is_alphabetic())
                ),
                format!(
                    "    let address = environment.endpoint({component:?}, {port:?}).expect(\"e2e.yaml maps this port\");\n    \
                     assert!(std::net::TcpStream::connect(address).is_ok(), \"{{address}}, asked for {{}}\", namespace.name);\n"
                ),
            ),
            None => (
                "Replace the check: create objects that the components work on, and wait for the result.",
                "the_cluster_answers".to_owned(),
                "    let version = environment.client().apiserver_version().await;\n    \
                 assert!(version.is_ok(), \"{version:?}, asked for {}\", namespace.name);\n"
                    .to_owned(),
            ),
        };
        format!(
            "//! Tests in the environment of e2e.yaml. All components are ready before the first one begins.\n\n\
             use kind_harness::{{Environment, TestNamespace}};\n\n// {doc}\n#[kind_harness::test(timeout = \"30s\")]\n\
             async fn {name}(environment: &Environment, namespace: &TestNamespace) {{\n{body}}}\n"
        )
    }
}

impl Component<'_> {
    fn yaml(&self, namespace: &str) -> String {
        let unit = self.unit;
        let mut text = format!("  - name: {}\n", scalar(&unit.name));
        if let Some(own) = unit.namespace.as_deref().filter(|own| *own != namespace) {
            text += &format!("    namespace: {}\n", scalar(own));
        }
        if !self.images.is_empty() {
            text += "    images:\n";
        }
        for Made { image, key, because, .. } in &self.images {
            text += &format!("      - name: {}{}        {key}\n", scalar(image), comment(because));
        }
        if let Some(Made { key, because, .. }) = &self.hint {
            let hint =
                format!("images: [{{ name: REFERENCE, {key} }}]   ({because}; write the reference as the chart does)");
            text += &format!("    {}", comment(&hint).trim_start());
        }
        match &unit.source {
            Source::Chart(folder, values) => {
                let values =
                    values.iter().map(|path| format!(", values: [{}]", scalar(&shown(path)))).collect::<String>();
                text += &format!("    helm: {{ chart: {}{values} }}\n", scalar(&shown(folder)));
            }
            Source::Kustomization(folder) => text += &format!("    manifests: [{}]\n", scalar(&shown(folder))),
            Source::Plain(paths) => {
                text += "    manifests:\n";
                text.extend(paths.iter().map(|path| format!("      - {}\n", scalar(&shown(path)))));
            }
        }
        if !self.ports.is_empty() {
            text +=
                &format!("    ports:{}", comment("tests ask for them by name; the port on the host is any free one"));
        }
        text.extend(
            self.ports.iter().map(|(name, node)| format!("      - {{ name: {}, node: {node} }}\n", scalar(name))),
        );
        text
    }
}

/// Returns the end of a line with a comment.
fn comment(text: &str) -> String {
    format!("   # {}\n", text.replace(char::is_control, " "))
}

/// Returns `text` as a YAML scalar, in quotes if it would be read as something else without them.
pub(super) fn scalar(text: &str) -> String {
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let begins = |it: char| it.is_ascii_alphabetic() || it == '.';
    let is_plain = text.starts_with(begins)
        && !text.ends_with(':')
        && text.chars().all(|it| it.is_ascii_alphanumeric() || "._-/:@".contains(it))
        && (!text.starts_with('.') || text.len() == 1 || text.starts_with("./"))
        && !words.contains(&text.to_ascii_lowercase().as_str());
    // A JSON string is a YAML scalar.
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
