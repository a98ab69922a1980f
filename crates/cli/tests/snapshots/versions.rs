//! Two versions of Kubernetes beside each other.

use anyhow::{Result, ensure};

use crate::Host;

/// The suite's image, as the other tests have it.
const IMAGES: (&str, &str) = ("[{name: kind-harness/faults, recipe: image}]", "kind-harness/faults");

#[test]
#[ignore = "four clusters, 90 seconds, and ten minutes more where 1.33 was never compiled: just snapshots"]
fn each_version_has_a_snapshot_of_its_own() -> Result<()> {
    let host = Host::new()?;
    let kubelet = "jsonpath={.items[0].status.nodeInfo.kubeletVersion}";
    for (name, version, is_first) in [
        ("version-a", "1.34.4", true),
        ("version-b", "1.33.13", true),
        ("version-c", "1.33.13", false),
        ("version-d", "1.34.4", false),
    ] {
        let said = host.up_with(name, &format!("kubernetes: '{version}'"), IMAGES.0, IMAGES.1)?;
        ensure!(!said.contains("warning"), "{name}:\n{said}");
        let snapshot = host.inside(name, &["ls", "/kind/snapshot"], b"")?;
        ensure!(snapshot.is_empty() == is_first, "{name} has a snapshot of {snapshot:?}");
        let found = host.inside(name, &["kubectl", "get", "nodes", "-o", kubelet], b"")?;
        ensure!(found == format!("v{version}"), "{name} has {found}");
        host.down(name)?;
    }
    Ok(())
}
