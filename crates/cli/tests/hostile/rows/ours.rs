//! Leases, labels and records as the harness writes them, for rows to spoil.

use kind_harness::cluster::{Lease, Node, Owner, PortMap, Record};
use kind_harness::host::setup::{Engine, EngineKind};
use kind_harness::suite::config::{Keep, ProviderKind};
use kind_harness::suite::name::ClusterName;
use serde_json::{Value, json};

use anyhow::Result;

use crate::row::Row;

const CLUSTER: &str = "kind-harness.dev/cluster";
const LEASE: &str = "kind-harness.dev/lease";
/// The user who made the cluster.
pub(super) const UID: &str = "kind-harness.dev/uid";
pub(super) const KIND_CLUSTER: &str = "io.x-k8s.kind.cluster";
pub(super) const KIND_ROLE: &str = "io.x-k8s.kind.role";

pub(super) type Labels = Vec<(String, String)>;

/// A lease of this process, which runs.
pub(super) fn held() -> Result<Value> {
    let lease = Lease { run: "another".into(), ..Lease::take(Owner::current()?, Keep::Never, None) };
    Ok(serde_json::to_value(lease)?)
}

/// A lease whose owner is gone.
pub(super) fn dead() -> Result<Value> {
    let mut lease = held()?;
    lease["owner"]["started"] = json!(1);
    Ok(lease)
}

/// A lease of a cluster that was kept until `until`.
pub(super) fn kept(until: Option<&str>) -> Result<Value> {
    let mut lease = held()?;
    lease["owner"] = Value::Null;
    lease["keep"] = json!("always");
    lease["taken"] = json!("2026-01-01T00:00:00Z");
    lease["until"] = json!(until);
    Ok(lease)
}

/// What a node of cluster `name` is labelled with when it is ours.
pub(super) fn labels(name: &str, lease: &str) -> Labels {
    let uid = rustix::process::getuid().as_raw().to_string();
    let labels = [
        (CLUSTER, name),
        (LEASE, lease),
        (UID, &uid),
        ("kind-harness.dev/run", "another"),
        (KIND_CLUSTER, name),
        (KIND_ROLE, "control-plane"),
    ];
    labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// `labels` with another value for `key`, or without it.
pub(super) fn with(labels: Labels, key: &str, value: Option<&str>) -> Labels {
    let rest = labels.into_iter().filter(|(it, _)| it != key);
    rest.chain(value.map(|value| (key.to_owned(), value.to_owned()))).collect()
}

/// What is remembered of cluster `name`, whose nodes are containers `ids`.
pub(super) fn record(name: &str, lease: &Value, engine: Option<Engine>, ids: &[&str]) -> Result<Value> {
    let node = |id: &&str| Node { name: node(name), id: (*id).into() };
    let record = Record {
        name: ClusterName::new("any")?,
        suite: "e2e.yaml".into(),
        namespace: "tiny".into(),
        provider: ProviderKind::Kind,
        context: None,
        engine: Some(engine.unwrap_or(Engine { kind: EngineKind::Podman, containers_conf: None })),
        nodes: ids.iter().map(node).collect(),
        layers: None,
        images: None,
        ports: PortMap::default(),
        shape: String::new(),
        created: "2026-01-01T00:00:00Z".parse()?,
        lease: None,
        deployment: None,
    };
    let mut record = serde_json::to_value(record)?;
    // Names that the type refuses are written all the same.
    record["name"] = name.into();
    record["lease"] = lease.clone();
    Ok(record)
}

/// What kind calls the node of cluster `name`.
pub(super) fn node(name: &str) -> String {
    format!("{name}-control-plane")
}

impl Row {
    /// The node of the row's cluster, labelled as ours are; its owner is gone. Returns its id.
    pub(super) fn node(&self, options: &[&str]) -> Result<String> {
        self.container(&node(&self.name), &labels(&self.name, &dead()?.to_string()), options)
    }

    /// Puts a record into the state folder.
    pub(super) fn remember(&self, name: &str, record: &Value) -> Result<()> {
        self.write(&format!("state/kind-harness/{name}/cluster.json"), &record.to_string())
    }

    /// A cluster of ours that nobody needs any more, as far as its record says, on the row's engine.
    pub(super) fn remember_dead(&self, ids: &[&str]) -> Result<()> {
        let engine = self.bench.map(|bench| bench.engine.clone());
        self.remember(&self.name, &record(&self.name, &dead()?, engine, ids)?)
    }
}
