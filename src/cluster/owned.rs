//! Proof that containers and volumes are ours, required for every removal from an engine.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::labelled::{Labelled, reach};
use super::labels::{CLUSTER, MADE, STATE};
use super::{ClusterError, Node, Record};
use crate::host::exec;
use crate::host::folders::{Folders, Lock};
use crate::host::resilience::Resilience;
use crate::host::setup::{Engine, EngineKind, LOOK};
use crate::suite::name::ClusterName;

/// Digits of an id that an engine shows when it shortens one.
const SHORT_ID: usize = 12;

/// The containers and volumes of a cluster that are proved to be ours: by the ids recorded when they were created or,
/// if that record is lost, by their labels. Containers and volumes are removed only through this type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owned {
    name: ClusterName,
    engine: Engine,
    containers: BTreeSet<String>,
    volumes: BTreeSet<String>,
    /// Whether the record is lost, so that labels are the proof.
    #[serde(default)]
    lost: bool,
}

impl Owned {
    /// Returns what was recorded of the cluster whose folder is `folder`; `None` for a cluster without an engine.
    pub(super) fn recorded(record: &Record, folder: &Path) -> Option<Owned> {
        let (made_containers, volumes) = made(&folder.join(MADE));
        let nodes = record.nodes.iter().map(|node| node.id.clone()).filter(|id| is_id(id));
        Some(Owned {
            name: record.name.clone(),
            engine: record.engine.clone()?,
            containers: nodes.chain(made_containers).collect(),
            volumes,
            lost: false,
        })
    }

    /// Returns what the labels prove of a cluster whose record is lost. Labels inherited from an image prove nothing.
    ///
    /// # Errors
    /// When the engine does not report where the labels are from.
    pub(super) async fn labelled(engine: &Engine, cluster: &Labelled) -> Result<Owned, ClusterError> {
        let mut containers = BTreeSet::new();
        for (id, image) in &cluster.containers {
            let labels = engine.command(["image", "inspect", "--format", "{{json .Config.Labels}}", image]);
            let labels = labels.deadline(LOOK).output().await.map_err(ClusterError::command("looking at our image"))?;
            if is_proof(id, &labels) {
                containers.insert(id.clone());
            }
        }
        let filter = |label: &str, value: &str| format!("label={label}={value}");
        let ours = [filter(CLUSTER, &cluster.name), filter(STATE, &cluster.state.display().to_string())];
        let list = engine.command(["volume", "ls", "-q", "--filter", &ours[0], "--filter", &ours[1]]).deadline(LOOK);
        let list = list.output().await.map_err(ClusterError::command("listing our volumes"))?;
        let volumes = volumes_beside(&containers, &list);
        Ok(Owned { name: cluster.name.clone(), engine: engine.clone(), containers, volumes, lost: true })
    }

    /// Returns the cluster's name.
    #[must_use]
    pub fn name(&self) -> &ClusterName {
        &self.name
    }

    /// Returns the engine that runs the containers.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Returns whether `node` is one of the containers.
    #[must_use]
    pub fn has(&self, node: &Node) -> bool {
        self.containers.contains(&node.id)
    }

    /// Checks once, for at most 5 s, whether the engine is reachable.
    ///
    /// # Errors
    /// The reason why it is not.
    pub async fn is_reachable(&self) -> Result<(), ClusterError> {
        reach(&self.engine).await
    }

    /// Returns the nodes of `found` that may be removed.
    fn removable(&self, found: Vec<Node>) -> Vec<Node> {
        found.into_iter().filter(|node| self.has(node) && is_id(&node.id)).collect()
    }

