//! Clusters made by kind.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Claim, ClusterError, Lease, Node, Record, Records, Wanted, kind_config, labels, ports};
use crate::config::ProviderKind;
use crate::exec::{self, ExecError};
use crate::folders::{Folders, Lock};
use crate::images::Nodes;
use crate::plan::Plan;
use crate::report;
use crate::resilience::{Cause, Dependency, Resilience};
use crate::setup::{Engine, EngineKind, Host, LOOK};

/// kind labels containers with the cluster's name under this key.
const LABEL: &str = "io.x-k8s.kind.cluster";

/// The configuration that kind is given, in the cluster's folder.
pub(super) const CONFIG: &str = "kind-config.json";
/// A network of our own, so that we can tell that it is ours to remove.
const NETWORK: &str = "kind-harness";

/// Makes clusters with kind, on the host's engine.
#[derive(Debug, Clone)]
pub struct Kind {
    host: Host,
    resilience: Resilience,
}

impl Kind {
    /// kind on `host`.
    #[must_use]
    pub fn new(host: Host, resilience: Resilience) -> Kind {
        Kind { host, resilience }
    }

    /// The node containers of cluster `name`, whoever made it, and whether all of them run.
    ///
    /// # Errors
    /// When the engine does not say.
    pub async fn find(&self, name: &str) -> Result<(Vec<Node>, bool), ClusterError> {
        let filter = format!("label={LABEL}={name}");
        let list = ["ps", "-a", "--no-trunc", "--filter", &filter, "--format", "{{.ID}} {{.Names}} {{.Status}}"];
        let list = self.host.engine.command(list).deadline(LOOK);
        let text = self.resilience.engine("listing node containers", || list.output()).await;
        let text = text.map_err(ClusterError::command("listing node containers"))?;
        let mut running = true;
        let nodes = text.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let node = Node { id: words.next()?.into(), name: words.next()?.into() };
            // "Up 4 minutes", with every engine; what `State` says differs between them.
            running &= words.next() == Some("Up");
            Some(node)
        });
        Ok((nodes.collect(), running))
    }

    /// Whether the labels of cluster `name` say that it is ours, and that nobody uses it.
    ///
    /// # Errors
    /// When the engine does not say.
    pub async fn is_abandoned(&self, name: &str) -> Result<bool, ClusterError> {
        let found = labelled(&self.host.engine).await?.into_iter().find(|cluster| cluster.name == name);
        let lease = found.and_then(|cluster| cluster.lease);
        Ok(lease.is_some_and(|lease| matches!(lease.claim(Timestamp::now()), Claim::Over(_) | Claim::Kept(_))))
    }

    /// The nodes of cluster `name`, to load images into.
    ///
    /// # Errors
    /// When the engine does not list them.
    pub async fn nodes(&self, name: &str) -> Result<Nodes, ClusterError> {
        let (nodes, _) = self.find(name).await?;
        let names = nodes.into_iter().map(|node| node.name).collect();
        Ok(Nodes { engine: self.host.engine.clone(), names, folder: self.host.folders.cluster(name) })
    }

    /// Creates the cluster that is wanted.
    ///
    /// # Errors
    /// When a port is taken, kind's configuration is wrong, or kind fails. What was made so far is for the caller to
    /// remove, with [`Kind::delete`].
    pub async fn create(&self, wanted: Wanted<'_>) -> Result<Record, ClusterError> {
        let Wanted { name, plan, image, records, lease, nodes_up, step } = wanted;
        let folders = &self.host.folders;
        let waits = || step.progress("waiting for another run that makes nodes");
        let turn = Lock::take(folders.nodes_lock(), waits).await.map_err(ClusterError::file("locking nodes"))?;
        let reserved = ports::reserve(plan.components()).map_err(|error| name_cluster(error, folders))?;
        let mut record = Record {
            name: name.into(),
            suite: plan.path().into(),
            namespace: plan.suite().namespace.clone(),
            provider: ProviderKind::Kind,
            context: None,
            engine: Some(self.host.engine.clone()),
            nodes: Vec::new(),
            ports: reserved.ports.clone(),
            shape: super::shape(plan)?,
            created: Timestamp::now(),
            lease: Some(lease.clone()),
            deployment: None,
        };
        // Before there is anything to remember: should we be killed, the nodes found under this name are ours.
        records.write(&record)?;
        let config = kind_config::complete(read_config(plan)?, plan.components(), &reserved.ports, image.is_some());
        let config = config.map_err(|why| ClusterError::KindConfig { path: config_path(plan), why })?;
        let (folder, failed) = (records.folder(), || ClusterError::file("preparing the cluster's folder"));
        let config_file = folder.join(CONFIG);
        crate::folders::publish(&config_file, &config.to_string()).map_err(failed())?;
        let labels = labels::of(name, lease);
        let shim = labels::shim(&self.host.engine.kind.path(), &labels, folder).map_err(failed())?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(shim).chain(std::env::split_paths(&path)));
        let path = path.map_err(std::io::Error::other).map_err(failed())?;

        let mut command = self.host.kind(["create", "cluster", "--name", name, "--config"]).arg(&config_file);
        command = command.arg("--kubeconfig").arg(records.kubeconfig());
        if let Some(image) = image {
            command = command.arg("--image").arg(image);
        }
        // A node that is half made is made, and then removed: what an engine was torn away from is hard to find.
        command = command.env("PATH", path).sparing_children();
        command =
            command.env("KIND_EXPERIMENTAL_PODMAN_NETWORK", NETWORK).env("KIND_EXPERIMENTAL_DOCKER_NETWORK", NETWORK);
        // The engine takes the ports from here on.
        drop(reserved);
        let nodes_up = Arc::new(Mutex::new(Some((nodes_up, turn))));
        let again = AtomicBool::new(false);
        let attempt = || async {
            if again.swap(true, Ordering::Relaxed) {
                // What cannot be removed now is in kind's way, which says so.
                let _ = self.delete(name).await;
            }
            let (say, nodes_up) = (step.handle(), nodes_up.clone());
            let created = command.stream(move |line| {
                say.progress(line.trim().trim_start_matches(['•', '✓']).trim());
                if line.contains('✓')
                    && line.contains("Preparing nodes")
                    && let Some((nodes_up, _turn)) = nodes_up.lock().unwrap_or_else(PoisonError::into_inner).take()
                {
                    let _ = nodes_up.send(());
                }
            });
            created.await
        };
        let classify = |error: &ExecError| {
            let cause = Cause::of_program(error, Dependency::Engine);
            // Once there were nodes, images are on their way to them, and would not come a second time.
            let again = nodes_up.lock().unwrap_or_else(PoisonError::into_inner).is_some();
            Cause { transient: cause.transient && again, ..cause }
        };
        let created = self.resilience.call(Dependency::Engine, "kind create cluster", classify, attempt);
        created.await.map_err(ClusterError::command(format!("creating cluster {name}")))?;
        record.nodes = self.find(name).await?.0;
        Ok(record)
    }

    /// Removes cluster `name`: containers, volumes, and our network when nobody else uses it. Removing what is not
    /// there is no error.
    ///
    /// # Errors
    /// When the engine refuses; what could not be removed is named.
    pub async fn delete(&self, name: &str) -> Result<(), ClusterError> {
        let engine = &self.host.engine;
        // A kind that was ended a moment ago may have an engine at work still.
        let _ = tokio::task::spawn_blocking(exec::settle).await;
        let (nodes, _) = Kind { resilience: self.resilience.afresh(), ..self.clone() }.find(name).await?;
        if !nodes.is_empty() {
            // Nothing in a node is worth a graceful end, and kind's own delete takes four seconds for one.
            let remove = match engine.kind {
                EngineKind::Podman => engine.command(["rm", "-f", "-t", "0", "-v"]),
                EngineKind::Docker | EngineKind::Nerdctl => engine.command(["rm", "-f", "-v"]),
            };
            let remove = nodes.iter().fold(remove, |remove, node| remove.arg(&node.id));
            remove.output().await.map_err(ClusterError::command(format!("removing the nodes of cluster {name}")))?;
        }
        self.delete_volumes(name).await?;
        let turn = Lock::try_take(&self.host.folders.nodes_lock());
        // One that is just being made will remove it. On a full disk there is no lock, and all the more to remove.
        if !matches!(turn, Ok(None)) {
            // Refused while another cluster uses it, and that one will remove it.
            let _ = engine.command(["network", "rm", NETWORK]).output().await;
        }
        Ok(())
    }

    /// With podman, kind makes a volume for each node and leaves it behind, also when creating the cluster failed.
    async fn delete_volumes(&self, name: &str) -> Result<(), ClusterError> {
        let engine = &self.host.engine;
        if engine.kind != EngineKind::Podman {
            return Ok(());
        }
        // The label's key is the node's name; templates of other engines differ, which is why this asks podman only.
        let format = "{{.Name}}{{range $label, $value := .Labels}} {{$label}}{{end}}";
        let list = engine.command(["volume", "ls", "--format", format]).output().await;
        let list = list.map_err(ClusterError::command(format!("listing the volumes of cluster {name}")))?;
        let volumes = list.lines().filter_map(|line| line.split_once(' '));
        let volumes: Vec<&str> = volumes
            .filter(|(_, labels)| labels.split(' ').any(|label| is_node_of(name, label)))
            .map(|(volume, _)| volume)
            .collect();
        if volumes.is_empty() {
            return Ok(());
        }
        let remove = engine.command(["volume", "rm", "-f"].into_iter().chain(volumes));
        let failed = ClusterError::command(format!("removing the volumes of cluster {name}"));
        remove.output().await.map(drop).map_err(failed)
    }
}

