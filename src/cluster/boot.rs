//! Boots a node from a snapshot, without kind: the engine starts it as kind has started the one of the snapshot, with
//! kind's labels, so that to kind and kubectl it is a cluster like any other.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;

use kube::config::Kubeconfig;

use super::ports::Reserved;
use super::snapshot::{FOLDER, Snapshot};
use super::{ClusterError, Records, labels};
use crate::host::exec::Cmd;
use crate::host::folders::publish;
use crate::host::setup::{EngineKind, Host};
use crate::report::Step;
use crate::suite::config::Component;
use crate::suite::name::ClusterName;

/// Deadline of the whole boot. The node itself gives up after 15 s.
const BOOT: Duration = Duration::from_secs(30);

/// A node to boot.
pub(super) struct Boot<'a> {
    pub(super) host: &'a Host,
    pub(super) snapshot: &'a Snapshot,
    pub(super) name: &'a ClusterName,
    /// The name of the network.
    pub(super) network: &'a str,
    /// The folder with the shim that labels and records what the engine makes.
    pub(super) shim: &'a Path,
    pub(super) records: &'a Records,
    pub(super) step: &'a Step,
}

impl Boot<'_> {
    /// Starts the node; returns the port of its API server. What was created is recorded, whether it starts or not.
    ///
    /// # Errors
    /// When the snapshot cannot be read, or the engine does not start the node.
    pub(super) async fn start<'c>(
        &self,
        components: impl Iterator<Item = &'c Component>,
        reserved: Reserved,
    ) -> Result<u16, ClusterError> {
        self.step.progress("starting the node from a snapshot");
        let (api, mut published) = api_port()?;
        for component in components {
            for port in &component.ports {
                if let Some(address) = reserved.ports.get(&component.name, &port.name) {
                    published.push(format!("--publish={address}:{}/TCP", port.node));
                }
            }
        }
        let failed = || ClusterError::command(format!("starting the node of cluster {}", self.name));
        let volume = async {
            match self.host.engine.kind {
                EngineKind::Podman => {
                    let label = format!("{}={}", labels::KIND, self.name);
                    self.engine(["volume", "create", "--label", &label]).output().await.map(Some)
                }
                EngineKind::Docker | EngineKind::Nerdctl => Ok(None),
            }
        };
        let ((), volume) = tokio::join!(self.make_network(), volume);
        let volume = volume.map_err(failed())?;
        let recorded = self.snapshot.read(labels::ARGUMENTS)?;
        let recorded: Vec<&str> = recorded.lines().collect();
        let change = Change {
            old: self.snapshot.read("cluster")?,
            new: self.name.to_string(),
            volume,
            network: self.network.to_owned(),
        };
        published.push(format!("--volume={}:{FOLDER}:ro", self.snapshot.path().display()));
        // From here on the engine binds the ports.
        drop((reserved, api.0));
        self.engine(["run"].into_iter().map(str::to_owned).chain(change.arguments(&recorded, published)))
            .output()
            .await
            .map_err(failed())?;
        Ok(api.1)
    }

    /// Waits until the control plane is ready, and writes the kubeconfig.
    ///
    /// # Errors
    /// Why it did not come up.
    pub(super) async fn wait(&self, port: u16) -> Result<(), ClusterError> {
        let failed = ClusterError::command(format!("booting the node of cluster {}", self.name));
        let node = format!("{}-control-plane", self.name);
        self.step.progress("waiting for the control plane");
        let waits = self.host.engine.command(["exec", &node, "boot-snapshot", "wait"]).deadline(BOOT);
        let admin = waits.output().await.map_err(failed)?;
        let kubeconfig = kubeconfig(&admin, self.name, port)?;
        publish(&self.records.kubeconfig(), &kubeconfig).map_err(ClusterError::file("writing the kubeconfig"))
    }

    /// Makes the network, unless it exists, as kind has made that of the snapshot; if another network has its addresses,
    /// with addresses that the engine chooses. If it cannot be made, starting the node tells.
    async fn make_network(&self) {
        if self.host.engine.command(["network", "inspect", self.network]).output().await.is_ok() {
            return;
        }
        let recorded = self.snapshot.read(labels::NETWORK_ARGUMENTS).unwrap_or_default();
        let recorded: Vec<&str> = recorded.lines().collect();
        for options in [recorded.split_last().map_or(&[][..], |(_, options)| options), &["-d=bridge"]] {
            let arguments = ["network", "create"].iter().chain(options).copied().chain([self.network]);
            if !options.is_empty() && self.engine(arguments).output().await.is_ok() {
                return;
            }
        }
    }

    /// Returns a command of the shim.
    fn engine<A: Into<std::ffi::OsString>>(&self, arguments: impl IntoIterator<Item = A>) -> Cmd {
        let shim = self.shim.join(self.host.engine.kind.path().file_name().unwrap_or_default());
        self.host.engine.environment(Cmd::new(shim, arguments)).deadline(BOOT).finishing()
    }
}

/// What differs between a cluster and the one whose arguments were recorded.
struct Change {
    old: String,
    new: String,
    volume: Option<String>,
    network: String,
}

