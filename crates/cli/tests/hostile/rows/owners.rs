//! Owners that run, and cannot be seen; owners that are gone, though the host has changed since.

use anyhow::{Result, bail, ensure};
use serde_json::Value;

use super::ours::{dead, held, kept, record};
use crate::judge::Fate;
use crate::row::{Row, need, need_root};
use crate::{NotHere, Situation, situation};

/// An id that no container has.
const NONE: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

pub(super) fn table() -> Vec<Situation> {
    vec![
        // Hosts change their names, by DHCP for one.
        situation("owner::gone_and_the_host_has_another_name", || changed_name(&dead()?, true)),
        situation("owner::runs_and_the_host_has_another_name", || changed_name(&held()?, false)),
        situation("owner::in_another_pid_namespace", || behind("-pf --mount-proc", "exec \"$kh\" gc", &dead()?, false)),
        situation("owner::proc_is_not_mounted", || behind("-m", "umount -l /proc; exec \"$kh\" gc", &held()?, false)),
        situation("owner::proc_is_empty", || {
            behind("-m", "mount -t tmpfs none /proc; exec \"$kh\" gc", &dead()?, false)
        }),
        situation("owner::runs_as_another_user_and_proc_hides_it", || hidden(&held()?)),
        situation("owner::may_be_gone_but_proc_hides_all", || hidden(&dead()?)),
        situation("clock::an_hour_before_the_end", || clock("2026-01-01 23:00:00", false)),
        situation("clock::set_back_to_before_the_lease", || clock("2025-06-01 00:00:00", false)),
        situation("clock::past_the_end", || clock("2026-01-02 01:00:00", true)),
    ]
}

/// A row with an engine that has nothing, and one record.
fn row(lease: &Value) -> Result<Row> {
    let row = Row::bare("owner")?;
    row.stand_in("podman", "exit 0")?;
    row.remember(&row.name, &record(&row.name, lease, None, &[NONE])?)?;
    Ok(row)
}

fn fates(row: &Row, goes: bool) -> Vec<Fate> {
    if goes { vec![Fate::file_gone(&row.state(&row.name))] } else { Vec::new() }
}

/// Runs `line` behind `unshare`, which this host may forbid.
fn behind(namespaces: &str, line: &str, lease: &Value, goes: bool) -> Result<()> {
    need_root()?;
    need("unshare")?;
    let row = row(lease)?;
    let wrapper: Vec<&str> = std::iter::once("unshare").chain(namespaces.split(' ')).collect();
    let tried = row.shell(&wrapper, &line.replace("exec \"$kh\" gc", "true"))?;
    if tried.code != Some(0) {
        bail!(NotHere(format!("{} {}: {}", wrapper.join(" "), line, tried.stderr.trim())));
    }
    let before = row.picture()?;
    let gc = row.shell(&wrapper, line)?;
    ensure!(gc.code.is_some_and(|code| code != 101), "{gc:?}");
    ensure!(gc.stdout.contains("was removed") == goes, "{gc:?}");
    row.judge(&before, &fates(&row, goes))
}

fn changed_name(lease: &Value, goes: bool) -> Result<()> {
    need("hostname")?;
    behind("-u", "hostname renamed.invalid && exec \"$kh\" gc", lease, goes)
}

/// Another user than root runs `gc`, where /proc shows each user only what is theirs. The lease's owner is root's.
fn hidden(lease: &Value) -> Result<()> {
    need_root()?;
    need("setpriv")?;
    let row = row(lease)?;
    let mine = row.shell(&[], "chown -R 65534:65534 .. && chmod 755 ..")?;
    ensure!(mine.code == Some(0), "{mine:?}");
    let as_nobody = "mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid 65534 --regid 65534 --clear-groups";
    let tried =
        row.shell(&["unshare", "-m"], &format!("{as_nobody} sh -c '[ ! -e /proc/1/stat ] && \"$kh\" --version'"))?;
    if tried.code != Some(0) {
        bail!(NotHere(format!("/proc cannot be mounted with hidepid=2 here, or the program not be run: {tried:?}")));
    }
    let before = row.picture()?;
    for act in ["ps -o json", "gc"] {
        let ended = row.shell(&["unshare", "-m"], &format!("{as_nobody} \"$kh\" {act}"))?;
        ensure!(ended.code == Some(0), "{ended:?}");
        if act != "gc" {
            let clusters = ended.json()?["clusters"].clone();
            ensure!(clusters[0]["removable"] == false, "{clusters}");
        }
    }
    row.judge(&before, &[])
}

/// A kept cluster whose time to live ends with 2026-01-02, when the clock says `now`.
fn clock(now: &str, goes: bool) -> Result<()> {
    need("faketime")?;
    let row = row(&kept(Some("2026-01-02T00:00:00Z"))?)?;
    let before = row.picture()?;
    let gc = row.shell(&[], &format!("TZ=UTC exec faketime '{now}' \"$kh\" gc"))?;
    ensure!(gc.code == Some(0), "{gc:?}");
    row.judge(&before, &fates(&row, goes))
}
