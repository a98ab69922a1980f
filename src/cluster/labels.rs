//! Container labels, which identify the owner of a cluster when its files are lost.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Lease, Owner};
use crate::host::exec;
use crate::host::folders::Folders;
use crate::suite::name::ClusterName;

/// Label of every node container that we create; its value is the cluster's name.
pub(super) const CLUSTER: &str = "kind-harness.dev/cluster";
/// Label with the state folder that has the cluster's record. Networks have this label too.
pub(super) const STATE: &str = "kind-harness.dev/state";
/// kind's own label: the cluster's name.
pub(super) const KIND: &str = "io.x-k8s.kind.cluster";
/// kind's own label: the node's role, as in its name.
const ROLE: &str = "io.x-k8s.kind.role";
const LEASE: &str = "kind-harness.dev/lease";
const UID: &str = "kind-harness.dev/uid";

/// The identity in a container's labels, once they are verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) name: ClusterName,
    pub(super) state: PathBuf,
    pub(super) lease: Lease,
    /// Whether it is a node, and neither the cache nor a container that keeps an image.
    pub(super) is_node: bool,
}

/// Returns the labels of the node containers of cluster `name`.
pub(super) fn labels_for(name: &ClusterName, lease: &Lease, folders: &Folders) -> BTreeMap<&'static str, String> {
    let owner = lease.owner.as_ref();
    let field = |of: fn(&Owner) -> String| owner.map(of).unwrap_or_default();
    BTreeMap::from([
        (CLUSTER, name.to_string()),
        (UID, user()),
        (STATE, folders.state.display().to_string()),
        ("kind-harness.dev/run", lease.run.clone()),
        ("kind-harness.dev/host", field(|owner| owner.host.clone())),
        ("kind-harness.dev/boot", field(|owner| owner.boot.clone())),
        ("kind-harness.dev/pid", field(|owner| owner.pid.to_string())),
        // The complete lease, which is parsed again; the other labels are for people.
        (LEASE, serde_json::to_string(lease).unwrap_or_default()),
    ])
}

/// Returns the identity in the `labels` of a container called `container`. `None` unless the cluster's name is valid,
/// kind's labels and the container's name agree with it, the user is this one, and the lease can be parsed. Every user of
/// the engine can write labels, so they count only where a record is lost.
pub(super) fn read(container: &str, labels: &BTreeMap<String, String>) -> Option<Identity> {
    let name = ClusterName::new(labels.get(CLUSTER)?).ok()?;
    if *labels.get(UID)? != user() {
        return None;
    }
    let rest = container.strip_prefix(name.as_str())?.strip_prefix('-')?;
    let is_node = match labels.get(KIND) {
        Some(kind_s) => {
            let role = rest.trim_end_matches(|c: char| c.is_ascii_digit());
            if *kind_s != *name.as_str() || role != labels.get(ROLE)? || !ROLES.contains(&role) {
                return None;
            }
            true
        }
        None => {
            let id = rest.strip_prefix(crate::images::HOLDER);
            let id = id.or((rest == super::cache::NAME).then_some("0"))?;
            if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return None;
            }
            false
        }
    };
    let state = PathBuf::from(labels.get(STATE)?);
    let lease = serde_json::from_str::<Lease>(labels.get(LEASE)?).ok()?;
    // Labels cannot be changed when a run succeeds: a cluster that may have been kept counts as kept.
    let lease = if lease.keep.may_stay() { lease.staying() } else { lease };
    Some(Identity { name, state, lease, is_node })
}

/// Node roles in kind's label.
const ROLES: [&str; 3] = ["control-plane", "external-load-balancer", "worker"];

fn user() -> String {
    rustix::process::geteuid().as_raw().to_string()
}

/// Folder in a cluster's own folder in which the shim records ids.
pub(super) const MADE: &str = "made";

/// File in [`MADE`] with the arguments by which kind has started the last node, one per line.
pub(super) const ARGUMENTS: &str = "arguments";

/// File in [`MADE`] with the arguments by which kind has made the network, if it did not exist.
pub(super) const NETWORK_ARGUMENTS: &str = "network-arguments";

/// Folder of a cluster's own folder in which the shim is.
const SHIM: &str = "bin";