    /// Returns the volumes of an engine's list that may be removed.
    fn removable_volumes<'a>(&self, listed: &'a str) -> Vec<&'a str> {
        listed.lines().filter(|volume| self.volumes.contains(*volume) && is_id(volume)).collect()
    }

    /// Returns whether there can be networks that may be removed.
    fn may_have_networks(&self, recorded: &BTreeSet<&str>) -> bool {
        self.lost || !recorded.is_empty()
    }

    /// Returns the networks of an engine's list that may be removed, each with its id and name: those with a `recorded` id
    /// or, where the record is lost, all that have our label. nerdctl shows the first twelve digits of an id.
    fn removable_networks<'a>(&self, recorded: &BTreeSet<&str>, listed: &'a str) -> Vec<(&'a str, &'a str)> {
        let is_short = |id: &str| id.len() == SHORT_ID && recorded.iter().any(|it| it.starts_with(id));
        let is_recorded = |id: &str| recorded.contains(id) || is_short(id);
        let listed = listed.lines().filter_map(|line| line.split_once(' '));
        listed.filter(|(id, _)| is_id(id) && (self.lost || is_recorded(id))).collect()
    }

    /// Removes the containers and volumes, and our network when no cluster uses it any more. Missing ones are not an
    /// error.
    ///
    /// # Errors
    /// When the engine refuses; names what could not be removed.
    pub async fn remove(&self, folders: &Folders, resilience: &Resilience) -> Result<(), ClusterError> {
        let (engine, name) = (&self.engine, &self.name);
        // A kind process ended a moment ago may have left an engine command running.
        let _ = tokio::task::spawn_blocking(exec::settle).await;
        // Nodes, and the containers that keep images.
        let (found, _) = find(engine, CLUSTER, name, &resilience.afresh()).await?;
        let containers = self.removable(found);
        if !containers.is_empty() {
            // Nodes need no graceful stop; kind's own delete takes four seconds for one.
            let remove = match engine.kind {
                EngineKind::Podman => engine.command(["rm", "-f", "-t", "0", "-v"]),
                EngineKind::Docker | EngineKind::Nerdctl => engine.command(["rm", "-f", "-v"]),
            };
            let remove = containers.iter().fold(remove, |remove, container| remove.arg(&container.id));
            remove.output().await.map_err(ClusterError::command(format!("removing the nodes of cluster {name}")))?;
        }
        self.remove_volumes().await?;
        // A run that is creating nodes will remove the network; runs that remove nodes try it each, and the last one
        // can. Without a lock, as on a full disk, remove it all the same.
        let turn = Lock::try_share(&folders.nodes_lock());
        if !matches!(turn, Ok(None)) {
            self.remove_networks(folders).await;
        }
        Ok(())
    }

    /// Removes the volume that kind creates for each node with podman and leaves behind, also after a failed create.
    async fn remove_volumes(&self) -> Result<(), ClusterError> {
        let (engine, name) = (&self.engine, &self.name);
        if self.volumes.is_empty() {
            return Ok(());
        }
        let list = engine.command(["volume", "ls", "--format", "{{.Name}}"]).output().await;
        let list = list.map_err(ClusterError::command(format!("listing the volumes of cluster {name}")))?;
        let there = self.removable_volumes(&list);
        if there.is_empty() {
            return Ok(());
        }
        let remove = engine.command(["volume", "rm", "-f"].into_iter().chain(there));
        let failed = ClusterError::command(format!("removing the volumes of cluster {name}"));
        remove.output().await.map(drop).map_err(failed)
    }

    /// Removes the networks created for clusters of this state folder, known by id. The engine refuses to remove one that
    /// is in use; it is removed with the cluster that uses it.
    async fn remove_networks(&self, folders: &Folders) {
        let file = folders.networks(self.engine.kind.name());
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let recorded: BTreeSet<&str> = text.lines().filter(|id| is_id(id)).collect();
        if !self.may_have_networks(&recorded) {
            return;
        }
        let ours = format!("label={STATE}={}", folders.state.display());
        // nerdctl has no such option.
        let whole: &[&str] = if self.engine.kind == EngineKind::Nerdctl { &[] } else { &["--no-trunc"] };
        let list = ["network", "ls"].iter().chain(whole).copied();
        let list = list.chain(["--filter", &ours, "--format", "{{.ID}} {{.Name}}"]);
        let Ok(listed) = self.engine.command(list).deadline(LOOK).output().await else { return };
        let mut left = String::new();
        for (id, name) in self.removable_networks(&recorded, &listed) {
            let network = match self.engine.kind {
                // By its id podman 4.3 removes a network that is in use, and then leaves the port rules of the nodes in it.
                // The ids of nerdctl are hashes of the names.
                EngineKind::Podman | EngineKind::Nerdctl => name,
                EngineKind::Docker => id,
            };
            if self.engine.command(["network", "rm", network]).output().await.is_err() {
                left.push_str(&format!("{id}\n"));
            }
        }
        // If this cannot be written, the next removal tries these networks again.
        let _ = match left.is_empty() {
            true => folders.own_state().remove(file.file_name().unwrap_or_default()),
            false => crate::host::folders::publish(&file, &left),
        };
    }
}

impl Labelled {
    /// Returns proof that its containers are ours, for a cluster whose record is lost.
    ///
    /// # Errors
    /// When the engine is unreachable.
    pub async fn owned(&self, engine: &Engine) -> Result<Owned, ClusterError> {
        Owned::labelled(engine, self).await
    }
}

/// Returns the containers whose `label` is the name of cluster `name`, whether ours or not, and whether all of them run.
pub(super) async fn find(
    engine: &Engine,
    label: &str,
    name: &ClusterName,
    resilience: &Resilience,
) -> Result<(Vec<Node>, bool), ClusterError> {
    let filter = format!("label={label}={name}");
    let list = ["ps", "-a", "--no-trunc", "--filter", &filter, "--format", "{{.ID}} {{.Names}} {{.Status}}"];
    let list = engine.command(list).deadline(LOOK);
    let text = resilience.engine("listing the cluster's containers", || list.output()).await;
    text.map(|text| listed(&text)).map_err(ClusterError::command("listing the cluster's containers"))
}

/// Reads a list of containers, each with id, name and status. Returns them, and whether all of them run.
fn listed(text: &str) -> (Vec<Node>, bool) {
    let mut running = true;
    let nodes = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let node = Node { id: words.next()?.into(), name: words.next()?.into() };
        // Every engine prints "Up 4 minutes"; `State` differs between them.
        running &= words.next() == Some("Up");
        Some(node)
    });
    (nodes.collect(), running)
}

/// Returns the container ids and volume names that the shim recorded in `folder`.
fn made(folder: &Path) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut containers, mut volumes) = (BTreeSet::new(), BTreeSet::new());
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let id = std::fs::read_to_string(file.path()).unwrap_or_default().trim().to_owned();
        match file.file_name().to_string_lossy().split('.').next() {
            Some("container") if is_id(&id) => containers.insert(id),
            Some("volume") if is_id(&id) => volumes.insert(id),
            _ => false,
        };
    }
    (containers, volumes)
}

/// Returns whether the labels of the container with this id prove that it is ours: not if its image has them too.
fn is_proof(id: &str, labels_of_image: &str) -> bool {
    !labels_of_image.contains(CLUSTER) && is_id(id)
}

/// Returns those of our `listed` volumes that belong to `containers`: none, if no container is ours.
fn volumes_beside(containers: &BTreeSet<String>, listed: &str) -> BTreeSet<String> {
    if containers.is_empty() {
        return BTreeSet::new();
    }
    listed.lines().filter(|name| is_id(name)).map(str::to_owned).collect()
}

/// Returns whether `text` has the form of an id, so that an engine can take it neither for an option nor for a
/// user-chosen name.
fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
