//! Clusters made by kind.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{ClusterError, Node, Record, Wanted, kind_config, ports};
use crate::config::ProviderKind;
use crate::images::Nodes;
use crate::plan::Plan;
use crate::resilience::Resilience;
use crate::setup::{EngineKind, Host, LOOK};

/// kind labels containers with the cluster's name under this key.
const LABEL: &str = "io.x-k8s.kind.cluster";

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

    /// The nodes of cluster `name`, to load images into.
    ///
    /// # Errors
    /// When the engine does not list them.
    pub async fn nodes(&self, name: &str) -> Result<Nodes, ClusterError> {
        let (nodes, _) = self.find(name).await?;
        Ok(Nodes { engine: self.host.engine.clone(), names: nodes.into_iter().map(|node| node.name).collect() })
    }

    /// Creates the cluster that is wanted.
    ///
    /// # Errors
    /// When a port is taken, kind's configuration is wrong, or kind fails. What was made so far is for the caller to
    /// remove, with [`Kind::delete`].
    pub async fn create(&self, wanted: Wanted<'_>) -> Result<Record, ClusterError> {
        let Wanted { name, plan, image, records, nodes_up, step } = wanted;
        let reserved = ports::reserve(plan.components())?;
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
            deployment: None,
        };
        // Before there is anything to remember: should we be killed, the nodes found under this name are ours.
        records.write(&record)?;
        let config = kind_config::complete(read_config(plan)?, plan.components(), &reserved.ports, image.is_some());
        let config = config.map_err(|why| ClusterError::KindConfig { path: config_path(plan), why })?;
        let (folder, failed) = (records.folder(), || ClusterError::file("preparing the cluster's folder"));
        let config_file = folder.join("kind-config.json");
        crate::folders::publish(&config_file, &config.to_string()).map_err(failed())?;

        let mut command = self.host.kind(["create", "cluster", "--name", name, "--config"]).arg(&config_file);
        command = command.arg("--kubeconfig").arg(records.kubeconfig());
        if let Some(image) = image {
            command = command.arg("--image").arg(image);
        }
        command =
            command.env("KIND_EXPERIMENTAL_PODMAN_NETWORK", NETWORK).env("KIND_EXPERIMENTAL_DOCKER_NETWORK", NETWORK);
        // The engine takes the ports from here on.
        drop(reserved);
        let (say, mut nodes_up) = (step.handle(), Some(nodes_up));
        let created = command.stream(move |line| {
            say.progress(line.trim().trim_start_matches(['•', '✓']).trim());
            if line.contains('✓')
                && line.contains("Preparing nodes")
                && let Some(nodes_up) = nodes_up.take()
            {
                let _ = nodes_up.send(());
            }
        });
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
        // Refused while another cluster uses it, and that one will remove it.
        let _ = engine.command(["network", "rm", NETWORK]).output().await;
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

/// The shell script by which a detached process removes cluster `$2` of engine `$1` and folder `$3`: the same acts as
/// [`Kind::delete`], for when none of our code runs any more.
pub(crate) fn reaper_script(folder: &Path, engine: EngineKind, name: &str) -> Vec<std::ffi::OsString> {
    let script = format!(
        r#"
        trap '' INT TERM HUP
        read -r word && [ "$word" = keep ] && exit 0
        # A kind that we started may still be at it. With nothing but the shell and `tr`: not every host has pkill.
        for process in /proc/[0-9]*; do
            case $(tr '\0' ' ' < "$process/cmdline") in
                *"create cluster --name $2 "*) kill -KILL "${{process#/proc/}}" ;;
            esac
        done
        nodes=$("$1" ps -a --filter "label={LABEL}=$2" --format '{{{{.Names}}}}')
        # kind itself removes the nodes of a cluster that it could not create, but not their volumes.
        for node in ${{nodes:-$2-control-plane}}; do
            "$1" rm -f -v "$node"
            volumes=$("$1" volume ls -q --filter "label=$node")
            [ -z "$volumes" ] || "$1" volume rm -f $volumes
        done
        "$1" network rm {NETWORK}
        rm -rf "$3" "$(dirname "$3")/locks/$2"
        "#
    );
    let mut argv: Vec<std::ffi::OsString> = vec!["-c".into(), script.into(), "kind-harness-reaper".into()];
    argv.extend([engine.name().into(), name.into(), folder.into()]);
    argv
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