/// Returns the shim for the program `engine` of the cluster whose folder is `folder`.
pub(super) fn shim_of(engine: &Path, folder: &Path) -> PathBuf {
    folder.join(SHIM).join(engine.file_name().unwrap_or_default())
}

/// Writes a shim for the engine, because kind can neither label what it creates nor report its ids. The shim is a
/// script with the engine's name below `folder`: it adds `labels` and records container ids and volume names in
/// [`MADE`], and network ids, which other clusters share, in the file `networks`; with what arguments nodes and networks
/// were made, for clusters that boot from snapshots. It starts nodes with the option `mount`, which kind has not. Returns
/// the folder to prepend to PATH.
pub(super) fn shim(
    engine: &Path,
    labels: &BTreeMap<&str, String>,
    mount: Option<&str>,
    folder: &Path,
    networks: &Path,
) -> std::io::Result<PathBuf> {
    let quote = |text: &str| exec::quote(text);
    let write = |wanted: &[&str]| {
        let labels = labels.iter().filter(|(key, _)| wanted.is_empty() || wanted.contains(key));
        labels.map(|(key, value)| format!("--label {}", quote(&format!("{key}={value}")))).collect::<Vec<_>>().join(" ")
    };
    let made = folder.join(MADE);
    fs_err::create_dir_all(&made)?;
    let (all, some, network) = (write(&[]), write(&[CLUSTER, UID, STATE]), write(&[UID, STATE]));
    let quoted = |path: &Path| quote(&path.display().to_string());
    let (path, made, networks) = (quoted(engine), quoted(&made), quoted(networks));
    let mount = mount.map(|mount| format!("--mount {} ", quote(mount))).unwrap_or_default();
    let script = format!(
        "#!/bin/sh\n\
         case \"$1 $2\" in\n\
         'run '*) shift; printf '%s\\n' \"$@\" > {made}/arguments\n\
         exec {path} run --cidfile {made}/container.$$ {all} {mount}\"$@\" ;;\n\
         'create '*) shift; exec {path} create --cidfile {made}/container.$$ {all} \"$@\" ;;\n\
         'volume create') shift 2; name=$({path} volume create {some} \"$@\") || exit\n\
         echo \"$name\" > {made}/volume.$$; echo \"$name\"; exit ;;\n\
         'network create') shift 2; {path} network create {network} \"$@\" || exit; for name; do :; done\n\
         printf '%s\\n' \"$@\" > {made}/network-arguments\n\
         {path} network inspect --format '{{{{.ID}}}}' \"$name\" >> {networks}; exit ;;\n\
         esac\n\
         exec {path} \"$@\"\n"
    );
    let file = shim_of(engine, folder);
    crate::host::folders::publish(&file, &script)?;
    fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o700))?;
    Ok(folder.join(SHIM))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::exec::Cmd;
    use crate::suite::config::Keep;

    fn folders() -> Folders {
        Folders { cache: "/c".into(), state: "/s".into() }
    }

    fn lease(keep: Keep) -> Lease {
        Lease::take(Owner::current().unwrap(), keep, None)
    }

    fn written(lease: &Lease) -> BTreeMap<String, String> {
        let name = ClusterName::new("a").unwrap();
        let labels = labels_for(&name, lease, &folders())
            .into_iter()
            .chain([(KIND, "a".to_owned()), (ROLE, "worker".to_owned())]);
        labels.map(|(key, value)| (key.to_owned(), value)).collect()
    }

    #[test]
    fn what_is_written_is_read_and_what_may_have_been_kept_counts_as_kept() {
        for (keep, stays) in [(Keep::Never, false), (Keep::OnFailure, true), (Keep::Always, true)] {
            let lease = lease(keep);
            let read = read("a-worker2", &written(&lease)).unwrap();
            assert_eq!((read.name.as_str(), &read.state), ("a", &PathBuf::from("/s")));
            assert_eq!(read.lease, Lease { stays, ..lease }, "the owner is not forgotten");
        }
        let own = rustix::process::geteuid().as_raw().to_string();
        assert_eq!(written(&lease(Keep::Never))[UID], own);
    }

    #[test]
    fn a_container_beside_the_nodes_is_the_clusters_and_no_node() {
        let mut labels = written(&lease(Keep::Never));
        labels.remove(KIND);
        assert!(!read("a-image-0123456789ab", &labels).unwrap().is_node);
        assert!(!read("a-cache", &labels).unwrap().is_node);
        for other in ["a-cache-1", "b-cache", "a-image-", "a-image-xyz", "b-image-01", "a-control-plane"] {
            assert_eq!(read(other, &labels), None, "{other}");
        }
    }

    #[test]
    fn labels_that_contradict_each_other_or_name_another_user_prove_nothing() {
        let good = written(&lease(Keep::Never));
        assert!(read("a-worker", &good).is_some());
        for node in ["", "a", "a-", "a-control-plane", "b-worker", "worker", "a-b-worker"] {
            assert_eq!(read(node, &good), None, "{node}");
        }
        for key in [CLUSTER, UID, STATE, LEASE, KIND, ROLE] {
            let mut labels = good.clone();
            labels.remove(key);
            assert_eq!(read("a-worker", &labels), None, "without {key}");
        }
        for (key, value) in [
            (CLUSTER, "../../victim"),
            (CLUSTER, "b"),
            (CLUSTER, "locks"),
            (UID, "12345"),
            (LEASE, "{\"run\":4"),
            (KIND, "b"),
        ] {
            let mut labels = good.clone();
            labels.insert(key.into(), value.into());
            assert_eq!(read("a-worker", &labels), None, "{key}={value}");
        }
    }

    #[tokio::test]
    async fn the_shim_labels_what_is_made_records_it_and_changes_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let engine = home.path().join("echo it's");
        fs_err::write(&engine, "#!/bin/sh\nprintf '<%s>' \"$@\"\n").unwrap();
        fs_err::set_permissions(&engine, std::fs::Permissions::from_mode(0o700)).unwrap();
        let labels =
            BTreeMap::from([("a", "it's \"1\"".to_owned()), (CLUSTER, "c".to_owned()), (STATE, "/s".to_owned())]);
        let networks = home.path().join("networks");
        let shim = shim(&engine, &labels, Some("type=bind"), home.path(), &networks).unwrap().join("echo it's");
        let run = async |words: &[&str]| Cmd::new(&shim, words).output().await.unwrap();
        let ran = run(&["run", "-d", "two words"]).await;
        let (recorded, labelled) = ran.split_once("><--label>").unwrap();
        assert!(
            recorded.starts_with(&format!("<run><--cidfile><{}/container.", home.path().join(MADE).display())),
            "{ran}"
        );
        assert!(
            labelled.starts_with("<a=it's \"1\">") && labelled.ends_with("<--mount><type=bind><-d><two words>"),
            "{ran}"
        );
        let volume = run(&["volume", "create", "--label", "n=true"]).await;
        assert_eq!(
            volume,
            "<volume><create><--label><kind-harness.dev/cluster=c><--label><kind-harness.dev/state=/s><--label><n=true>"
        );
        let made = home.path().join(MADE);
        assert_eq!(fs_err::read_to_string(made.join(ARGUMENTS)).unwrap(), "-d\ntwo words\n");
        let kept: Vec<_> = fs_err::read_dir(&made).unwrap().map(|it| it.unwrap().path()).collect();
        let kept: Vec<_> = kept.iter().filter(|path| !path.ends_with(ARGUMENTS)).collect();
        let [kept] = &kept[..] else { panic!("{kept:?}") };
        assert_eq!(fs_err::read_to_string(kept).unwrap().trim_end(), volume);
        let network = run(&["network", "create", "-d=bridge", "n"]).await;
        assert_eq!(network, "<network><create><--label><kind-harness.dev/state=/s><-d=bridge><n>");
        let recorded = fs_err::read_to_string(networks).unwrap();
        assert_eq!(recorded, "<network><inspect><--format><{{.ID}}><n>");
        assert_eq!(fs_err::read_to_string(made.join(NETWORK_ARGUMENTS)).unwrap(), "-d=bridge\nn\n");
        assert_eq!(run(&["ps", "-a"]).await, "<ps><-a>");
    }
}
