//! What is built once for all: two runs at the same time, and runs that are killed.

use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Ended, Host};

/// Makes what the base image's recipe expects, as soon as the test lets it.
const DEBOOTSTRAP: &str = r#"#!/bin/sh
echo bootstraps >> "$CALLS"
echo "debootstrap $*" >> "$CALLS"
[ ! -f "$CALLS.offline" ] || { echo "E: Failed getting release file" >&2; exit 1; }
while [ ! -f "$CALLS.go" ]; do sleep 0.05; done
for root in "$@"; do case $root in /*) break ;; esac; done
for folder in etc/dpkg/dpkg.cfg.d etc/apt/apt.conf.d usr/sbin usr/share/doc var/lib/dpkg var/log; do mkdir -p "$root/$folder"; done
"#;

/// Has the images that were imported into it.
const ENGINE: &str = r#"#!/bin/sh
case "$1" in
    images) cat "$IMAGES" ;;
    # Whoever writes to it must be able to write to the end.
    load) cat > /dev/null ;;
    import) [ "$2" != - ] || cat > /dev/null; for image in "$@"; do :; done; echo "$image" >> "$IMAGES" ;;
esac
"#;

/// A host on which the base image can be built; the node image cannot, which is as far as a run gets.
pub(crate) fn host() -> Host {
    let host = Host::ready();
    host.program("debootstrap", DEBOOTSTRAP);
    host.program("podman", ENGINE);
    host.program("sudo", "#!/bin/sh\n[ \"$1\" != -n ] || shift\nexec \"$@\"\n");
    host.program("go", "#!/bin/sh\n");
    host.write("images", "");
    host
}

fn up(host: &Host, name: &str) -> duct::Handle {
    host.command(&["up", "--images", "packages", "--name", name]).start().unwrap()
}

fn kill(handle: &duct::Handle) {
    let pid = i32::try_from(handle.pids()[0]).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

pub(crate) fn times(host: &Host, call: &str) -> usize {
    host.calls().lines().filter(|line| *line == call).count()
}

/// What is being made in the user's cache, and its locks.
fn aside(host: &Host) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(host.path("home/.cache/kind-harness/aside")).into_iter().flatten();
    folder.map(|entry| entry.unwrap().path()).collect()
}

/// A run that builds the base image, and one that waits for it.
fn two(host: &Host) -> [duct::Handle; 2] {
    let first = up(host, "a");
    host.eventually("one builds", || times(host, "bootstraps") == 1);
    let second = up(host, "b");
    let is_waited_for = || aside(host).iter().any(|path| path.extension().is_some() && host.is_waited_for(path));
    host.eventually("the other waits", is_waited_for);
    [first, second]
}

fn base_images(host: &Host) -> usize {
    let images = std::fs::read_to_string(host.path("images")).unwrap();
    images.lines().filter(|image| image.starts_with("localhost/kind-harness/base:")).count()
}

#[test]
fn what_two_runs_need_is_built_once() {
    let host = host();
    let both = two(&host);
    host.write("calls.go", "");
    for run in both {
        Ended::from(run.wait().unwrap()).failed_with(4, &["building localhost/kind-harness/node:"]);
    }
    assert_eq!((times(&host, "bootstraps"), base_images(&host)), (1, 1));
    assert_eq!(aside(&host), Vec::<PathBuf>::new());
}

#[test]
fn a_build_whose_run_is_killed_is_begun_again_by_who_waits_for_it() {
    let host = host();
    let [first, second] = two(&host);
    kill(&first);
    host.eventually("the other builds", || times(&host, "bootstraps") == 2);
    assert_eq!(base_images(&host), 0, "half an image was published");
    host.write("calls.go", "");
    Ended::from(second.wait().unwrap()).failed_with(4, &["building localhost/kind-harness/node:"]);
    assert_eq!(base_images(&host), 1);
    assert_eq!(aside(&host), Vec::<PathBuf>::new());
    host.eventually("what the first was at is gone", || std::fs::read_dir(host.path("tmp")).unwrap().count() == 0);
}

#[test]
fn a_tool_is_installed_whole_or_not_at_all() {
    let host = Host::ready();
    std::fs::remove_file(host.path("bin/kind")).unwrap();
    let go = "#!/bin/sh\n[ \"$1\" != version ] || exit 0\nprintf '#!/bin/sh\\necho half' > \"$GOBIN/kind\"; chmod 755 \"$GOBIN/kind\"\n\
              echo installs >> \"$CALLS\"; while [ ! -f \"$CALLS.go\" ]; do sleep 0.05; done\n\
              printf '#!/bin/sh\\necho kind v0.33.0 x y' > \"$GOBIN/kind\"\n";
    host.program("go", go);
    let setup = || host.command(&["setup", "--yes", "--images", "registry"]).start().unwrap();
    let tools = host.path("home/.cache/kind-harness/tools");
    let interrupted = setup();
    host.eventually("it installs", || times(&host, "installs") == 1);
    kill(&interrupted);
    interrupted.wait().unwrap();
    assert!(!tools.exists(), "half a tool was published");
    assert_eq!(aside(&host).len(), 2, "a lock, and what it was at: {:?}", aside(&host));

    let again = setup();
    host.eventually("it installs anew", || times(&host, "installs") == 2);
    host.write("calls.go", "");
    let ended = Ended::from(again.wait().unwrap());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(tools.join("kind-v0.33.0/kind").exists());
    assert_eq!(aside(&host), Vec::<PathBuf>::new());
}