impl Change {
    /// Returns the arguments of `run` for the new cluster, with `more` options.
    fn arguments(&self, recorded: &[&str], more: Vec<String>) -> Vec<String> {
        let (old, new) = (format!("{}-control-plane", self.old), format!("{}-control-plane", self.new));
        let label = format!("{}={}", labels::KIND, self.old);
        let mut before = "";
        let mut changed = Vec::new();
        for argument in recorded.iter().filter(|argument| !argument.starts_with("--publish=")) {
            changed.push(match (before, argument.split_once(":/var:"), &self.volume) {
                ("--net" | "--network", ..) => self.network.clone(),
                ("--volume", Some((_, options)), Some(volume)) => format!("{volume}:/var:{options}"),
                _ if *argument == label => format!("{}={}", labels::KIND, self.new),
                _ => argument.replace(&old, &new),
            });
            before = argument;
        }
        // The image is last.
        let at = changed.len().saturating_sub(1);
        changed.splice(at..at, more);
        changed
    }
}

/// Reserves a port for the API server; returns it, and the option that publishes it.
fn api_port() -> Result<((TcpListener, u16), Vec<String>), ClusterError> {
    let failed = || ClusterError::file("reserving a port for the API server");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed())?;
    let port = listener.local_addr().map_err(failed())?.port();
    Ok(((listener, port), vec![format!("--publish=127.0.0.1:{port}:6443/TCP")]))
}

/// Returns the kubeconfig that kind would write, from the one that kubeadm has written in the node.
fn kubeconfig(admin: &str, name: &ClusterName, port: u16) -> Result<String, ClusterError> {
    let invalid = |why: String| ClusterError::KindConfig { path: "admin.conf of the node".into(), why };
    let mut config = Kubeconfig::from_yaml(admin).map_err(|error| invalid(error.to_string()))?;
    let named = format!("kind-{name}");
    for cluster in &mut config.clusters {
        cluster.name.clone_from(&named);
        if let Some(cluster) = &mut cluster.cluster {
            cluster.server = Some(format!("https://127.0.0.1:{port}"));
        }
    }
    config.auth_infos.iter_mut().for_each(|user| user.name.clone_from(&named));
    for context in &mut config.contexts {
        context.name.clone_from(&named);
        if let Some(context) = &mut context.context {
            context.cluster.clone_from(&named);
            context.user = Some(named.clone());
        }
    }
    config.current_context = Some(named);
    let mut value = serde_json::to_value(&config).map_err(|error| invalid(error.to_string()))?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("apiVersion".into(), "v1".into());
        fields.insert("kind".into(), "Config".into());
    }
    Ok(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_is_started_as_kind_has_started_another() {
        let recorded = [
            "--name",
            "old-control-plane",
            "--hostname",
            "old-control-plane",
            "--volume",
            "0a1b:/var:suid,exec,dev",
            "--volume",
            "/lib/modules:/lib/modules:ro",
            "--net",
            "theirs",
            "--label",
            "io.x-k8s.kind.cluster=old",
            "-e",
            "NO_PROXY=10.0.0.0/8,old-control-plane",
            "--publish=127.0.0.1:41000:6443/TCP",
            "node:1",
        ];
        let change = Change { old: "old".into(), new: "new".into(), volume: Some("ff".into()), network: "ours".into() };
        let expected = [
            "--name",
            "new-control-plane",
            "--hostname",
            "new-control-plane",
            "--volume",
            "ff:/var:suid,exec,dev",
            "--volume",
            "/lib/modules:/lib/modules:ro",
            "--net",
            "ours",
            "--label",
            "io.x-k8s.kind.cluster=new",
            "-e",
            "NO_PROXY=10.0.0.0/8,new-control-plane",
            "--publish=127.0.0.1:1:6443/TCP",
            "node:1",
        ];
        assert_eq!(change.arguments(&recorded, vec!["--publish=127.0.0.1:1:6443/TCP".into()]), expected);
    }

    #[test]
    fn the_kubeconfig_is_as_kind_writes_it() {
        let admin = "apiVersion: v1\nkind: Config\ncurrent-context: kubernetes-admin@new\n\
                     clusters: [{name: new, cluster: {server: 'https://10.254.254.1:6443', certificate-authority-data: QQ==}}]\n\
                     contexts: [{name: kubernetes-admin@new, context: {cluster: new, user: kubernetes-admin}}]\n\
                     users: [{name: kubernetes-admin, user: {client-certificate-data: QQ==, client-key-data: QQ==}}]\n";
        let written = kubeconfig(admin, &ClusterName::new("new").unwrap(), 41000).unwrap();
        let read: Kubeconfig = Kubeconfig::from_yaml(&written).unwrap();
        assert_eq!(read.current_context.as_deref(), Some("kind-new"));
        let server = read.clusters[0].cluster.as_ref().unwrap().server.as_deref();
        assert_eq!((read.clusters[0].name.as_str(), server), ("kind-new", Some("https://127.0.0.1:41000")));
        assert_eq!(read.contexts[0].context.as_ref().unwrap().user.as_deref(), Some("kind-new"));
        assert_eq!(read.auth_infos[0].name, "kind-new");
    }
}
