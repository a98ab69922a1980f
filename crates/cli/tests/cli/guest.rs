//! A suite whose environment is in an existing cluster.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::api::Api;
use crate::support::{Ended, Host};

/// What the suite brings: a namespace and objects of which some may be there before.
pub(crate) const MANIFESTS: &str = "
{apiVersion: v1, kind: Namespace, metadata: {name: precious, labels: {app: guest}}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: precious}, rules: []}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {a: guests, b: guests}}
---
{apiVersion: v1, kind: Secret, metadata: {name: password}, stringData: {p: guests}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: own}, data: {x: '1'}}
";

/// A host, and a cluster that is not ours in its kubeconfig.
pub(crate) struct Guest {
    pub(crate) host: Host,
    pub(crate) api: Api,
}

impl Guest {
    pub(crate) fn new() -> Guest {
        let guest = Guest { host: Host::bare(), api: Api::start() };
        guest.leads_to(&guest.api, "c");
        guest.suite("c", &["app.yaml"]);
        guest.host.write("suite/app.yaml", MANIFESTS);
        guest
    }

    /// A cluster in which people have some of what the suite brings.
    pub(crate) fn in_a_house() -> Guest {
        let guest = Guest::new();
        let api = &guest.api;
        api.put("namespaces", "", "precious", json!({"metadata": {"labels": {"app": "theirs", "team": "a"}}}));
        api.put("configmaps", "precious", "mine", json!({"data": {"a": "b"}}));
        api.put("clusterroles", "", "precious", json!({"rules": []}));
        api.put("namespaces", "", "tiny", json!({}));
        api.put("configmaps", "tiny", "settings", json!({"data": {"a": "theirs", "c": "theirs"}}));
        api.put("secrets", "tiny", "password", json!({"data": {"p": "dGhlaXJz"}}));
        guest
    }

    pub(crate) fn leads_to(&self, api: &Api, context: &str) {
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "theirs",
            "clusters": [{"name": "c", "cluster": {"server": format!("http://{}", api.address)}},
                         {"name": "theirs", "cluster": {"server": "http://127.0.0.1:1"}}],
            "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}},
                         {"name": "theirs", "context": {"cluster": "theirs", "user": "theirs"}}],
            "users": [{"name": "u", "user": {"token": "t"}}, {"name": "theirs", "user": {"token": "their-token"}}],
        });
        self.host.write("kubeconfig", &kubeconfig.to_string());
    }

    pub(crate) fn suite(&self, context: &str, manifests: &[&str]) {
        let components =
            manifests.iter().enumerate().map(|(at, it)| format!("  - {{name: part{at}, manifests: [{it}]}}\n"));
        let components: String = components.collect();
        let cluster = format!("cluster: {{provider: existing, context: {context}, name: guest}}");
        self.host.write(
            "suite/e2e.yaml",
            &format!(
                "suite: guest\nnamespace: tiny\n{cluster}\nimages: registry\ndeadline: 20s\ncomponents:\n{components}"
            ),
        );
    }

    pub(crate) fn command(&self, args: &[&str]) -> duct::Expression {
        self.host.command(args).env("KUBECONFIG", self.host.path("kubeconfig"))
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        Ended::from(&self.command(args).run().unwrap())
    }

    #[track_caller]
    pub(crate) fn done(&self, args: &[&str]) -> Ended {
        let ended = self.run(args);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        ended
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.host.path("home/.local/state/kind-harness/guest")
    }

    /// Starts `up`, waits until the server has been asked, and kills it.
    pub(crate) fn killed_at(&self, request: &str) {
        let running = self.command(&["up"]).start().unwrap();
        self.host.eventually(request, || self.api.requests().iter().any(|it| it == request));
        running.kill().unwrap();
        let _ = running.wait();
    }

    #[track_caller]
    pub(crate) fn nothing_differs(&self, before: &BTreeMap<String, Value>) {
        let after = self.api.world();
        assert!(after == *before, "before {before:#?}\nafter {after:#?}");
    }
}
