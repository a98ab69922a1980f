//! Remembered engines that have started a privileged container here, and whether that result is still valid.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Engine, EngineKind, in_path, in_path_or_itself};
use crate::host::folders::{self, Folders};
use crate::host::system;

/// A successful trial.
#[derive(Serialize, Deserialize)]
struct Remembered {
    /// The conditions of the trial, as [`stamp`] writes them.
    stamp: String,
    engine: Engine,
}

/// Returns every engine that has worked here and whose program is still in PATH, which may run our clusters. Includes
/// engines that do not respond now.
#[must_use]
pub fn known_engines(folders: &Folders) -> Vec<Engine> {
    EngineKind::ALL.into_iter().filter_map(|kind| known(folders, kind)).collect()
}

/// Returns the engine of this kind, if it has ever worked here.
pub(super) fn known(folders: &Folders, kind: EngineKind) -> Option<Engine> {
    if !in_path(kind.name()) {
        return None;
    }
    let mut engine = read(folders, kind)?.engine;
    // podman refuses every command if the configured file is missing, although most work without it.
    engine.containers_conf = engine.containers_conf.filter(|path| path.exists());
    Some(engine)
}

/// Returns the engine of this kind, if its trial succeeded under the current conditions.
pub(super) fn recall(folders: &Folders, kind: EngineKind) -> Option<Engine> {
    let remembered = read(folders, kind)?;
    let conf_is_there = remembered.engine.containers_conf.as_ref().is_none_or(|path| path.exists());
    (remembered.stamp == stamp(kind, &from_env) && conf_is_there).then_some(remembered.engine)
}

pub(super) fn remember(folders: &Folders, engine: &Engine) {
    let stamp = stamp(engine.kind, &from_env);
    let remembered = serde_json::to_string(&Remembered { stamp, engine: engine.clone() });
    // If this fails, the next run repeats the trial, which takes half a second.
    let _ = remembered.map(|text| folders::publish(&file(folders, engine.kind), &text));
}

fn read(folders: &Folders, kind: EngineKind) -> Option<Remembered> {
    serde_json::from_str(&fs_err::read_to_string(file(folders, kind)).ok()?).ok()
}

fn file(folders: &Folders, engine: EngineKind) -> PathBuf {
    folders.cache.join("host").join(format!("{}.json", engine.name()))
}

/// Returns whether the user has configured podman, which is then not overridden.
pub(super) fn has_own_configuration() -> bool {
    podman_configuration(&from_env).iter().any(|path| path.exists())
}

fn podman_configuration(var: &Variable) -> Vec<PathBuf> {
    let home = var("HOME").map(|home| PathBuf::from(home).join(".config/containers/containers.conf"));
    let named = var("CONTAINERS_CONF").map(PathBuf::from);
    named.into_iter().chain([PathBuf::from("/etc/containers/containers.conf")]).chain(home).collect()
}

/// Looks up a variable; `None` when it is empty.
type Variable<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

fn from_env(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns the address of the engine's server if that is on another host.
pub(super) fn remote_server(kind: EngineKind) -> Option<String> {
    remote(kind, &from_env)
}

fn remote(kind: EngineKind, var: &Variable) -> Option<String> {
    let endpoint = match kind {
        EngineKind::Docker => docker(var).0,
        EngineKind::Podman => text(var("CONTAINER_HOST")),
        EngineKind::Nerdctl => None,
    }?;
    let authority = endpoint.split_once("://")?.1.split('/').next()?;
    let address = authority.rsplit('@').next()?;
    let host = match address.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next()?,
        None => address.split(':').next()?,
    };
    // Without a host it is the path of a socket.
    let is_local = host.is_empty()
        || host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    (!is_local).then_some(endpoint)
}

