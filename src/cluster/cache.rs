//! The cache for what nodes pull themselves: a container beside the nodes, which ends with the cluster, and a folder of the
//! host, which stays.
//!
//! For each registry two servers share a part of that folder. The first serves what is there, and asks nobody. The second
//! pulls what the first has not, with the host's login. containerd asks the first, then the second, then the registry.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::create::network;
use super::{ClusterError, Kind, Node, Record, labels};
use crate::host::credentials::Login;
use crate::host::exec::Cmd;
use crate::host::setup;
use crate::images;
use crate::report::Step;

/// After the cluster's name, the name of the container.
pub(super) const NAME: &str = "cache";

/// The folder of what was pulled, in the host's cache.
const KEPT_IN: &str = "registries";

/// Where that folder is in the container.
const DATA: &str = "/var/lib/registry";

/// The port of the first server; the others have those after it.
const PORT: usize = 5000;

/// Deadline of each step: the servers answer within a second.
const START: Duration = Duration::from_secs(30);

/// Run in a node, with the container's name and the servers' ports in turn: waits until those that serve what is kept answer,
/// and shortly for the others, which end while their registry cannot be reached. Then names them to containerd.
const AWAIT: &str = r#"host=$1
shift
# answers PORT TENTHS: within so many tenths of a second.
answers() {
  for _ in $(seq "$2"); do
    curl --silent --fail --output /dev/null --noproxy '*' "http://$host:$1/v2/" && return
    sleep 0.1
  done
  return 1
}
while [ $# -gt 0 ]; do
  answers "$1" 100 || { echo "it does not answer on port $1" >&2; exit 1; }
  answers "$2" 30
  shift 2
done
"#;

/// A cache to start.
#[derive(Debug)]
pub struct CacheRequest {
    /// The image of a registry server.
    pub image: String,
    /// The registries whose images it keeps.
    pub registries: BTreeSet<String>,
    /// Whether registries are asked for tags that are kept.
    pub asks_again: bool,
}

/// A registry, where its images are pulled from, and by whom.
struct Upstream<'a> {
    registry: &'a str,
    address: String,
    login: Option<Login>,
}

impl Kind {
    /// Starts the cache of the cluster of `record`, and has its nodes use it.
    ///
    /// # Errors
    /// When it does not start. The nodes pull without it then.
    pub(super) async fn start_cache(
        &self,
        record: &Record,
        wanted: &CacheRequest,
        step: &Step,
    ) -> Result<(), ClusterError> {
        step.progress("starting the cache for what nodes pull");
        let failed = || ClusterError::command("starting the cache for what nodes pull");
        let engine = &self.host.engine;
        let mut upstreams = Vec::new();
        for registry in &wanted.registries {
            let (address, login) = tokio::join!(setup::upstream(engine, registry), Login::find(engine, registry));
            let unreadable = |source| ClusterError::Login { source: Box::new(source) };
            upstreams.push(Upstream { registry, address, login: login.map_err(unreadable)? });
        }
        let name = format!("{}-{NAME}", record.name);
        self.create_command(record, &name, &wanted.image)?.output().await.map_err(failed())?;
        engine.command(["start", &name]).deadline(START).output().await.map_err(failed())?;
        let serve = engine.command(["exec", "-i", &name, "sh", "-s"]).input(serve_script(&upstreams));
        serve.deadline(START).output().await.map_err(failed())?;
        let hosts = hosts_script(&upstreams, &name, wanted.asks_again);
        for Node { name: node, .. } in &record.nodes {
            let tell = engine.command(["exec", "-i", node, "bash", "-s", &name]).input(hosts.clone()).deadline(START);
            let ports = (0..upstreams.len() * 2).map(|index| (PORT + index).to_string());
            ports.fold(tell, Cmd::arg).output().await.map_err(failed())?;
        }
        Ok(())
    }

    /// Returns the command that creates the container as one of the cluster's.
    fn create_command(&self, record: &Record, name: &str, image: &str) -> Result<Cmd, ClusterError> {
        let folders = &self.host.folders;
        folders.own_cache(KEPT_IN).make().map_err(ClusterError::file("making the folder of the cache"))?;
        let folder = folders.cache.join(KEPT_IN);
        let shim = labels::shim_of(&self.host.engine.kind.path(), &folders.cluster(&record.name));
        let network = network(folders, self.host.engine.kind);
        let create = Cmd::new(shim, ["create", "--name", name, "--network", &network]);
        let create = create.arg(format!("--volume={}:{DATA}", folder.display()));
        // The files of the servers have logins in them.
        let mut create = create.arg("--tmpfs=/run/cache:mode=700");
        if let Some(authorities) = images::host_authorities() {
            create = create.arg(format!("--volume={}:{}:ro", authorities.display(), images::AUTHORITIES_IN_IMAGE));
        }
        let create = ["--entrypoint=tail", image, "-f", "/dev/null"].into_iter().fold(create, Cmd::arg);
        Ok(self.host.engine.environment(create).deadline(START).finishing())
    }
}

