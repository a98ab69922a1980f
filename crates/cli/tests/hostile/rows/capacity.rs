//! A process that has no files left to open, and folders of the user's that are none.

use anyhow::{Result, ensure};

use super::ours::{dead, held, record};
use crate::judge::Fate;
use crate::row::Row;
use crate::{Situation, situation};

/// An id that no container has.
const NONE: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

pub(super) fn table() -> Vec<Situation> {
    vec![
        situation("files::none_left_and_the_owner_runs", none_left),
        situation("files::no_home", || no_home("env -u HOME -u XDG_CACHE_HOME -u XDG_STATE_HOME")),
        situation("files::relative_folders", || no_home("env -u HOME XDG_CACHE_HOME=here XDG_STATE_HOME=here")),
        situation("files::the_state_folder_is_a_file", state_is_a_file),
        situation("files::a_cluster_is_a_file", cluster_is_a_file),
    ]
}

/// `gc` with every small number of files that it may open: too few to read what tells that the owner runs, in one place or
/// another.
fn none_left() -> Result<()> {
    let row = Row::bare("files")?;
    row.stand_in("podman", "exit 0")?;
    // Without an engine nothing needs more files than the look at the owner.
    let mut record = record(&row.name, &held()?, None, &[NONE])?;
    record["engine"] = serde_json::Value::Null;
    row.remember(&row.name, &record)?;
    let before = row.picture()?;
    let mut ended = Vec::new();
    for files in 4..=32 {
        for act in ["ps -o json", "gc --dry-run", "gc"] {
            let told = row.shell(&[], &format!("ulimit -n {files} && exec \"$kh\" {act}"))?;
            let wrong = ["was removed", "would be removed", "\"removable\": true"];
            ensure!(!wrong.iter().any(|words| told.stdout.contains(words)), "{act} with {files} files: {told:?}");
            ended.push(told.code);
        }
    }
    row.judge(&before, &[])?;
    ensure!(ended.last() == Some(&Some(0)), "with 32 files it should work: {ended:?}");
    ensure!(ended.first() != Some(&Some(0)), "4 files should be too few: {ended:?}");
    Ok(())
}

/// Without a home nothing is written anywhere, the working folder included.
fn no_home(environment: &str) -> Result<()> {
    let row = Row::bare("homeless")?;
    let before = row.picture()?;
    for act in ["ps", "gc", "down", "status"] {
        let ended = row.shell(&[], &format!("exec {environment} \"$kh\" {act}"))?;
        ensure!(ended.code == Some(3), "{act}: {ended:?}");
    }
    row.judge(&before, &[])
}

fn state_is_a_file() -> Result<()> {
    let row = Row::bare("nofolder")?;
    row.write("state-file", "precious")?;
    let before = row.picture()?;
    for act in ["ps", "gc", "down"] {
        let ended =
            row.shell(&[], &format!("XDG_STATE_HOME={} exec \"$kh\" {act}", row.path("state-file").display()))?;
        ensure!(ended.code.is_some_and(|code| code != 101), "{act}: {ended:?}");
    }
    row.judge(&before, &[])
}

/// Files where clusters have their folders: the user's, and none of ours.
fn cluster_is_a_file() -> Result<()> {
    let row = Row::bare("flat")?;
    row.stand_in("podman", "exit 0")?;
    row.write(&format!("state/kind-harness/{}", row.name), "precious")?;
    let other = format!("{}-other", row.name);
    row.remember(&other, &record(&other, &dead()?, None, &[NONE])?)?;
    let before = row.picture()?;
    for act in [vec!["gc"], vec!["down", "--name", &row.name], vec!["status", "--name", &row.name]] {
        let ended = row.run(&act)?;
        ensure!(ended.code.is_some_and(|code| code != 101), "{act:?}: {ended:?}");
    }
    row.judge(&before, &[Fate::file_gone(&row.state(&other))])
}
