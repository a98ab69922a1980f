//! Snapshots of a booted control plane: what kubeadm and kind write into etcd, so that later clusters of the same
//! configuration need not have it written again.
//!
//! A snapshot is a folder of the cache, named by all that decides its content. It holds etcd's data and kubeadm's
//! configuration, and no certificate and no key: kubeadm makes those anew for each cluster. The node's side of it is
//! `images/node/files/usr/local/bin/boot-snapshot`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::{ClusterError, kind_config, labels};
use crate::host::exec::Cmd;
use crate::host::folders::OwnFolder;
use crate::host::setup::{EngineKind, Host};
use crate::suite::hash::Content;

/// The folder of snapshots in the cache.
const KEPT_IN: &str = "snapshots";

/// Snapshots that are kept, newest first. Each has about 1 MB.
const KEPT: usize = 8;

/// Changes when snapshots of earlier versions do not boot any more.
const FORMAT: &str = "3";

/// The files of a snapshot.
const FILES: [&str; 8] =
    ["etcd.tar", "pods.json", "service", "kubeadm.conf", "elliptic.conf", "cluster", "address", labels::ARGUMENTS];

/// Where its folder is mounted in a node.
pub(super) const FOLDER: &str = "/kind/snapshot";

/// What kind passes on to nodes, and a snapshot depends on.
const PROXIES: [&str; 6] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];

/// Deadline of taking one.
const TAKE: Duration = Duration::from_secs(40);

/// Run in the node.
const SCRIPT: &str = include_str!("snapshot.sh");

/// The snapshot of one configuration, whether it exists or not.
#[derive(Debug)]
pub(super) struct Snapshot {
    folder: PathBuf,
    own: OwnFolder,
}

impl Snapshot {
    /// Returns the snapshot for a node `image` and a complete configuration of kind.
    pub(super) fn of(host: &Host, image: &str, config: &Value) -> Snapshot {
        let mut key = Content::default();
        key.add("format", FORMAT.as_bytes());
        key.add("image", image.as_bytes());
        key.add("kind", host.kind.as_os_str().as_encoded_bytes());
        key.add("engine", host.engine.kind.name().as_bytes());
        key.add("config", kind_config::without_ports(config).to_string().as_bytes());
        for name in PROXIES {
            key.add(name, std::env::var_os(name).unwrap_or_default().as_encoded_bytes());
        }
        let own = host.folders.own_cache(KEPT_IN);
        Snapshot { folder: host.folders.cache.join(KEPT_IN).join(key.tag()), own }
    }

    /// Returns whether it exists, and is complete.
    pub(super) fn exists(&self) -> bool {
        FILES.iter().all(|name| std::fs::metadata(self.folder.join(name)).is_ok_and(|file| file.len() > 0))
    }

    /// Returns its folder.
    pub(super) fn path(&self) -> &Path {
        &self.folder
    }

    /// Returns the text of one of its files.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn read(&self, file: &str) -> Result<String, ClusterError> {
        fs_err::read_to_string(self.folder.join(file)).map_err(ClusterError::file("reading a snapshot"))
    }

    /// Removes it, so that another is made.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(super) fn remove(&self) -> std::io::Result<()> {
        self.own.remove(self.folder.file_name().unwrap_or_default())
    }

    /// Takes it of the control plane of `cluster`, which nothing has been deployed into yet; `made` is where its node's
    /// arguments are.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub(super) async fn take(&self, host: &Host, cluster: &str, made: &Path) -> Result<(), ClusterError> {
        let failed = || ClusterError::file("keeping a snapshot");
        self.own.make().map_err(failed())?;
        let parent = self.folder.parent().unwrap_or(&self.folder);
        let fresh = tempfile::Builder::new().prefix(".taking-").tempdir_in(parent).map_err(failed())?;
        let node = format!("{cluster}-control-plane");
        let read = host.engine.command(["exec", &node, "bash", "-c", SCRIPT, cluster]).deadline(TAKE);
        let write = Cmd::new("tar", ["-x", "-C"]).arg(fresh.path()).deadline(TAKE);
        read.pipe(&write).await.map_err(ClusterError::command("taking a snapshot of the control plane"))?;
        let arguments = fs_err::copy(made.join(labels::ARGUMENTS), fresh.path().join(labels::ARGUMENTS));
        arguments.map_err(failed())?;
        // It is only there if this run has made the network.
        let _ = fs_err::copy(made.join(labels::NETWORK_ARGUMENTS), fresh.path().join(labels::NETWORK_ARGUMENTS));
        // Another run may have made the same one meanwhile, which is as good.
        if !self.exists() {
            self.remove().map_err(failed())?;
            fs_err::rename(fresh.path(), &self.folder).map_err(failed())?;
        }
        self.remove_old();
        Ok(())
    }

    /// Removes all but the newest.
    fn remove_old(&self) {
        let entries = self.folder.parent().and_then(|parent| fs_err::read_dir(parent).ok());
        let time = |entry: &fs_err::DirEntry| entry.metadata().and_then(|it| it.modified()).ok();
        let mut found: Vec<_> = entries.into_iter().flatten().flatten().map(|it| (time(&it), it.file_name())).collect();
        found.sort_by(|a, b| b.cmp(a));
        for (_, name) in found.into_iter().skip(KEPT) {
            // One that cannot be removed only takes room.
            let _ = self.own.remove(name);
        }
    }
}

/// Returns why clusters of this configuration cannot boot from snapshots.
pub(super) fn unsupported(host: &Host, image: Option<&str>, config: &Value) -> Option<&'static str> {
    let nodes = config["nodes"].as_array().map_or(1, Vec::len);
    match (image, host.engine.kind) {
        (None, _) => Some("kind's stock node image boots by kubeadm; the one built from packages boots from snapshots"),
        (_, EngineKind::Nerdctl) => Some("with nerdctl clusters boot by kubeadm"),
        _ if config["networking"]["kubeProxyMode"] == "none" => Some("a cluster without kube-proxy boots by kubeadm"),
        _ if config["networking"]["ipFamily"] == "ipv6" => Some("a cluster of IPv6 alone boots by kubeadm"),
        _ if nodes > 1 => Some("a cluster of several nodes boots by kubeadm"),
        _ => None,
    }
}
