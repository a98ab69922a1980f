//! Checks that the keys of the cluster fit its provider.

use super::Checker;
use crate::suite::config::{Isolation, ProviderKind};
use crate::suite::reference::is_repository;

impl Checker<'_> {
    /// Checks that `kind` has none of the keys of `existing`, and the other way round.
    pub(super) fn provider(&mut self) {
        let (spec, place) = (&self.suite.cluster, self.tree.at("cluster"));
        let span = |key: &str| place.entry(key).map_or(place.span, |(key, _)| key.span);
        if spec.provider == ProviderKind::Kind {
            let theirs = [
                ("context", spec.context.is_some(), "`context` is for clusters that exist already"),
                (
                    "push",
                    spec.push.is_some(),
                    "`push` is for clusters that exist already: kind's nodes get images without a registry",
                ),
                (
                    "pullSecrets",
                    spec.pull_secrets,
                    "`pullSecrets` is for clusters that exist already: kind's nodes get images without a registry",
                ),
            ];
            for (key, _, message) in theirs.into_iter().filter(|(_, is_set, _)| *is_set) {
                self.refuse(span(key), message, "remove it, or write `provider: existing`");
            }
            return;
        }
        if spec.context.as_deref().is_none_or(str::is_empty) {
            self.refuse(
                place.at("provider").span,
                "the provider `existing` needs a `context`",
                "name the kubeconfig context of the cluster: `context: my-cluster`",
            );
        }
        let of_kind = [
            ("config", spec.config.is_some()),
            ("kubernetes", spec.kubernetes.is_some()),
            ("cache", spec.cache),
            ("isolation", spec.isolation == Isolation::File),
        ];
        for (key, _) in of_kind.into_iter().filter(|(_, is_set)| *is_set) {
            self.refuse(
                span(key),
                format!("`{key}` means nothing to a cluster that exists already"),
                "remove it, or write `provider: kind`",
            );
        }
        if let Some(push) = spec.push.as_ref().filter(|push| !is_repository(push)) {
            self.refuse(
                place.at("push").span,
                format!("`{push}` is not a registry's host with a folder in it"),
                "write the host and the path to which images are pushed, without scheme and tag: `registry.example/e2e`",
            );
        }
        if spec.pull_secrets && spec.push.is_none() {
            self.refuse(
                span("pullSecrets"),
                "`pullSecrets` needs `push`, whose registry the login is for",
                "add `push: registry.example/e2e`, or remove `pullSecrets`",
            );
        }
    }
}
