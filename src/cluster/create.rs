//! Creates a cluster: from a snapshot where there is one, otherwise by kind.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::boot::Boot;
use super::kind::{Kind, read_config};
use super::ports::{self, Reserved};
use super::reset::{keep_state, tell_unkept};
use super::snapshot::{self, Snapshot};
use super::{ClusterError, CreateRequest, Record, Records, kind_config, labels};
use crate::host::exec::ExecError;
use crate::host::folders::{Folders, Lock};
use crate::host::resilience::{Cause, Dependency};
use crate::host::setup::{EngineKind, engine_layers};
use crate::report::{Events, Phase};
use crate::suite::config::{self, Load, ProviderKind};
use crate::suite::plan::Plan;

/// Name of the configuration file for kind, in the cluster's folder.
pub(super) const CONFIG: &str = "kind-config.json";

/// Where the engine's folder of layers is mounted in a node.
const LAYERS: &str = "/kind/engine";

/// A cluster that can be created now.
struct Prepared {
    record: Record,
    /// Its host ports, which are free until the engine binds them.
    reserved: Reserved,
    /// The right to make nodes, which one run has at a time.
    turn: Lock,
    /// The snapshot of its configuration, if clusters of it boot from one.
    snapshot: Option<Snapshot>,
    /// The folder of the shim that labels and records what the engine makes.
    shim: PathBuf,
    network: String,
}

impl Kind {
    /// Creates the requested cluster.
    ///
    /// # Errors
    /// When a port is taken, kind's configuration is invalid, or kind fails. The caller removes what was created so
    /// far, with [`Kind::delete`].
    pub async fn create(&self, wanted: CreateRequest<'_>) -> Result<Record, ClusterError> {
        let CreateRequest { cache, step, events, .. } = wanted;
        let record = self.create_nodes(wanted).await?;
        if let Some(cache) = cache
            && let Err(error) = self.start_cache(&record, cache, step).await
        {
            let why = crate::readiness::errors::chain(&error);
            events.warn(Phase::Cluster, format!("the nodes pull images without a cache: {why}"));
        }
        Ok(record)
    }

    async fn create_nodes(&self, wanted: CreateRequest<'_>) -> Result<Record, ClusterError> {
        let mut prepared = self.prepare(&wanted).await?;
        let Some(snapshot) = prepared.snapshot.take_if(|snapshot| snapshot.exists()) else {
            return self.by_kind(prepared, wanted).await;
        };
        let record = prepared.record.clone();
        let error = match self.by_snapshot(&snapshot, prepared, &wanted).await {
            Ok(record) => {
                wanted.nodes_up.certain();
                return Ok(record);
            }
            Err(error) => error,
        };
        wanted.nodes_up.replaced();
        let why = crate::readiness::errors::chain(&error);
        let text = format!("kubeadm boots the control plane, since it does not boot from its snapshot: {why}");
        wanted.events.warn(Phase::Cluster, text);
        // Whatever the reason was: kubeadm's cluster makes another, which costs nothing.
        snapshot.remove().map_err(ClusterError::file("removing a snapshot that does not boot"))?;
        if let Some(owned) = wanted.records.owned(&record) {
            self.delete(&owned).await?;
        }
        let prepared = self.prepare(&wanted).await?;
        self.by_kind(prepared, wanted).await
    }

    async fn prepare(&self, wanted: &CreateRequest<'_>) -> Result<Prepared, ClusterError> {
        let CreateRequest { name, plan, image, records, lease, step, events, .. } = *wanted;
        let layers = wanted.layers.clone();
        let folders = &self.host.folders;
        let waits = || step.progress("waiting for another run that makes nodes");
        let turn = Lock::take(folders.nodes_lock(), waits).await.map_err(ClusterError::file("locking nodes"))?;
        let reserved = ports::reserve(plan.components()).map_err(|error| name_cluster(error, folders))?;
        let record = Record {
            name: name.clone(),
            suite: plan.path().into(),
            namespace: plan.suite().namespace.clone(),
            provider: ProviderKind::Kind,
            context: None,
            engine: Some(self.host.engine.clone()),
            nodes: Vec::new(),
            layers,
            images: None,
            ports: reserved.ports.clone(),
            shape: super::shape(plan)?,
            created: Timestamp::now(),
            lease: Some(lease.clone()),
            deployment: None,
        };
        let own = image.filter(|image| image.is_own).map(|image| image.reference.as_str());
        // Written first: if the run is killed, what it created is found by the ids beside this record.
        records.write(&record)?;
        let config = kind_config::complete(read_config(plan)?, plan.components(), &reserved.ports, own.is_some());
        let config = config.map_err(|why| ClusterError::KindConfig { path: config_path(plan), why })?;
        let snapshot = self.snapshot(plan, own, &config, events)?;
        let (folder, failed) = (records.folder(), || ClusterError::file("preparing the cluster's folder"));
        crate::host::folders::publish(&folder.join(CONFIG), &config.to_string()).map_err(failed())?;
        let labels = labels::labels_for(name, lease, folders);
        let mount = record.layers.as_deref().map(mount_option);
        let networks = folders.networks(self.host.engine.kind.name());
        let shim = labels::shim(&self.host.engine.kind.path(), &labels, mount.as_deref(), folder, &networks);
        Ok(Prepared {
            record,
            reserved,
            turn,
            snapshot,
            shim: shim.map_err(failed())?,
            network: network(folders, self.host.engine.kind),
        })
    }