/// Returns the conditions that determine a trial's result: this boot, the program, its server, and their configuration.
fn stamp(kind: EngineKind, var: &Variable) -> String {
    let mut parts = vec![system::boot().unwrap_or_default()];
    parts.extend(in_path_or_itself(Path::new(kind.name())).map(|path| file_identity(&path)));
    parts.extend(variables(kind).iter().map(|name| format!("{name}={:?}", var(name))));
    let (endpoint, files) = match kind {
        EngineKind::Docker => docker(var),
        EngineKind::Podman => (text(var("CONTAINER_HOST")), podman_configuration(var)),
        EngineKind::Nerdctl => {
            let address = text(var("CONTAINERD_ADDRESS")).unwrap_or_else(|| "/run/containerd/containerd.sock".into());
            (Some(address), vec!["/etc/nerdctl/nerdctl.toml".into()])
        }
    };
    parts.extend(files.iter().map(|path| file_identity(path)));
    if let Some(endpoint) = endpoint {
        // A restarted server has a new socket; another server may use the same name.
        parts.push(file_identity(Path::new(endpoint.strip_prefix("unix://").unwrap_or(&endpoint))));
        parts.push(endpoint);
    }
    parts.join("\n")
}

/// Returns the variables that an engine's program reads before it chooses its server.
fn variables(kind: EngineKind) -> &'static [&'static str] {
    match kind {
        EngineKind::Docker => &["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY"],
        EngineKind::Podman => &["CONTAINER_HOST", "CONTAINER_CONNECTION", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF"],
        EngineKind::Nerdctl => &["CONTAINERD_ADDRESS", "CONTAINERD_NAMESPACE", "NERDCTL_TOML"],
    }
}

/// Returns the address of docker's server, and the files that set it: `DOCKER_HOST` takes precedence over the context,
/// as in docker.
fn docker(var: &Variable) -> (Option<String>, Vec<PathBuf>) {
    let home = var("HOME").map(|home| PathBuf::from(home).join(".docker"));
    let folder = var("DOCKER_CONFIG").map(PathBuf::from).or(home).unwrap_or_default();
    let read = |path: &Path| serde_json::from_str(&fs_err::read_to_string(path).ok()?).ok();
    let config: Option<serde_json::Value> = read(&folder.join("config.json"));
    let current = || Some(config?.get("currentContext")?.as_str()?.to_owned());
    let context = text(var("DOCKER_CONTEXT")).or_else(current).filter(|name| name != "default");
    let meta = context.map(|name| {
        let id: String = Sha256::digest(&name).iter().map(|byte| format!("{byte:02x}")).collect();
        folder.join("contexts/meta").join(id).join("meta.json")
    });
    let of_context = || {
        let meta: serde_json::Value = read(meta.as_ref()?)?;
        Some(meta.pointer("/Endpoints/docker/Host")?.as_str()?.to_owned())
    };
    let endpoint = text(var("DOCKER_HOST")).or_else(of_context);
    (Some(endpoint.unwrap_or_else(|| "unix:///var/run/docker.sock".into())), meta.into_iter().collect())
}

fn text(value: Option<OsString>) -> Option<String> {
    value.map(|value| value.to_string_lossy().into_owned())
}

/// Returns the identity of the file at `path` after following links, and its state.
fn file_identity(path: &Path) -> String {
    let target = path.canonicalize().unwrap_or_else(|_| path.into());
    let state = fs_err::metadata(&target).ok().map(|it| (it.dev(), it.ino(), it.mtime(), it.mtime_nsec()));
    format!("{} {state:?}", target.display())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::net::UnixListener;

    use rstest::rstest;

    use super::*;

    fn stamp_with(kind: EngineKind, variables: &[(&str, &Path)]) -> String {
        let variables: BTreeMap<_, _> = variables.iter().map(|(name, value)| (*name, value.as_os_str())).collect();
        stamp(kind, &|name| variables.get(name).map(|value| (*value).to_owned()))
    }

    #[rstest]
    #[case(EngineKind::Docker, "DOCKER_HOST", "tcp://build.example:2376", true)]
    #[case(EngineKind::Docker, "DOCKER_HOST", "ssh://me@build.example", true)]
    #[case(EngineKind::Docker, "DOCKER_HOST", "tcp://10.0.0.1:2375", true)]
    #[case(EngineKind::Docker, "DOCKER_HOST", "tcp://127.0.0.1:2375", false)]
    #[case(EngineKind::Docker, "DOCKER_HOST", "tcp://[::1]:2375", false)]
    #[case(EngineKind::Docker, "DOCKER_HOST", "tcp://localhost:2375", false)]
    #[case(EngineKind::Docker, "DOCKER_HOST", "unix:///run/user/1000/docker.sock", false)]
    #[case(EngineKind::Docker, "DOCKER_HOST", "fd://", false)]
    #[case(EngineKind::Podman, "CONTAINER_HOST", "ssh://root@build.example:22/run/podman/podman.sock", true)]
    #[case(EngineKind::Podman, "CONTAINER_HOST", "unix:///run/podman/podman.sock", false)]
    fn a_server_on_another_host_is_noticed(
        #[case] kind: EngineKind,
        #[case] variable: &str,
        #[case] value: &str,
        #[case] is_remote: bool,
    ) {
        let var = |name: &str| (name == variable).then(|| value.into());
        assert_eq!(remote(kind, &var).as_deref(), is_remote.then_some(value));
    }

    #[rstest]
    #[case(EngineKind::Docker, "DOCKER_HOST")]
    #[case(EngineKind::Docker, "DOCKER_CONTEXT")]
    #[case(EngineKind::Podman, "CONTAINER_HOST")]
    #[case(EngineKind::Podman, "CONTAINERS_CONF")]
    #[case(EngineKind::Nerdctl, "CONTAINERD_ADDRESS")]
    fn another_address_is_another_engine(#[case] kind: EngineKind, #[case] name: &str) {
        let (none, one, other) = (&[][..], [(name, Path::new("/one"))], [(name, Path::new("/other"))]);
        assert_eq!(stamp_with(kind, &one), stamp_with(kind, &one));
        assert_ne!(stamp_with(kind, none), stamp_with(kind, &one));
        assert_ne!(stamp_with(kind, &one), stamp_with(kind, &other));
    }

    #[test]
    fn a_socket_that_was_made_again_or_leads_elsewhere_is_another_engine() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        // Both exist at once, so that the second cannot have the first one's inode.
        let (_first, _second) = (UnixListener::bind(path("a")).unwrap(), UnixListener::bind(path("b")).unwrap());
        let link = path("docker.sock");
        let host = PathBuf::from(format!("unix://{}", link.display()));
        let point_to = |name: &str| {
            let _ = fs_err::remove_file(&link);
            std::os::unix::fs::symlink(path(name), &link).unwrap();
            stamp_with(EngineKind::Docker, &[("DOCKER_HOST", &host)])
        };
        let to_first = point_to("a");
        assert_eq!(to_first, point_to("a"));
        assert_ne!(to_first, point_to("b"), "the link leads elsewhere");
        fs_err::rename(path("b"), path("a")).unwrap();
        assert_ne!(to_first, point_to("a"), "another socket of the same name");
    }

    #[test]
    fn dockers_current_context_and_its_address_count() {
        let home = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = home.path().join(".docker").join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        let now = || stamp_with(EngineKind::Docker, &[("HOME", home.path())]);
        let usual = now();
        assert!(usual.ends_with("unix:///var/run/docker.sock"), "{usual}");
        write("config.json", r#"{"currentContext": "remote"}"#);
        // Docker names a context's folder by the SHA-256 of the context's name.
        let meta = "contexts/meta/b71199ebd070b36beab7317920c2c2f1d777df8d05e5527d8458fda57cb17a7a/meta.json";
        write(meta, r#"{"Endpoints": {"docker": {"Host": "tcp://one:2375"}}}"#);
        let one = now();
        assert!(one.ends_with("tcp://one:2375"), "{one}");
        write(meta, r#"{"Endpoints": {"docker": {"Host": "tcp://other:2375"}}}"#);
        assert!(now().ends_with("tcp://other:2375"));
        let told = stamp_with(EngineKind::Docker, &[("HOME", home.path()), ("DOCKER_HOST", Path::new("tcp://told:1"))]);
        assert!(told.ends_with("tcp://told:1"), "DOCKER_HOST wins: {told}");
    }

    #[test]
    fn podmans_own_configuration_counts_with_its_content() {
        let home = tempfile::tempdir().unwrap();
        let now = || stamp_with(EngineKind::Podman, &[("HOME", home.path())]);
        let before = now();
        let file = home.path().join(".config/containers/containers.conf");
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        fs_err::write(&file, "[engine]").unwrap();
        let written = now();
        assert_ne!(before, written);
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
        fs_err::File::options().write(true).open(&file).unwrap().file().set_modified(later).unwrap();
        assert_ne!(written, now(), "it was edited");
    }
}
