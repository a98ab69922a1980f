//! The lease, on the node containers themselves: who lost the files can still tell whose a cluster is.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::lease::{Keep, Lease, Owner};
use crate::exec;

/// The label that every node container of ours has; its value is the cluster's name.
pub(super) const CLUSTER: &str = "kind-harness.dev/cluster";
const LEASE: &str = "kind-harness.dev/lease";

/// What the nodes of cluster `name` are labelled with.
pub(super) fn of(name: &str, lease: &Lease) -> BTreeMap<&'static str, String> {
    let owner = lease.owner.as_ref();
    let field = |of: fn(&Owner) -> String| owner.map(of).unwrap_or_default();
    BTreeMap::from([
        (CLUSTER, name.to_owned()),
        ("kind-harness.dev/run", lease.run.clone()),
        ("kind-harness.dev/host", field(|owner| owner.host.clone())),
        ("kind-harness.dev/boot", field(|owner| owner.boot.clone())),
        ("kind-harness.dev/pid", field(|owner| owner.pid.to_string())),
        // What the others cannot say in a word: all of it, for us to read.
        (LEASE, serde_json::to_string(lease).unwrap_or_default()),
    ])
}

/// The cluster's name and the lease that `labels` tell of; no lease when somebody wrote nonsense there.
pub(super) fn read(labels: &BTreeMap<String, String>) -> Option<(String, Option<Lease>)> {
    let name = labels.get(CLUSTER)?.clone();
    let lease = labels.get(LEASE).and_then(|text| serde_json::from_str::<Lease>(text).ok());
    // Labels cannot be changed when `up` has come to a good end: what was made to stay counts as released.
    let lease = lease.map(|lease| if lease.keep == Keep::Always { lease.released() } else { lease });
    Some((name, lease))
}

/// kind has no way to label containers, so it gets an engine that does: a script of the engine's name below `folder`,
/// which adds `labels` to every `run`. Returns the folder to put in front of PATH.
pub(super) fn shim(engine: &Path, labels: &BTreeMap<&str, String>, folder: &Path) -> std::io::Result<PathBuf> {
    let quote = |text: &str| exec::quote(text);
    let labels = labels.iter().map(|(key, value)| format!("--label {}", quote(&format!("{key}={value}"))));
    let (labels, path) = (labels.collect::<Vec<_>>().join(" "), quote(&engine.display().to_string()));
    let script = format!("#!/bin/sh\n[ \"$1\" = run ] || exec {path} \"$@\"\nshift\nexec {path} run {labels} \"$@\"\n");
    let bin = folder.join("bin");
    let file = bin.join(engine.file_name().unwrap_or_default());
    crate::folders::publish(&file, &script)?;
    fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o700))?;
    Ok(bin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::Cmd;

    fn owned(labels: &BTreeMap<&'static str, String>) -> BTreeMap<String, String> {
        labels.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
    }

    #[test]
    fn what_is_written_is_read_and_a_kept_one_belongs_to_nobody() {
        let lease = Lease::take(Owner::current().unwrap(), Keep::Never, None);
        assert_eq!(read(&owned(&of("a", &lease))), Some(("a".into(), Some(lease.clone()))));
        let kept = Lease { keep: Keep::Always, ..lease };
        assert_eq!(read(&owned(&of("a", &kept))), Some(("a".into(), Some(kept.released()))));
    }

    #[test]
    fn a_forged_lease_is_no_lease() {
        let labels =
            BTreeMap::from([(CLUSTER.to_owned(), "a".to_owned()), (LEASE.to_owned(), "{\"run\":4".to_owned())]);
        assert_eq!(read(&labels), Some(("a".into(), None)));
        assert_eq!(read(&BTreeMap::new()), None);
    }

    #[tokio::test]
    async fn the_shim_labels_what_is_run_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let engine = home.path().join("echo it's");
        fs_err::write(&engine, "#!/bin/sh\nprintf '<%s>' \"$@\"\n").unwrap();
        fs_err::set_permissions(&engine, std::fs::Permissions::from_mode(0o700)).unwrap();
        let labels = BTreeMap::from([("a", "it's \"1\"".to_owned())]);
        let bin = shim(&engine, &labels, home.path()).unwrap();
        let shim = bin.join("echo it's");
        let ran = Cmd::new(&shim, ["run", "-d", "two words"]).output().await.unwrap();
        assert_eq!(ran, "<run><--label><a=it's \"1\"><-d><two words>");
        assert_eq!(Cmd::new(&shim, ["ps", "-a"]).output().await.unwrap(), "<ps><-a>");
    }
}
