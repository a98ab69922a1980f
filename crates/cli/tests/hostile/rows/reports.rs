//! Where the report of `up` goes: what is no regular file is written to, and never replaced.

use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{FileType, Mode, makedev, mknodat};

use crate::judge::Fate;
use crate::row::{Ended, Row, need_root};
use crate::{NotHere, Situation, situation};

pub(super) fn table() -> Vec<Situation> {
    vec![
        situation("report::to_a_device", || device("--report")),
        situation("report::to_a_device_by_variable", || device("variable")),
        situation("report::recording_to_a_device", || device("--record")),
        situation("report::to_a_pipe", pipe),
        situation("report::to_a_symbolic_link", link),
        situation("report::to_a_symbolic_link_to_a_device", link_to_device),
        situation("report::to_a_folder", folder),
        situation("report::to_a_file_of_the_users", file),
        situation("report::into_a_folder_that_is_not_there", not_there),
        situation("report::to_standard_output", standard_output),
    ]
}

/// `up` on a context that does not exist: it fails at once, and writes its report all the same.
fn fails(row: &Row) -> Result<()> {
    let suite = std::fs::read_to_string(row.path("suite/e2e.yaml"))?;
    row.write("suite/e2e.yaml", &format!("{suite}cluster: {{provider: existing, context: nowhere}}\n"))
}

fn up(row: &Row, place: &Path) -> Result<Ended> {
    let mut command = row.command(&["up", "--name", &row.name, "--report"])?;
    command.arg(place);
    row.finish(command)
}

/// What `up` keeps in the state folder.
fn state(row: &Row) -> [Fate; 2] {
    [Fate::file_ours(&row.state(&row.name)), Fate::file_ours(&row.state("bundles"))]
}

fn make_device(row: &Row) -> Result<std::path::PathBuf> {
    need_root()?;
    let null = row.path("null");
    let made = mknodat(rustix::fs::CWD, &null, FileType::CharacterDevice, Mode::from_raw_mode(0o666), makedev(1, 3));
    if made.is_err() || std::fs::write(&null, "x").is_err() {
        bail!(NotHere("no device can be made, or none opened, in the folder for temporary files".into()));
    }
    Ok(null)
}

fn device(how: &str) -> Result<()> {
    let row = Row::bare("device")?;
    fails(&row)?;
    let null = make_device(&row)?;
    let mut command = match how {
        "variable" => row.command(&["up", "--name", &row.name])?,
        flag => row.command(&["up", "--name", &row.name, flag])?,
    };
    match how {
        "variable" => command.env("KIND_HARNESS_REPORT", &null),
        _ => command.arg(&null),
    };
    let before = row.picture()?;
    let ended = row.finish(command)?;
    ensure!(ended.code == Some(5), "{ended:?}");
    row.judge(&before, &state(&row))?;
    ensure!(std::fs::metadata(&null)?.file_type().is_char_device(), "the device is none any more");
    Ok(())
}

fn pipe() -> Result<()> {
    let row = Row::bare("pipe")?;
    fails(&row)?;
    let pipe = row.path("pipe");
    mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0)?;
    let before = row.picture()?;
    // A reader and writer of its own, so that no end waits for the other.
    let mut reader = Command::new("sh");
    reader.args(["-c", "exec 3<>\"$1\"; timeout 20 head -c 1 <&3", "sh"]).arg(&pipe);
    let reader = reader.stdout(std::process::Stdio::piped()).spawn()?;
    up(&row, &pipe)?;
    let read = reader.wait_with_output()?;
    row.judge(&before, &state(&row))?;
    ensure!(read.stdout == b"{", "the report did not come through the pipe");
    Ok(())
}

fn link() -> Result<()> {
    let row = Row::bare("link")?;
    fails(&row)?;
    row.write("reports/report.json", "old")?;
    let place = row.path("report.json");
    symlink(row.path("reports/report.json"), &place)?;
    let before = row.picture()?;
    up(&row, &place)?;
    let [cluster, bundles] = state(&row);
    row.judge(&before, &[cluster, bundles, Fate::file_ours(&row.path("reports/report.json"))])?;
    is_report(&row.path("reports/report.json"))
}

fn link_to_device() -> Result<()> {
    let row = Row::bare("linked")?;
    fails(&row)?;
    let place = row.path("report.json");
    symlink(make_device(&row)?, &place)?;
    let before = row.picture()?;
    up(&row, &place)?;
    row.judge(&before, &state(&row))
}

fn folder() -> Result<()> {
    let row = Row::bare("folder")?;
    fails(&row)?;
    let before = row.picture()?;
    let ended = up(&row, &row.path("victim"))?;
    ensure!(ended.code.is_some_and(|code| code != 0 && code != 101), "{ended:?}");
    ensure!(ended.stderr.contains("victim"), "it is not told which folder: {ended:?}");
    row.judge(&before, &state(&row))
}

fn file() -> Result<()> {
    let row = Row::bare("file")?;
    fails(&row)?;
    let before = row.picture()?;
    up(&row, &row.path("victim/file"))?;
    let [cluster, bundles] = state(&row);
    row.judge(&before, &[cluster, bundles, Fate::file_ours(&row.path("victim/file"))])?;
    is_report(&row.path("victim/file"))
}

fn not_there() -> Result<()> {
    let row = Row::bare("deep")?;
    fails(&row)?;
    let before = row.picture()?;
    up(&row, &row.path("reports/of/today.json"))?;
    let [cluster, bundles] = state(&row);
    row.judge(&before, &[cluster, bundles, Fate::file_ours(&row.path("reports"))])?;
    is_report(&row.path("reports/of/today.json"))
}

/// `/dev/stdout` is a link to a pipe here.
fn standard_output() -> Result<()> {
    let row = Row::bare("stdout")?;
    fails(&row)?;
    let place = row.path("stdout");
    symlink("/proc/self/fd/1", &place)?;
    let before = row.picture()?;
    let ended = up(&row, &place)?;
    row.judge(&before, &state(&row))?;
    let _: serde_json::Value = serde_json::from_str(&ended.stdout).with_context(|| format!("{ended:?}"))?;
    Ok(())
}

fn is_report(path: &Path) -> Result<()> {
    let text = std::fs::read_to_string(path)?;
    let report: serde_json::Value = serde_json::from_str(&text).with_context(|| text.clone())?;
    ensure!(report.is_object(), "{text}");
    Ok(())
}
