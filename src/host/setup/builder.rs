//! Prerequisites, besides an engine, of building images from packages.

use std::path::{Path, PathBuf};

use super::engine::in_path;
use super::{Finding, Remedy};

/// The keys that sign Debian's releases, as installed by the Debian package of that name.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Returns one finding per tool.
pub(super) fn look() -> Vec<Finding> {
    vec![debootstrap(), keyring(), go()]
}

fn debootstrap() -> Finding {
    // It is in sbin, which a user's PATH may lack.
    if in_path("debootstrap") || Path::new("/usr/sbin/debootstrap").exists() {
        return Finding::met("rootfs", "debootstrap");
    }
    let remedy = if in_path("apt-get") {
        Remedy::Packages(&["debootstrap"])
    } else {
        Remedy::ByHand("install debootstrap, or use `--images registry`".into())
    };
    Finding::missing("rootfs", "debootstrap is not installed", remedy)
}

/// Returns the finding about the keyring that verifies the base image's packages.
fn keyring() -> Finding {
    // The base image's recipe reads the same variable.
    let named = std::env::var_os("DEBIAN_KEYRING").filter(|path| !path.is_empty()).map(PathBuf::from);
    let path = named.as_deref().unwrap_or(Path::new(KEYRING));
    if path.is_file() {
        return Finding::met("keyring", path.display().to_string());
    }
    let remedy = if named.is_none() && in_path("apt-get") {
        Remedy::Packages(&["debian-archive-keyring"])
    } else {
        let wanted = "put the keys there that sign the Debian mirror, or name their file by DEBIAN_KEYRING";
        Remedy::ByHand(format!("{wanted}, or use `--images registry`"))
    };
    Finding::missing("keyring", format!("{} does not exist", path.display()), remedy)
}

fn go() -> Finding {
    if in_path("go") {
        return Finding::met("go", "found in PATH");
    }
    let remedy = "install Go 1.24 or newer, with which Kubernetes is built, or use `--images registry`";
    Finding::missing("go", "not in PATH", Remedy::ByHand(remedy.into()))
}
