//! The user's kubeconfig, what we write from it, and contexts that look like production.

use std::os::unix::fs::MetadataExt;

use anyhow::{Result, ensure};
use kube::config::Kubeconfig;

use super::furniture::new;
use super::guest::Guest;
use crate::{Situation, situation};

pub(super) fn table() -> Vec<Situation> {
    let production = ["production", "prod-eu-1", "live"]
        .map(|context| situation(format!("existing::context_{context}_without_a_yes"), move || without_a_yes(context)));
    let rows = [
        situation("existing::kubeconfig_of_one_context", one_context),
        situation("existing::the_context_is_gone", context_is_gone),
    ];
    rows.into_iter().chain(production).collect()
}

/// The kubeconfig that we write leads to the cluster and nowhere else, and only its user reads it.
fn one_context() -> Result<()> {
    let guest = Guest::new("minified")?;
    let before = guest.row.picture()?;
    guest.suite("30s", &new(guest.name())[1..])?;
    guest.succeeds(&["up", "--yes"])?;
    let path = guest.run(&["kubeconfig"])?.stdout;
    let written = Kubeconfig::read_from(path.trim())?;
    let contexts: Vec<&str> = written.contexts.iter().map(|context| context.name.as_str()).collect();
    ensure!(contexts == [guest.house().context.as_str()], "{contexts:?}");
    ensure!(written.current_context.as_deref() == contexts.first().copied(), "{:?}", written.current_context);
    ensure!((written.clusters.len(), written.auth_infos.len()) == (1, 1), "more clusters or users than one");
    let mode = std::fs::metadata(path.trim())?.mode() & 0o777;
    ensure!(mode == 0o600, "{mode:o}");
    guest.succeeds(&["down"])?;
    guest.judge(&before)
}

/// Nobody is there to ask, and nobody has said yes: nothing is applied.
fn without_a_yes(context: &str) -> Result<()> {
    let guest = Guest::new("prod")?;
    guest.write_kubeconfig(context)?;
    guest.suite_in(context, "30s", &new(guest.name())[1..])?;
    let before = guest.row.picture()?;
    let up = guest.run(&["up"])?;
    ensure!(up.code.is_some_and(|code| code != 0 && code != 101), "{up:?}");
    ensure!(up.stderr.contains("--yes"), "it is not told how to say yes: {up:?}");
    guest.judge(&before)
}

/// Between `up` and `down` the user has renamed the context: what we made is removed all the same.
fn context_is_gone() -> Result<()> {
    let guest = Guest::new("renamed")?;
    let before = guest.row.picture()?;
    guest.suite("30s", &new(guest.name())[1..])?;
    guest.succeeds(&["up", "--yes"])?;
    guest.write_kubeconfig("renamed")?;
    let kubeconfig = crate::judge::Fate::file_ours(&guest.row.path("kubeconfig"));
    guest.succeeds(&["down"])?;
    guest.judge_with(&before, kubeconfig)
}
