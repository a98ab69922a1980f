//! Clusters created by kind.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{ClusterError, Node, Owned, Record, Records, labels, owned};
use crate::host::resilience::Resilience;
use crate::host::setup::{Engine, Host};
use crate::images::{MountedLayers, Nodes};
use crate::suite::name::ClusterName;
use crate::suite::plan::Plan;

/// Creates clusters with kind, on the host's engine.
#[derive(Debug, Clone)]
pub struct Kind {
    pub(super) host: Host,
    pub(super) resilience: Resilience,
}

impl Kind {
    /// Returns a provider that runs kind on `host`.
    #[must_use]
    pub fn new(host: Host, resilience: Resilience) -> Kind {
        Kind { host, resilience }
    }

    /// Returns the node containers that have the name of cluster `name`, whether ours or not, and whether all of them
    /// run.
    ///
    /// # Errors
    /// When the engine does not list them.
    pub async fn find(&self, name: &ClusterName) -> Result<(Vec<Node>, bool), ClusterError> {
        owned::find(&self.host.engine, labels::KIND, name, &self.resilience).await
    }

    /// Removes the containers and volumes in `owned`.
    ///
    /// # Errors
    /// As [`Owned::remove`].
    pub async fn delete(&self, owned: &Owned) -> Result<(), ClusterError> {
        owned.remove(&self.host.folders, &self.resilience).await
    }

    /// Returns the nodes of cluster `name`, to load images into.
    ///
    /// # Errors
    /// When the engine does not list them.
    pub async fn nodes(&self, name: &ClusterName) -> Result<Nodes, ClusterError> {
        let folder = self.host.folders.cluster(name);
        let record = Records::peek(&self.host.folders, name)?;
        // A cluster that is being created has none yet.
        let recorded = record.as_ref().map(|record| record.nodes.clone()).filter(|nodes| !nodes.is_empty());
        let nodes = match recorded {
            Some(nodes) => nodes,
            None => self.find(name).await?.0,
        };
        Ok(match record {
            Some(record) => nodes_of(&record, &self.host.engine, &nodes, folder),
            None => Nodes { engine: self.host.engine.clone(), names: names(&nodes), folder, layers: None },
        })
    }
}

/// Returns the nodes of the cluster of `record`, whose folder is `folder`.
pub(super) fn nodes_of(record: &Record, engine: &Engine, nodes: &[Node], folder: PathBuf) -> Nodes {
    let layers = record.layers.clone().map(|root| MountedLayers {
        root,
        shim: labels::shim_of(&engine.kind.path(), &folder),
        cluster: record.name.clone(),
        required: false,
    });
    Nodes { engine: engine.clone(), names: names(nodes), folder, layers }
}

fn names(nodes: &[Node]) -> Vec<String> {
    nodes.iter().map(|node| node.name.clone()).collect()
}

/// Returns the node images that the suite's configuration for kind names.
///
/// # Errors
/// When the file cannot be read, or is no YAML.
pub fn node_images(plan: &Plan) -> Result<Vec<String>, ClusterError> {
    let config = read_config(plan)?;
    let nodes = config["nodes"].as_array().into_iter().flatten();
    Ok(nodes.filter_map(|node| node["image"].as_str().map(str::to_owned)).collect())
}

pub(super) fn read_config(plan: &Plan) -> Result<Value, ClusterError> {
    let Some(path) = &plan.suite().cluster.config else { return Ok(json!({})) };
    let text =
        fs_err::read_to_string(plan.resolve(path)).map_err(ClusterError::file("reading kind's configuration"))?;
    serde_saphyr::from_str(&text)
        .map_err(|error| ClusterError::KindConfig { path: path.clone(), why: error.to_string() })
}
