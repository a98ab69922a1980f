//! Engines: the same short story on each one that this host can run, docker with a daemon of its own among them.
//!
//! `cargo test --test engines -- with docker COMMAND…` runs another command on that daemon, such as the kill matrix.

#![expect(clippy::disallowed_methods, reason = "these programs are the tests' own, not the harness's")]
#![expect(clippy::print_stdout, reason = "how long each step takes is for whoever runs them")]

mod dockerd;
mod engine;
mod push;
mod registries;
mod registry;
mod runtime;
mod story;

use std::process::ExitCode;

use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::dockerd::Dockerd;
use crate::engine::{Engine, NotHere};
use crate::registry::{Front, Registry};
use crate::story::Story;

fn main() -> ExitCode {
    if let Some(code) = runtime::run_if_called() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [with, docker, command @ ..] = &*arguments
        && (with.as_str(), docker.as_str()) == ("with", "docker")
    {
        return run_with_docker(command).unwrap_or_else(|error| {
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
        long_trial("docker::mirror", || {
            let registry = Registry::plain()?;
            let front = Front::before(&registry)?;
            registries::mirror(&Dockerd::start(Some(&front.address), None)?.engine, &registry, &front)
        }),
        trial("docker::login", || {
            let registry = Registry::with_login()?;
            registries::login(&Dockerd::start(None, Some(&registry.authority()))?.engine, &registry)
        }),
        trial("podman::push", || push::to_another_cluster(&podman()?, &Registry::for_nodes()?)),
        long_trial("podman::story_from_packages", || Story::run(&podman()?, "packages")),
        long_trial("podman::mirror", || {
            let registry = Registry::plain()?;
            let front = Front::before(&registry)?;
            let conf = tempfile::NamedTempFile::new()?;
            std::fs::write(&conf, registries_conf(&registry.address, &front.address))?;
            let conf = conf.path().display().to_string();
            registries::mirror(&podman()?.with("CONTAINERS_REGISTRIES_CONF", &conf), &registry, &front)
        }),
        long_trial("podman::login", || {
            let registry = Registry::with_login()?;
            let (authority, folder) = (registry.authority().display().to_string(), tempfile::tempdir()?);
            let logins = folder.path().join("auth.json").display().to_string();
            let podman = podman()?.with("SSL_CERT_FILE", &authority).with("REGISTRY_AUTH_FILE", &logins);
            registries::login(&podman, &registry)
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

/// podman's configuration: a mirror of Docker Hub, and a registry that speaks HTTP.
fn registries_conf(registry: &str, mirror: &str) -> String {
    format!(
        "[[registry]]\nprefix = \"docker.io\"\nlocation = \"docker.io\"\n\
         [[registry.mirror]]\nlocation = \"{mirror}\"\ninsecure = true\n\
         [[registry]]\nlocation = \"{registry}\"\ninsecure = true\n"
    )
}

fn run_with_docker(command: &[String]) -> Result<ExitCode> {
    let (program, arguments) = command.split_first().context("with docker: which command?")?;
    let docker = Dockerd::start(None, None)?;
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let output = docker.engine.on(duct::cmd(program, arguments).dir(root)).unchecked().run()?;
    Ok(if output.status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
