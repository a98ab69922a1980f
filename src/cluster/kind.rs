//! Clusters created by kind.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::snapshot::{self, Snapshot};
use super::{ClusterError, CreateRequest, Node, Owned, Record, Records, kind_config, labels, owned, ports};
use crate::host::exec::ExecError;
use crate::host::folders::{Folders, Lock};
use crate::host::resilience::{Cause, Dependency, Resilience};
use crate::host::setup::{Engine, Host, engine_layers};
use crate::images::{MountedLayers, Nodes};
use crate::report::{Events, Phase};
use crate::suite::config::{Boot, Load, ProviderKind};
use crate::suite::name::ClusterName;
use crate::suite::plan::Plan;

/// Name of the configuration file for kind, in the cluster's folder.
pub(super) const CONFIG: &str = "kind-config.json";

/// Where the engine's folder of layers is mounted in a node.
const LAYERS: &str = "/kind/engine";

/// Creates clusters with kind, on the host's engine.
#[derive(Debug, Clone)]
pub struct Kind {
    host: Host,
    resilience: Resilience,
}

impl Kind {
    /// Returns a provider that runs kind on `host`.
    #[must_use]
    pub fn new(host: Host, resilience: Resilience) -> Kind {
        Kind { host, resilience }
    }

    /// Returns the host whose engine runs the nodes.
    pub(super) fn host(&self) -> &Host {
        &self.host
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
        let (nodes, _) = self.find(name).await?;
        let folder = self.host.folders.cluster(name);
        let nodes = match Records::peek(&self.host.folders, name)? {
            Some(record) => nodes_of(&record, &self.host.engine, &nodes, folder),
            None => Nodes { engine: self.host.engine.clone(), names: names(&nodes), folder, layers: None },
        };
        Ok(nodes)
    }

    /// Returns the engine's folder of layers, if nodes are to use images from there.
    async fn layers(&self, plan: &Plan, events: &Events) -> Result<Option<PathBuf>, ClusterError> {
        let load = plan.suite().cluster.load;
        if load == Load::Copy {
            return Ok(None);
        }
        match (engine_layers(&self.host.engine).await, load) {
            (Ok(root), _) => Ok(Some(root)),
            (Err(why), Load::Mount) => Err(ClusterError::NotMounted { why }),
            (Err(why), _) => {
                events.note(Phase::Load, format!("images are copied into the nodes: {why}"));
                Ok(None)
            }
        }
    }

