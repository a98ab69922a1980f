//! Checks names: valid in Kubernetes, and unique.

use std::collections::HashMap;

use super::Checker;
use crate::suite::config::{ImageSpec, ProviderKind};
use crate::suite::name::{ClusterName, check_label};
use crate::suite::template::of_run;
use crate::suite::yaml::{Diagnostic, Node, Source, Span};

/// The longest DNS label.
const MAX_LABEL: usize = 63;

/// An id of a run, as long as all are.
const RUN: &str = "000000";

const LABEL: &str = "write a DNS label: lower-case letters, digits and `-`, not at either end";

impl Checker<'_> {
    pub(super) fn names(&mut self) {
        let (suite, tree) = (self.suite, self.tree);
        self.label(&suite.suite, tree.at("suite"), MAX_LABEL);
        self.namespace(&suite.namespace, tree.at("namespace"));
        if let Some(Err(error)) = suite.cluster.name.as_ref().map(ClusterName::new) {
            self.refuse(tree.at("cluster").at("name").span, error.to_string(), LABEL);
        }
        if suite.components.is_empty() {
            let help = "describe at least one: `- { name: my-service, manifests: [manifests/my-service] }`";
            self.refuse(tree.at("components").span, "a suite without components has nothing to deploy", help);
        }
        for (component, place) in self.components() {
            self.label(&component.name, place.at("name"), MAX_LABEL);
            if let Some(namespace) = &component.namespace {
                self.namespace(namespace, place.at("namespace"));
            }
        }
        let names = self.components().map(|(component, place)| (component.name.as_str(), place.at("name").span));
        self.refuse_twice("the component name", "give one of them another name", names);
        self.images();
    }

    /// Checks a namespace, which may have `{{ run }}` in a cluster that several runs can use.
    fn namespace(&mut self, namespace: &str, place: &Node) {
        if !namespace.contains("{{") {
            return self.label(namespace, place, MAX_LABEL);
        }
        if self.suite.cluster.provider == ProviderKind::Kind {
            let help = "remove it, or write `provider: existing`";
            self.refuse(
                place.span,
                "`{{ run }}` is for clusters that exist already: a kind cluster is of one run",
                help,
            );
        }
        match of_run(namespace, RUN) {
            Ok(namespace) => self.label(&namespace, place, MAX_LABEL),
            Err(error) => self.refuse(place.span, error.to_string(), "write it like `shop-{{ run }}`"),
        }
    }

    fn label(&mut self, name: &str, place: &Node, longest: usize) {
        if let Err(error) = check_label(name, longest) {
            self.refuse(place.span, error.to_string(), LABEL);
        }
    }

    /// Checks that components that share an image build it in the same way.
    fn images(&mut self) {
        let mut first: HashMap<&str, (&ImageSpec, Span)> = HashMap::new();
        for (component, place) in self.components() {
            for (index, image) in component.images.iter().enumerate() {
                let place = place.at("images").item(index);
                let span = place.at("name").span;
                if image.name.is_empty() || image.name.contains(char::is_whitespace) {
                    let help = "write it as the manifests do, such as `docker.io/library/redis:7`";
                    self.refuse(span, format!("`{}` is not an image reference", image.name), help);
                }
                if let [first, second, ..] = image.makers().collect::<Vec<_>>()[..] {
                    let span = place.entry(second).map_or(span, |(key, _)| key.span);
                    let message = format!("the image `{}` has both `{first}` and `{second}`", image.name);
                    let help = "keep one: `recipe` for images of others, `cargo` for binaries of this workspace, `build` \
                                for a Dockerfile, `command` for a program that makes it";
                    self.refuse(span, message, help);
                }
                match first.get(image.name.as_str()) {
                    Some((earlier, seen)) if !image.is_made_like(earlier) => {
                        let message = format!("the image `{}` is made in another way here", image.name);
                        let problem = Diagnostic::at(self.source, span, message).see(self.source, *seen, "first here");
                        self.problems.push(problem.help("write the same at both, or rename one"));
                    }
                    Some(_) => {}
                    None => {
                        first.insert(&image.name, (image, span));
                    }
                }
            }
        }
    }
}

/// Returns the problem of a cluster name that is not from the file.
pub(in crate::suite::config) fn overriding_name(source: &Source, name: &str) -> Option<Diagnostic> {
    let error = ClusterName::new(name).err()?;
    let message = format!("--name or KIND_HARNESS_NAME: {error}");
    Some(Diagnostic::of_file(source.path(), message).help(LABEL))
}
