//! The kind binary: one from PATH that is new enough, or our own.

use std::path::PathBuf;

use super::{Finding, Remedy};
use crate::host::exec::Cmd;
use crate::host::folders::Folders;

/// The version that is installed when there is none.
const VERSION: &str = "v0.33.0";

/// The oldest version accepted from PATH; older ones write another kubeadm configuration.
const OLDEST: (u32, u32) = (0, 30);

pub(super) async fn look(folders: &Folders) -> (Finding, Option<PathBuf>) {
    let own = folders.cache.join("tools").join(format!("kind-{VERSION}"));
    let mut found = "not in PATH".to_owned();
    for candidate in [PathBuf::from("kind"), own.join("kind")] {
        let Ok(text) = Cmd::new(&candidate, ["version"]).output().await else { continue };
        match version(&text) {
            Some(version) if version >= OLDEST => {
                return (Finding::met("kind", format!("{text} ({})", candidate.display())), Some(candidate));
            }
            _ => found = format!("{text} is older than v{}.{}", OLDEST.0, OLDEST.1),
        }
    }
    let remedy = if Cmd::new("go", ["version"]).succeeds().await.unwrap_or(false) {
        Remedy::GoInstall { module: format!("sigs.k8s.io/kind@{VERSION}"), into: own }
    } else {
        Remedy::ByHand(format!("install kind {VERSION} or newer, or Go 1.24 or newer, with which it is built here"))
    };
    (Finding::missing("kind", found, remedy), None)
}

/// Parses the major and minor version in `kind v0.33.0 go1.26 linux/amd64`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split_whitespace().nth(1)?.strip_prefix('v')?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn reads_what_kind_prints() {
        assert_eq!(version("kind v0.33.0 go1.26.8 linux/amd64"), Some((0, 33)));
        assert_eq!(version("kind v1.2.0-alpha+abc go1.26 linux/amd64"), Some((1, 2)));
        assert_eq!(version("something else"), None);
    }
}
