//! Names of clusters and suites that would reach our own folders, or are too long.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};

use crate::row::Row;
use crate::support::Host;
use crate::{Situation, situation};

/// Tells this program to ask for the environment of a suite, as a test does.
const SPECIMEN: &str = "HOSTILE_SPECIMEN";

/// Names that no cluster may have.
const REFUSED: [(&str, &str); 12] = [
    ("locks", "locks"),
    ("bundles", "bundles"),
    ("nodes_lock", "nodes.lock"),
    ("dot", "."),
    ("dot_dot", ".."),
    ("climbs", "../../victim"),
    ("slash", "a/b"),
    ("absolute", "/etc"),
    ("empty", ""),
    ("upper_case", "Planted"),
    ("long", "a234567890123456789012345678901234567890123456789"),
    ("newline", "a\nb"),
];

pub(super) fn table() -> Vec<Situation> {
    let flags = REFUSED.map(|(what, name)| {
        situation(format!("name::flag_{what}"), move || refused(|row, command| row.command(&[command, "--name", name])))
    });
    let variables = ["locks", "bundles", "../../victim"].map(|name| {
        let act = move || {
            refused(|row, command| {
                let mut command = row.command(&[command])?;
                command.env("KIND_HARNESS_NAME", name);
                Ok(command)
            })
        };
        situation(format!("name::variable_{}", name.replace(['.', '/'], "")), act)
    });
    let files =
        ["locks", "bundles"].map(|name| situation(format!("name::in_the_suite_{name}"), move || in_the_file(name)));
    let suites = [31, 32, 33, 34, 63].map(|length| {
        situation(format!("name::of_a_suite_with_{length}_letters_and_a_private_cluster"), move || private(length))
    });
    flags.into_iter().chain(variables).chain(files).chain(suites).collect()
}

/// Every command that takes a name refuses it, as wrong usage.
fn refused(command: impl Fn(&Row, &str) -> Result<Command>) -> Result<()> {
    refused_in("", command)
}

/// The same, with this at the end of the suite.
fn refused_in(suite: &str, command: impl Fn(&Row, &str) -> Result<Command>) -> Result<()> {
    let row = Row::bare("name")?;
    let text = std::fs::read_to_string(row.path("suite/e2e.yaml"))?;
    row.write("suite/e2e.yaml", &format!("{text}{suite}"))?;
    row.write("state/kind-harness/bundles/planted/summary.txt", "kept")?;
    row.write("state/kind-harness/locks/planted", "")?;
    row.write("state/kind-harness/nodes.lock", "")?;
    let before = row.picture()?;
    for act in ["down", "up", "status", "bundle", "logs", "kubeconfig"] {
        let ended = row.finish(command(&row, act)?)?;
        ensure!(ended.code == Some(2), "{act}: {ended:?}");
        row.judge(&before, &[])?;
    }
    Ok(())
}

fn in_the_file(name: &str) -> Result<()> {
    refused_in(&format!("cluster: {{name: {name}}}\n"), |row, command| row.command(&[command]))
}

/// What this program does when it is told to be a test: asks for the environment, which stand-ins cannot bring up.
pub(crate) fn specimen() -> Option<ExitCode> {
    let suite = PathBuf::from(std::env::var_os(SPECIMEN)?);
    let up = std::panic::catch_unwind(|| kind_harness::environment::shared(suite).name().to_owned());
    Some(ExitCode::from(if up.is_ok() { 0 } else { 101 }))
}

/// A test's cluster has a name of its own, made of the suite's. It is one that kind and Kubernetes take.
fn private(length: usize) -> Result<()> {
    let host = Host::ready();
    let suite = std::fs::read_to_string(host.path("suite/e2e.yaml"))?;
    let long = format!("suite: {}", "s".repeat(length));
    host.write("suite/e2e.yaml", &suite.replace("suite: tiny", &long));
    let mut test = Command::new(std::env::current_exe()?);
    let ours = |name: &str| {
        ["KIND_HARNESS", "XDG_", "GITHUB_"].iter().any(|prefix| name.starts_with(prefix)) || name == "CONTAINERS_CONF"
    };
    for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
        test.env_remove(name);
    }
    let test = test
        .env(SPECIMEN, host.path("suite/e2e.yaml"))
        .env("PATH", host.path("bin"))
        .env("HOME", host.path("home"))
        .env("TMPDIR", host.path("tmp"))
        .env("CALLS", host.path("calls"))
        .env("NODES", host.path("nodes"))
        .env("IMAGES", host.path("images"))
        .env("KIND_HARNESS_SHARE", "process")
        .stdin(Stdio::null())
        .output()?;
    let calls = host.calls();
    let name = calls.lines().find_map(|call| call.strip_prefix("kind create cluster --name ")?.split(' ').next());
    let name = name.with_context(|| format!("kind was not asked:\n{}", String::from_utf8_lossy(&test.stderr)))?;
    let is_label = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    ensure!(is_label && !name.starts_with('-') && !name.ends_with('-'), "{name}");
    // kind's longest suffix is `-external-load-balancer`, Kubernetes' longest label 63 characters; we promise 48.
    ensure!(name.len() <= 48, "{name} has {} characters", name.len());
    Ok(())
}