/// A cluster whose node containers say that it is ours.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// Its name.
    pub name: String,
    /// Who it was made for; none when the label cannot be read.
    pub lease: Option<Lease>,
    /// Its node containers.
    pub nodes: Vec<Node>,
    /// Whether all of them run.
    pub running: bool,
}

/// The clusters on `engine` whose containers bear our labels.
///
/// # Errors
/// When the engine does not say.
pub async fn labelled(engine: &Engine) -> Result<Vec<Labelled>, ClusterError> {
    // One that was listed may be gone a moment later.
    let vanished = |error: &ClusterError| report::chain(error).to_lowercase().contains("no such");
    let soon = ExponentialBuilder::new().with_min_delay(Duration::from_millis(100));
    let text = (|| labelled_containers(engine)).retry(soon).when(vanished).await?;
    let mut clusters: BTreeMap<String, Labelled> = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        let (Some(id), Some(node), Some(running), Some(json)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        let Some((name, lease)) = serde_json::from_str(json).ok().and_then(|found| labels::read(&found)) else {
            continue;
        };
        let cluster = clusters.entry(name.clone());
        let cluster = cluster.or_insert(Labelled { name, lease, nodes: Vec::new(), running: true });
        // Docker writes a name as a path.
        cluster.nodes.push(Node { id: id.into(), name: node.trim_start_matches('/').into() });
        cluster.running &= running == "true";
    }
    Ok(clusters.into_values().collect())
}

