//! What building images from packages takes, beyond an engine.

use super::engine::in_path;
use super::{Finding, Remedy};

/// One finding per tool.
pub(super) fn look() -> Vec<Finding> {
    vec![debootstrap(), go()]
}

fn debootstrap() -> Finding {
    // It lives in sbin, which a user's PATH may lack.
    if in_path("debootstrap") || std::path::Path::new("/usr/sbin/debootstrap").exists() {
        return Finding::met("rootfs", "debootstrap");
    }
    let remedy = if in_path("apt-get") {
        Remedy::Packages(&["debootstrap"])
    } else {
        Remedy::ByHand("install debootstrap, or use `--images registry`".into())
    };
    Finding::missing("rootfs", "debootstrap is not installed", remedy)
}

fn go() -> Finding {
    if in_path("go") {
        return Finding::met("go", "found in PATH");
    }
    let remedy = "install Go 1.24 or newer, with which Kubernetes is built, or use `--images registry`";
    Finding::missing("go", "not in PATH", Remedy::ByHand(remedy.into()))
}
