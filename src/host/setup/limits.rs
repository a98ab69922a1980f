//! Limits of the host's kernel and disks: disk, memory, inotify, open files, cgroups.

use std::path::Path;

use super::{Finding, Remedy};
use crate::host::folders::Folders;
use crate::host::system;
use crate::suite::config::ImageSource;

const GIB: u64 = 1 << 30;

/// Returns one finding per limit. Only reads files, so that checking takes no time.
pub(super) fn look(folders: &Folders, source: ImageSource) -> Vec<Finding> {
    vec![disk(folders, source), memory(), inotify(), open_files(), cgroup(), modules()]
}

fn disk(folders: &Folders, source: ImageSource) -> Finding {
    let needed = match source {
        ImageSource::Registry => 2 * GIB,
        _ if has_kubernetes(folders) => GIB,
        // Most of it is Go's build cache of Kubernetes.
        _ => 6 * GIB,
    };
    let existing = folders.cache.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(existing) {
        Ok(stat) => judge_disk(stat.f_bavail * stat.f_frsize, needed, existing),
        Err(_) => {
            let better = format!("{} GiB free at {}", needed / GIB, existing.display());
            Finding::advice("disk", "free space is unknown", better)
        }
    }
}

/// Returns whether Kubernetes was compiled on this host before.
fn has_kubernetes(folders: &Folders) -> bool {
    let cached = std::fs::read_dir(&folders.cache).into_iter().flatten().flatten();
    cached.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("kubernetes-"))
}

fn judge_disk(free: u64, needed: u64, at: &Path) -> Finding {
    let found = format!("{:.1} GiB free at {}", free as f64 / GIB as f64, at.display());
    if free >= needed {
        return Finding::met("disk", found);
    }
    let remedy = format!("free at least {} GiB, or set XDG_CACHE_HOME to a larger disk", needed / GIB);
    Finding::missing("disk", found, Remedy::ByHand(remedy))
}

fn memory() -> Finding {
    match system::available_memory() {
        None => Finding::advice("memory", "cannot be read", "2 GiB available"),
        Some(bytes) => {
            let found = format!("{:.1} GiB available", bytes as f64 / GIB as f64);
            if bytes < 3 * GIB / 2 {
                Finding::missing(
                    "memory",
                    found,
                    Remedy::ByHand("free at least 2 GiB; one node needs about 1.5".into()),
                )
            } else {
                Finding::met("memory", found)
            }
        }
    }
}

fn inotify() -> Finding {
    let (instances, watches) = system::inotify_limits();
    let found = format!("{instances} instances, {watches} watches");
    if instances < 512 || watches < 65_536 {
        // Enough for one single-node cluster, which is what a run creates.
        let better =
            "sysctl fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=524288, for several clusters at once";
        return Finding::advice("inotify", found, better);
    }
    Finding::met("inotify", found)
}

fn open_files() -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum.unwrap_or(u64::MAX);
    if limit < 4096 {
        let remedy = "raise the hard limit of open files to at least 4096 (ulimit -Hn)";
        return Finding::missing("files", format!("at most {limit} open files"), Remedy::ByHand(remedy.into()));
    }
    Finding::met("files", format!("at most {limit} open files"))
}

fn cgroup() -> Finding {
    let version = if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        "version 2"
    } else if Path::new("/sys/fs/cgroup/memory").exists() {
        "version 1"
    } else {
        let remedy = "mount the control groups as your distribution does";
        return Finding::missing("cgroup", "not mounted", Remedy::ByHand(remedy.into()));
    };
    Finding::met("cgroup", version)
}

/// Checks for the folder that kind mounts into every node; a host without kernel modules may lack it.
fn modules() -> Finding {
    const PATH: &str = "/lib/modules";
    if Path::new(PATH).is_dir() {
        return Finding::met("modules", format!("{PATH} exists"));
    }
    Finding::missing("modules", format!("{PATH} does not exist"), Remedy::Folder(PATH))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::setup::State;

    #[test]
    fn a_nearly_full_disk_is_refused_with_its_remedy() {
        let at = Path::new("/var");
        assert!(matches!(judge_disk(6 * GIB, 6 * GIB, at).state, State::Met(_)));
        let finding = judge_disk(GIB, 6 * GIB, at);
        assert!(finding.needs_a_person());
        assert!(finding.to_string().contains("1.0 GiB free at /var; remedy: free at least 6 GiB"));
    }

    #[test]
    fn kubernetes_is_compiled_but_once() {
        let home = tempfile::tempdir().unwrap();
        let folders = Folders { cache: home.path().into(), state: home.path().into() };
        assert!(!has_kubernetes(&folders));
        std::fs::create_dir(home.path().join("kubernetes-0123456789abcdef")).unwrap();
        assert!(has_kubernetes(&folders));
    }
}