    /// Creates the requested cluster.
    ///
    /// # Errors
    /// When a port is taken, kind's configuration is invalid, or kind fails. The caller removes what was created so
    /// far, with [`Kind::delete`].
    pub async fn create(&self, wanted: CreateRequest<'_>) -> Result<Record, ClusterError> {
        let CreateRequest { name, plan, image, records, lease, nodes_up, step, events } = wanted;
        let folders = &self.host.folders;
        let waits = || step.progress("waiting for another run that makes nodes");
        let (turn, layers) = tokio::join!(Lock::take(folders.nodes_lock(), waits), self.layers(plan, events));
        let (turn, layers) = (turn.map_err(ClusterError::file("locking nodes"))?, layers?);
        let reserved = ports::reserve(plan.components()).map_err(|error| name_cluster(error, folders))?;
        let record = Record {
            name: name.clone(),
            suite: plan.path().into(),
            namespace: plan.suite().namespace.clone(),
            provider: ProviderKind::Kind,
            context: None,
            engine: Some(self.host.engine.clone()),
            nodes: Vec::new(),
            layers: layers.clone(),
            images: None,
            ports: reserved.ports.clone(),
            shape: super::shape(plan)?,
            created: Timestamp::now(),
            lease: Some(lease.clone()),
            deployment: None,
        };
        // Written first: if the run is killed, what it created is found by the ids beside this record.
        records.write(&record)?;
        let config = kind_config::complete(read_config(plan)?, plan.components(), &reserved.ports, image.is_some());
        let config = config.map_err(|why| ClusterError::KindConfig { path: config_path(plan), why })?;
        let snapshot = self.snapshot(plan, image, &config)?;
        let (folder, failed) = (records.folder(), || ClusterError::file("preparing the cluster's folder"));
        let config_file = folder.join(CONFIG);
        crate::host::folders::publish(&config_file, &config.to_string()).map_err(failed())?;
        let labels = labels::labels_for(name, lease, folders);
        let mount = layers.as_deref().map(mount_option);
        let networks = folders.networks(self.host.engine.kind.name());
        let shim = labels::shim(&self.host.engine.kind.path(), &labels, mount.as_deref(), folder, &networks);
        let shim = shim.map_err(failed())?;
        let network = network(folders);
        if let Some(snapshot) = snapshot.as_ref().filter(|snapshot| snapshot.exists()) {
            let (host, network) = (&self.host, network.as_str());
            let boot = super::boot::Boot { host, snapshot, name, network, shim: &shim, records, step };
            // Unpacking images beside it would slow the boot down more than it gains; a mount costs little.
            let started = || {
                if layers.is_some() {
                    nodes_up.accept()
                }
            };
            let Err(error) = boot.run(plan.components(), reserved, turn, started).await else {
                nodes_up.certain();
                return self.with_nodes(record, records).await;
            };
            nodes_up.replaced();
            let why = crate::readiness::errors::chain(&error);
            let text = format!("kubeadm boots the control plane, since its snapshot does not: {why}");
            events.warn(Phase::Cluster, text);
            // Without it, kubeadm boots the cluster and makes another.
            snapshot.remove().map_err(ClusterError::file("removing a snapshot that does not boot"))?;
            if let Some(owned) = records.owned(&record) {
                self.delete(&owned).await?;
            }
            let again = CreateRequest { name, plan, image, records, lease, nodes_up, step, events };
            return Box::pin(self.create(again)).await;
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(shim).chain(std::env::split_paths(&path)));
        let path = path.map_err(std::io::Error::other).map_err(failed())?;

        let mut command = self.host.kind(["create", "cluster", "--name", name, "--config"]).arg(&config_file);
        command = command.arg("--kubeconfig").arg(records.kubeconfig());
        if let Some(image) = image {
            command = command.arg("--image").arg(image);
        }
        // kind's children are not killed with it: a container that the engine was still creating would be hard to find
        // and remove.
        command = command.env("PATH", path).sparing_children();
        command = command.env("KIND_EXPERIMENTAL_PODMAN_NETWORK", &network);
        command = command.env("KIND_EXPERIMENTAL_DOCKER_NETWORK", &network);
        // From here on the engine binds the ports.
        drop(reserved);
        let nodes_up = Arc::new(Mutex::new(Some((nodes_up, turn))));
        let again = AtomicBool::new(false);
        let attempt = || async {
            if again.swap(true, Ordering::Relaxed)
                && let Some(owned) = records.owned(&record)
            {
                // A container that cannot be removed makes kind fail, with a message.
                let _ = self.delete(&owned).await;
            }
            let (say, nodes_up) = (step.handle(), nodes_up.clone());
            let created = command.stream(move |line| {
                say.progress(line.trim().trim_start_matches(['•', '✓']).trim());
                if line.contains('✓')
                    && line.contains("Preparing nodes")
                    && let Some((nodes_up, _turn)) = nodes_up.lock().unwrap_or_else(PoisonError::into_inner).take()
                {
                    nodes_up.certain();
                }
            });
            created.await
        };
        let classify = |error: &ExecError| {
            let cause = Cause::of_program(error, Dependency::Engine);
            // Not retried once nodes were up: images are loading into them, and would not be loaded a second time.
            let again = nodes_up.lock().unwrap_or_else(PoisonError::into_inner).is_some();
            Cause { transient: cause.transient && again, ..cause }
        };
        let created = self.resilience.call(Dependency::Engine, "kind create cluster", classify, attempt);
        created.await.map_err(ClusterError::command(format!("creating cluster {name}")))?;
        if let Some(snapshot) = &snapshot {
            step.progress("keeping a snapshot, from which later clusters boot");
            // Not worth a failure: the cluster is there.
            if let Err(error) = snapshot.take(&self.host, name, &folder.join(labels::MADE)).await {
                let why = crate::readiness::errors::chain(&error);
                events.warn(Phase::Cluster, format!("no snapshot of the control plane was kept: {why}"));
            }
        }
        self.with_nodes(record, records).await
    }