/// Returns the script that starts all servers in the container.
fn serve_script(upstreams: &[Upstream<'_>]) -> String {
    let mut script = "set -e\numask 077\n".to_owned();
    let servers = upstreams.iter().flat_map(|upstream| [server(upstream, false), server(upstream, true)]);
    for (index, server) in servers.enumerate() {
        let port = PORT + index;
        let mut server = server;
        server["http"] = json!({"addr": format!(":{port}")});
        // JSON is YAML, and has no line that ends the text.
        script.push_str(&format!("cat >/run/cache/{port}.yml <<'END'\n{server}\nEND\n"));
        // One that pulls ends when its registry cannot be reached while it starts.
        let serve = format!("while ! registry serve /run/cache/{port}.yml; do sleep 5; done");
        script.push_str(&format!("({serve}) </dev/null >/dev/null 2>&1 &\n"));
    }
    script
}

/// Returns the configuration of the server that serves what is kept of a registry, or of the one that pulls.
fn server(upstream: &Upstream<'_>, pulls: bool) -> Value {
    let folder = format!("{DATA}/{}", upstream.registry);
    let mut server = json!({
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": true}},
        "storage": {"filesystem": {"rootdirectory": folder}, "maintenance": {"readonly": {"enabled": !pulls}}},
    });
    if pulls {
        server["proxy"] = json!({"remoteurl": upstream.address});
        if let Some(login) = &upstream.login {
            server["proxy"]["username"] = json!(login.user());
            server["proxy"]["password"] = json!(login.password());
        }
    }
    server
}

/// Returns the script that has a node use the servers of the container called `host`.
fn hosts_script(upstreams: &[Upstream<'_>], host: &str, asks_again: bool) -> String {
    let mut script = AWAIT.to_owned();
    for (index, Upstream { registry, address, .. }) in upstreams.iter().enumerate() {
        let (keeps, pulls) = (PORT + 2 * index, PORT + 2 * index + 1);
        let ports = if asks_again { vec![pulls] } else { vec![keeps, pulls] };
        let mut hosts = format!("server = \"{address}\"\n");
        for port in ports {
            hosts.push_str(&format!("[host.\"http://{host}:{port}\"]\n  capabilities = [\"pull\", \"resolve\"]\n"));
        }
        let folder = format!("/etc/containerd/certs.d/{registry}");
        script.push_str(&format!("mkdir -p {folder}\ncat >{folder}/hosts.toml <<'END'\n{hosts}END\n"));
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstreams() -> Vec<Upstream<'static>> {
        let login = Login::new("ghcr.io", "me", "it's\nEND\nopen");
        vec![
            Upstream { registry: "docker.io", address: "https://registry-1.docker.io".into(), login: None },
            Upstream { registry: "ghcr.io", address: "https://ghcr.io".into(), login: Some(login) },
        ]
    }

    #[test]
    fn logins_are_for_the_servers_that_pull_and_never_for_nodes() {
        let upstreams = upstreams();
        assert_eq!(server(&upstreams[1], false).get("proxy"), None);
        let pulls = server(&upstreams[1], true);
        assert_eq!(
            (&pulls["proxy"]["username"], &pulls["proxy"]["remoteurl"]),
            (&json!("me"), &json!("https://ghcr.io"))
        );
        let script = serve_script(&upstreams);
        assert_eq!(script.matches("it's\\nEND\\nopen").count(), 1, "{script}");
        assert!(!hosts_script(&upstreams, "a-cache", false).contains("open"));
    }

    #[test]
    fn what_is_kept_is_asked_for_first_unless_registries_are_asked_again() {
        let upstreams = upstreams();
        let place = |script: &str, port| script.find(&format!("a-cache:{port}\"]"));
        let script = hosts_script(&upstreams, "a-cache", false);
        assert!(place(&script, 5000) < place(&script, 5001) && place(&script, 5000).is_some(), "{script}");
        assert!(script.contains("/etc/containerd/certs.d/ghcr.io/hosts.toml"), "{script}");
        let script = hosts_script(&upstreams, "a-cache", true);
        assert_eq!((place(&script, 5000), place(&script, 5002)), (None, None));
        assert!(place(&script, 5001).is_some() && place(&script, 5003).is_some());
    }
}
