//! Engines: the same short story on each one that this host can run, docker with a daemon of its own among them.
//!
//! `cargo test --test engines -- with docker COMMAND…` runs another command on that daemon, such as the kill matrix;
//! `with nerdctl COMMAND…` on a containerd.

#![expect(clippy::disallowed_methods, reason = "these programs are the tests' own, not the harness's")]
#![expect(clippy::print_stdout, reason = "how long each step takes is for whoever runs them")]

mod architectures;
mod cache;
mod charts;
mod containerd;
mod daemon;
mod dockerd;
mod engine;
mod front;
mod iptables;
mod prefetch;
mod push;
mod registries;
mod registry;
mod runtime;
mod story;
mod without_root;

use std::process::ExitCode;

use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::containerd::Containerd;
use crate::dockerd::Dockerd;
use crate::engine::{Engine, NotHere};
use crate::front::Front;
use crate::registry::Registry;
use crate::story::Story;

/// docker's plugin for BuildKit, of a version that docker 20.10 and 28 both take.
const BUILDX: &str = "github.com/docker/buildx/cmd/buildx@v0.14.1";

fn main() -> ExitCode {
    if let Some(code) = runtime::run_if_called() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [with, name, command @ ..] = &*arguments
        && with == "with"
    {
        return run_with(name, command).unwrap_or_else(|error| {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        });
    }
    if let [endpoint, suite] = &*arguments
        && endpoint == "endpoint-in"
    {
        return push::tell_endpoint(suite);
    }
    let mut arguments = Arguments::from_args();
    // Each measures time and looks at what is left on its engine.
    arguments.test_threads = Some(1);
    let trials = vec![
        trial("docker::story_from_packages", || Story::run(&Dockerd::start(None, None)?.engine, "packages")),
        long_trial("docker::story_with_buildkit", || {
            let docker = Dockerd::start(None, None)?;
            let (engine, _plugins) = buildkit(docker.engine.clone())?;
            // What an earlier story has built is not built again.
            for image in engine.ask(&["images", "-q", "localhost/kind-harness/image"])?.lines() {
                engine.ask(&["rmi", "-f", image])?;
            }
            engine.ask(&["buildx", "prune", "--all", "--force"])?;
            Story::run(&engine, "packages")?;
            let built = engine.ask(&["buildx", "du"])?;
            anyhow::ensure!(!built.trim_end().ends_with("0B"), "BuildKit has built nothing:\n{built}");
            Ok(())
        }),
        long_trial("docker::containerd_store", || {
            let docker = Dockerd::configured("{\"features\":{\"containerd-snapshotter\":true}}", None, None)?;
            if !docker.engine.ask(&["info", "--format", "{{json .DriverStatus}}"])?.contains("io.containerd") {
                anyhow::bail!(NotHere("this docker has no containerd image store (25 and later have one)".into()));
            }
            let (engine, _plugins) = buildkit(docker.engine.clone())?;
            Story::run(&engine, "packages")?;
            story::what_is_built_again_is_the_same(&engine)?;
            architectures::two_architectures(&engine, &Registry::plain()?)
        }),
        long_trial("docker::user_without_root", || without_root::story(&Dockerd::start(None, None)?.engine)),
        long_trial("docker::mirror", || {
            let registry = Registry::plain()?;
            let front = Front::before(&registry)?;
            registries::mirror(&Dockerd::start(Some(&front.address), None)?.engine, &registry, &front)
        }),
        trial("docker::login", || {
            let registry = Registry::with_login()?;
            registries::login(&Dockerd::start(None, Some(&registry.authority()))?.engine, &registry)
        }),
        trial("helm::registry", || charts::of_a_registry(Registry::with_login()?)),
        long_trial("nerdctl::story_from_packages", || Story::run(&Containerd::start()?.engine, "packages")),
        trial("podman::prefetch", || {
            let registry = Registry::plain()?;
            let front = Front::with_login(&registry)?;
            let (engine, folder) = podman_with_login(&front)?;
            let nobody = folder.path().join("nobody.json");
            std::fs::write(&nobody, "{}")?;
            let without_login = engine.clone().with("REGISTRY_AUTH_FILE", &nobody.display().to_string());
            prefetch::with_the_hosts_login(&engine, &without_login, &registry, &front)
        }),
        trial("podman::push", || push::to_another_cluster(&podman()?, &Registry::for_nodes()?)),
        long_trial("podman::story_from_packages", || Story::run(&podman()?, "packages")),
        long_trial("podman::mirror", || {
            let registry = Registry::plain()?;
            let front = Front::before(&registry)?;
            let conf = tempfile::NamedTempFile::new()?;
            std::fs::write(&conf, registries_conf(&registry.address, &front.address))?;
            let conf = conf.path().display().to_string();
            let podman = podman()?.with("CONTAINERS_REGISTRIES_CONF", &conf);
            registries::mirror(&podman, &registry, &front)?;
            architectures::two_architectures(&podman, &registry)
        }),
        long_trial("podman::login", || {
            let registry = Registry::with_login()?;
            let (authority, folder) = (registry.authority().display().to_string(), tempfile::tempdir()?);
            let logins = folder.path().join("auth.json").display().to_string();
            let podman = podman()?.with("SSL_CERT_FILE", &authority).with("REGISTRY_AUTH_FILE", &logins);
            registries::login(&podman, &registry)
        }),
        long_trial("podman::cache", || {
            let registry = Registry::plain()?;
            let front = Front::with_login(&registry)?;
            let (podman, _folder) = podman_with_login(&front)?;
            cache::kept_between_clusters(&podman, &registry, &front)
        }),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A trial that only `just engines` runs: the others say the same in less time.
fn long_trial(name: &str, test: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    trial(name, test).with_ignored_flag(true)
}

fn trial(name: &str, test: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::ignorable_test(name, || match test() {
        Ok(()) => Ok(Completion::Completed),
        Err(error) => match error.downcast_ref::<NotHere>() {
            Some(not_here) => Ok(Completion::ignored_with(not_here)),
            None => Err(Failed::from(format!("{error:#}"))),
        },
    })
}

/// The host's podman, with the configuration that the harness has found for it.
fn podman() -> Result<Engine> {
    let folders = kind_harness::host::folders::Folders::of_user()?;
    let known = kind_harness::host::setup::known_engines(&folders).into_iter();
    let mut known = known.filter(|engine| engine.kind == kind_harness::host::setup::EngineKind::Podman);
    let known = known.next().ok_or_else(|| NotHere("no podman has worked on this host".into()))?;
    let conf = known.containers_conf.map(|path| ("CONTAINERS_CONF".to_owned(), path.display().to_string()));
    let variables = [("KIND_HARNESS_ENGINE".to_owned(), "podman".to_owned())].into_iter().chain(conf).collect();
    Ok(Engine { name: "podman", variables })
}

/// The host's podman with a login for the registry behind `front`, which speaks HTTP; and the folder of its settings.
fn podman_with_login(front: &Front) -> Result<(Engine, tempfile::TempDir)> {
    let folder = tempfile::tempdir()?;
    let (conf, logins) = (folder.path().join("registries.conf"), folder.path().join("auth.json"));
    std::fs::write(&conf, format!("[[registry]]\nlocation = \"{}\"\ninsecure = true\n", front.address))?;
    std::fs::write(&logins, cache::logins(&front.address))?;
    let podman = podman()?.with("CONTAINERS_REGISTRIES_CONF", &conf.display().to_string());
    Ok((podman.with("REGISTRY_AUTH_FILE", &logins.display().to_string()), folder))
}

/// docker with buildx, which is compiled where the host has none (3 minutes); and the folder of its configuration.
fn buildkit(docker: Engine) -> Result<(Engine, tempfile::TempDir)> {
    let home = tempfile::tempdir()?;
    let plugins = home.path().join("cli-plugins");
    std::fs::create_dir(&plugins)?;
    if docker.ask(&["buildx", "version"]).is_err() {
        let kept = kind_harness::host::folders::Folders::of_user()?.cache.join("engines").join("buildx");
        if !kept.join("buildx").is_file() {
            let install = duct::cmd!("go", "install", BUILDX).env("GOBIN", &kept).stderr_to_stdout().stdout_capture();
            let output =
                install.unchecked().run().map_err(|error| NotHere(format!("no buildx, and no Go: {error}")))?;
            anyhow::ensure!(output.status.success(), "{BUILDX}: {}", String::from_utf8_lossy(&output.stdout));
        }
        std::os::unix::fs::symlink(kept.join("buildx"), plugins.join("docker-buildx"))?;
    }
    let config = home.path().display().to_string();
    Ok((docker.with("DOCKER_CONFIG", &config).with("DOCKER_BUILDKIT", "1"), home))
}

/// podman's configuration: a mirror of Docker Hub, and a registry that speaks HTTP.
fn registries_conf(registry: &str, mirror: &str) -> String {
    format!(
        "[[registry]]\nprefix = \"docker.io\"\nlocation = \"docker.io\"\n\
         [[registry.mirror]]\nlocation = \"{mirror}\"\ninsecure = true\n\
         [[registry]]\nlocation = \"{registry}\"\ninsecure = true\n"
    )
}

fn run_with(name: &str, command: &[String]) -> Result<ExitCode> {
    let (docker, containerd);
    let engine = match name {
        "docker" => {
            docker = Dockerd::start(None, None)?;
            &docker.engine
        }
        "nerdctl" => {
            containerd = Containerd::start()?;
            &containerd.engine
        }
        other => anyhow::bail!("with {other}: docker and nerdctl are the engines that the tests start"),
    };
    let (program, arguments) = command.split_first().with_context(|| format!("with {name}: which command?"))?;
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let output = engine.on(duct::cmd(program, arguments).dir(root)).unchecked().run()?;
    Ok(if output.status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