    async fn by_snapshot(
        &self,
        snapshot: &Snapshot,
        prepared: Prepared,
        wanted: &CreateRequest<'_>,
    ) -> Result<Record, ClusterError> {
        let Prepared { record, reserved, turn, shim, network, .. } = prepared;
        let CreateRequest { name, plan, records, step, events, .. } = *wanted;
        let boot = Boot { host: &self.host, snapshot, name, network: &network, shim: &shim, records, step };
        let port = boot.start(plan.components(), reserved).await?;
        drop(turn);
        // Unpacking images beside it would slow the boot down more than it gains; a mount costs little.
        if record.layers.is_some() {
            wanted.nodes_up.accept();
        }
        let kept = keep_state(&self.host.engine, name);
        let (waited, kept, record) = tokio::join!(boot.wait(port), kept, self.with_nodes(record, records));
        waited?;
        tell_unkept(kept, events);
        record
    }

    async fn by_kind(&self, prepared: Prepared, wanted: CreateRequest<'_>) -> Result<Record, ClusterError> {
        let Prepared { record, reserved, turn, snapshot, shim, network } = prepared;
        let CreateRequest { name, image, records, nodes_up, step, events, .. } = wanted;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(shim).chain(std::env::split_paths(&path)));
        let failed = || ClusterError::file("preparing the cluster's folder");
        let path = path.map_err(std::io::Error::other).map_err(failed())?;

        let folder = records.folder();
        let mut command = self.host.kind(["create", "cluster", "--name", name, "--config"]).arg(folder.join(CONFIG));
        command = command.arg("--kubeconfig").arg(records.kubeconfig());
        if let Some(image) = image {
            command = command.arg("--image").arg(&image.reference);
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
        let record = self.with_nodes(record, records).await?;
        if record.nodes.len() == 1 {
            tell_unkept(keep_state(&self.host.engine, &record.name).await, events);
        }
        Ok(record)
    }

    /// Adds the nodes that were created to `record`.
    async fn with_nodes(&self, mut record: Record, records: &Records) -> Result<Record, ClusterError> {
        let nodes = self.find(&record.name).await?.0;
        record.nodes =
            nodes.into_iter().filter(|node| records.owned(&record).is_some_and(|owned| owned.has(node))).collect();
        Ok(record)
    }

    /// Returns the snapshot from which clusters of `config` and our own node image boot, if they do.
    fn snapshot(
        &self,
        plan: &Plan,
        image: Option<&str>,
        config: &Value,
        events: &Events,
    ) -> Result<Option<Snapshot>, ClusterError> {
        use config::Boot;
        let unsupported = snapshot::unsupported(&self.host, image, config);
        match (plan.suite().cluster.boot, unsupported, image) {
            (Boot::Snapshot, Some(why), _) => return Err(ClusterError::NoSnapshot { why }),
            (Boot::Auto, Some(why), _) => events.note(Phase::Cluster, why),
            (Boot::Auto | Boot::Snapshot, None, Some(image)) => {
                return Ok(Some(Snapshot::of(&self.host, image, config)));
            }
            _ => {}
        }
        Ok(None)
    }

    /// See [`Provider::layers`](super::Provider::layers).
    pub(super) async fn layers(&self, plan: &Plan, events: &Events) -> Result<Option<PathBuf>, ClusterError> {
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
}

/// Returns the engine's option that mounts its folder of layers in a node. What is mounted below it (the file systems of
/// other containers) is left out: it could not be unmounted while the node runs.
fn mount_option(layers: &Path) -> String {
    format!("type=bind,source={},destination={LAYERS},readonly,bind-nonrecursive=true", layers.display())
}

/// Returns the network of the clusters of one state folder. No other folder's clusters use it, so it can be removed
/// with the last of them. With nerdctl it is kind's own, because kind lets no other be chosen there; that is removed by the
/// state folder for which it was made, once no cluster uses it.
pub(super) fn network(folders: &Folders, engine: EngineKind) -> String {
    if engine == EngineKind::Nerdctl {
        return "kind".to_owned();
    }
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
