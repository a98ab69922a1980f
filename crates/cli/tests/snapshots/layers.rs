//! Images whose layers are mounted in a node, beside images that are copied into it: the same files in a pod, and in use.

use anyhow::{Context, Result, ensure};

use super::Host;

/// Deletes a file, a folder and a folder that is made again, all of a lower layer; makes links, and files with rights and
/// owners of their own.
const RECIPE: &str = "ARG BASE=docker.io/library/debian:bookworm-slim
FROM ${BASE}
RUN mkdir -p /a/deep /b /c && echo 1 > /a/deep/one && echo 2 > /b/two && echo 3 > /c/three && echo 4 > /four
RUN rm -r /a && mkdir /a && echo new > /a/new && rm /b/two && rm -r /c && ln -s /a/new /link && ln /four /other \\
 && chmod 4755 /four && chown 12:34 /a/new && mkdir -m 1777 /sticky
";

/// Every file of a pod but what the kubelet puts there: kind, rights, owner, size, target of a link, content.
const FILES: &str = r"cd / && find . -xdev ! -path './etc/host*' ! -path './etc/resolv.conf' ! -path './dev*' ! -path './proc*' \
    ! -path './sys*' ! -path './run*' ! -path './var/run*' ! -path './etc/mtab' -printf '%p %y %m %U:%G %l ' -type f -printf '%s ' \
    -exec sha256sum {} \; -o ! -path './etc/host*' -printf '\n' | LC_ALL=C sort";

#[test]
#[ignore = "two clusters, 1 minute: just snapshots"]
fn a_mounted_image_is_the_image() -> Result<()> {
    let host = Host::new()?;
    std::fs::create_dir(host.suite.path().join("own"))?;
    std::fs::write(host.suite.path().join("own/Containerfile"), RECIPE)?;
    let images = "[{name: shop/own, recipe: own}]";
    let mut files = Vec::new();
    for (name, load) in [("snapshot-a", "mount"), ("snapshot-b", "copy")] {
        host.up_with(name, &format!("load: {load}"), images, "shop/own")?;
        let found = host.inside(name, &["bash", "-c", &in_pod(FILES)], b"")?;
        ensure!(found.lines().count() > 1000, "{load}: {found}");
        files.push(found);
    }
    let (mounted, copied) = (&files[0], &files[1]);
    let others: Vec<_> = mounted.lines().zip(copied.lines()).filter(|(one, other)| one != other).take(20).collect();
    ensure!(mounted == copied, "mounted and copied differ: {others:#?}");
    ensure!(mounted.contains("./a/new f 644 12:34") && !mounted.contains("./a/deep"), "{mounted}");
    ensure!(mounted.contains("./four f 4755 0:0") && mounted.contains("./link l 777 0:0 /a/new"), "{mounted}");

    let snapshots = "readlink /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/*/fs";
    let links = |name: &str| host.inside(name, &["bash", "-c", snapshots], b"");
    ensure!(links("snapshot-a")?.contains("/kind/engine/"), "nothing is mounted");
    ensure!(!links("snapshot-b")?.contains("/kind/engine/"), "nothing is copied");

    // While the cluster exists, the engine does not delete what it uses.
    let images = host.inside("snapshot-a", &["ctr", "-n", "k8s.io", "images", "ls", "-q"], b"")?;
    let image = images.lines().find(|name| name.contains("/own:")).context("the node does not have the image")?;
    let refused = host.engine(&["rmi", image])?;
    ensure!(refused.contains("in use") || refused.contains("being used"), "{refused}");
    for name in ["snapshot-a", "snapshot-b"] {
        host.down(name)?;
    }
    let left = host.engine(&["ps", "-a", "--format", "{{.Names}}"])?;
    ensure!(!left.contains("snapshot-a") && !left.contains("snapshot-b"), "{left}");
    Ok(())
}

/// The command of a node that runs a script in the pod.
fn in_pod(script: &str) -> String {
    format!("kubectl -n lifecycle exec app -- bash -c {}", shell_words(script))
}

fn shell_words(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