/// A line for each container of ours: id, name, whether it runs, labels.
async fn labelled_containers(engine: &Engine) -> Result<String, ClusterError> {
    let list = engine.command(["ps", "-aq", "--no-trunc", "--filter", &format!("label={}", labels::CLUSTER)]);
    let ids = list.output().await.map_err(ClusterError::command("listing our containers"))?;
    if ids.is_empty() {
        return Ok(String::new());
    }
    let format = "{{.Id}} {{.Name}} {{.State.Running}} {{json .Config.Labels}}";
    let inspect = ids.lines().fold(engine.command(["inspect", "--format", format]), |inspect, id| inspect.arg(id));
    inspect.output().await.map_err(ClusterError::command("looking at our containers"))
}

/// Says which cluster of ours has a port, where its engine's process is all that the system tells.
fn name_cluster(error: ClusterError, folders: &Folders) -> ClusterError {
    let ClusterError::PortTaken { port, component, name, holder } = error else { return error };
    let has_it = |record: &Record| record.ports.0.values().flat_map(BTreeMap::values).any(|it| it.port() == port);
    let others = Records::names(folders).unwrap_or_default().into_iter();
    let mut others = others.filter(|name| Records::peek(folders, name).ok().flatten().as_ref().is_some_and(has_it));
    let holder = others.next().map_or(holder, |cluster| format!("cluster {cluster} of ours"));
    ClusterError::PortTaken { port, component, name, holder }
}

/// Whether kind would give this name to a node of cluster `cluster`.
fn is_node_of(cluster: &str, node: &str) -> bool {
    let role = node.strip_prefix(cluster).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
    let role = role.trim_end_matches(|c: char| c.is_ascii_digit());
    matches!(role, "control-plane" | "worker" | "external-load-balancer")
}

fn config_path(plan: &Plan) -> String {
    plan.suite().cluster.config.clone().unwrap_or_else(|| "kind's default".into())
}

pub(super) fn read_config(plan: &Plan) -> Result<Value, ClusterError> {
    let Some(path) = &plan.suite().cluster.config else { return Ok(json!({})) };
    let text =
        fs_err::read_to_string(plan.resolve(path)).map_err(ClusterError::file("reading kind's configuration"))?;
    serde_saphyr::from_str(&text)
        .map_err(|error| ClusterError::KindConfig { path: path.clone(), why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::is_node_of;

    #[test]
    fn nodes_are_told_from_those_of_clusters_with_longer_names() {
        assert!(is_node_of("a", "a-control-plane"));
        assert!(is_node_of("a", "a-worker3"));
        assert!(!is_node_of("a", "a-b-control-plane"));
        assert!(!is_node_of("a-b", "a-control-plane"));
    }
}