    /// Adds the nodes that were created to `record`.
    async fn with_nodes(&self, mut record: Record, records: &Records) -> Result<Record, ClusterError> {
        let nodes = self.find(&record.name).await?.0;
        record.nodes =
            nodes.into_iter().filter(|node| records.owned(&record).is_some_and(|owned| owned.has(node))).collect();
        Ok(record)
    }
}

impl Kind {
    /// Returns the snapshot from which clusters of `config` boot, if they do.
    fn snapshot(&self, plan: &Plan, image: Option<&str>, config: &Value) -> Result<Option<Snapshot>, ClusterError> {
        let unsupported = snapshot::unsupported(&self.host, image, config);
        match (plan.suite().cluster.boot, unsupported, image) {
            (Boot::Snapshot, Some(why), _) => Err(ClusterError::NoSnapshot { why }),
            (Boot::Auto | Boot::Snapshot, None, Some(image)) => Ok(Some(Snapshot::of(&self.host, image, config))),
            _ => Ok(None),
        }
    }
}

/// Returns the nodes of the cluster of `record`, whose folder is `folder`.
pub(super) fn nodes_of(record: &Record, engine: &Engine, nodes: &[Node], folder: PathBuf) -> Nodes {
    let layers = record.layers.clone().map(|root| MountedLayers {
        root,
        shim: labels::shim_of(engine, &folder),
        cluster: record.name.clone(),
        required: false,
    });
    Nodes { engine: engine.clone(), names: names(nodes), folder, layers }
}

fn names(nodes: &[Node]) -> Vec<String> {
    nodes.iter().map(|node| node.name.clone()).collect()
}

/// Returns the engine's option that mounts its folder of layers in a node. What is mounted below it (the file systems of
/// other containers) is left out: it could not be unmounted while the node runs.
fn mount_option(layers: &Path) -> String {
    format!("type=bind,source={},destination={LAYERS},readonly,bind-nonrecursive=true", layers.display())
}

/// Returns the network of the clusters of one state folder. No other folder's clusters use it, so it can be removed
/// with the last of them.
fn network(folders: &Folders) -> String {
    let user = rustix::process::geteuid().as_raw().to_string();
    let hash = Sha256::new().chain_update(user).chain_update(folders.state.as_os_str().as_encoded_bytes()).finalize();
    format!("kind-harness-{}", &crate::suite::hash::hex(&hash)[..8])
}

/// Adds the name of our cluster that uses the port, since the process listening on it is only the engine's.
fn name_cluster(error: ClusterError, folders: &Folders) -> ClusterError {
    let ClusterError::PortTaken { port, component, name, holder } = error else { return error };
    let has_it = |record: &Record| record.ports.0.values().flat_map(BTreeMap::values).any(|it| it.port() == port);
    let others = Records::names(folders).unwrap_or_default().into_iter();
    let mut others = others.filter(|name| Records::peek(folders, name).ok().flatten().as_ref().is_some_and(has_it));
    let holder = others.next().map_or(holder, |cluster| format!("cluster {cluster} of ours"));
    ClusterError::PortTaken { port, component, name, holder }
}

fn config_path(plan: &Plan) -> String {
    plan.suite().cluster.config.clone().unwrap_or_else(|| "kind's default".into())
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
