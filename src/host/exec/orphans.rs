//! Programs that outlived the run that started them, found by an environment variable that they inherit.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::iter::successors;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use procfs::process::{Process, all_processes};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::host::engine_kind::EngineKind;

/// The variable that marks every program that a run started, and all descendants.
pub(crate) const RUN: &str = "KIND_HARNESS_RUN";

/// Returns the id of this process's run.
pub(crate) fn run_id() -> &'static str {
    static NAME: LazyLock<String> =
        LazyLock::new(|| format!("{}-{}", Timestamp::now().strftime("%Y%m%dT%H%M%S%3f"), std::process::id()));
    &NAME
}

/// Returns the session id of this process: 0 when its session leader is outside this container, as for a command
/// executed in one. (The system call's result is no valid process id then.)
pub(crate) fn session() -> i32 {
    Process::myself().and_then(|this| this.stat()).map_or(0, |stat| stat.session)
}

/// How long they may take to clean up.
const GRACE: Duration = Duration::from_secs(3);

/// How long an engine may take to create or remove a container: 1 s as a rule, more on a busy host.
const ENGINE_GRACE: Duration = Duration::from_secs(10);

/// Engine commands that may be interrupted. All others finish quickly, and must not be killed: a half created or half
/// removed container leaves traces that are not found again.
const LASTING: [&str; 8] = ["attach", "build", "exec", "import", "load", "logs", "pull", "save"];

/// Ends what run `run` started in `session`: SIGTERM, then SIGKILL after [`GRACE`]. Engine commands, with their
/// children, may finish, for up to [`ENGINE_GRACE`]. Programs that started a session of their own (a container's
/// monitor, a name server) are kept, and exit with their container.
pub(crate) fn end_programs(run: &str, session: i32) {
    let began = Instant::now();
    for signal in [Signal::TERM, Signal::KILL] {
        let (_, others) = programs(run, session);
        send(&others, signal);
        wait_for_all(&others, GRACE);
    }
    wait_for_all(&programs(run, session).0, ENGINE_GRACE.saturating_sub(began.elapsed()));
    let (late, others) = programs(run, session);
    send(&late, Signal::KILL);
    send(&others, Signal::KILL);
}

fn send(programs: &[OwnedFd], signal: Signal) {
    for program in programs {
        // Fails if it has exited already, which is fine.
        let _ = pidfd_send_signal(program, signal);
    }
}

/// Waits until no engine command creates or removes anything for this process any more, such as one started by a
/// program that was killed.
pub(crate) fn settle() {
    wait_for_all(&programs(run_id(), session()).0, ENGINE_GRACE);
}

fn wait_for_all(programs: &[OwnedFd], patience: Duration) {
    let deadline = Instant::now() + patience;
    for program in programs {
        wait(program, deadline.saturating_duration_since(Instant::now()));
    }
}

/// Returns whether it is an engine command (or the script that starts one) that finishes quickly.
fn is_brief_engine_call(program: &Process) -> bool {
    let words = program.cmdline().unwrap_or_default();
    let is_engine = |word: &String| {
        let name = Path::new(word).file_name().unwrap_or_default();
        EngineKind::ALL.iter().any(|engine| name == engine.name())
    };
    let engine = words.iter().take(3).position(is_engine);
    let verb = engine.and_then(|at| words.get(at + 1));
    verb.is_some_and(|verb| !LASTING.contains(&verb.as_str()))
}

/// Waits until `process` has exited, for at most `patience`; without one, as long as it takes. Returns whether it has
/// exited.
pub(crate) fn wait(process: &OwnedFd, patience: impl Into<Option<Duration>>) -> bool {
    let patience = patience.into().and_then(|patience| Timespec::try_from(patience).ok());
    loop {
        match poll(&mut [PollFd::new(process, PollFlags::IN)], patience.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            ended => return ended.is_ok_and(|count| count > 0),
        }
    }
}

/// A program of a run.
struct Program {
    parent: i32,
    /// Whether it is an engine command that finishes quickly.
    is_brief: bool,
    watched: OwnedFd,
}

/// Returns the programs of `run` in `session`: engine commands that finish quickly, with their children, and all
/// others.
fn programs(run: &str, session: i32) -> (Vec<OwnedFd>, Vec<OwnedFd>) {
    let program = |process: Process| {
        let watched = pidfd_open(Pid::from_raw(process.pid)?, PidfdFlags::empty()).ok()?;
        // Checked after opening: from here on the pid cannot be reused.
        let stat = process.stat().ok().filter(|stat| stat.state != 'Z' && stat.session == session)?;
        let told = process.environ().ok()?.get(OsStr::new(RUN)).is_some_and(|it| it == run);
        let program = || Program { parent: stat.ppid, is_brief: is_brief_engine_call(&process), watched };
        told.then(|| (process.pid, program()))
    };
    let found: BTreeMap<i32, Program> = all_processes().into_iter().flatten().flatten().filter_map(program).collect();
    // They were read one after the other, so a reused pid could form a cycle: the walk is limited.
    let lineage = |pid| successors(found.get(&pid), |program| found.get(&program.parent)).take(found.len());
    let spared: BTreeSet<i32> = found.keys().copied().filter(|pid| lineage(*pid).any(|it| it.is_brief)).collect();
    let (mut engines, mut others) = (Vec::new(), Vec::new());
    for (pid, program) in found {
        if spared.contains(&pid) { engines.push(program.watched) } else { others.push(program.watched) }
    }
    (engines, others)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::exec::Cmd;

    #[tokio::test]
    async fn what_a_run_started_is_ended_and_nothing_else() {
        let (started, mut is_started) = tokio::sync::mpsc::unbounded_channel();
        let start = |script: &str, run: &str| {
            let started = started.clone();
            let command = Cmd::new("sh", ["-c", script]).env(RUN, run);
            tokio::spawn(async move {
                command
                    .stream(move |_| {
                        let _ = started.send(());
                    })
                    .await
            })
        };
        let script = "echo up; sleep 60";
        let (ours, others) = (start(script, "one-run"), start(script, "another-run"));
        let monitor = start("setsid --wait sh -c 'echo up; exec sleep 60 >&- 2>&-'", "one-run");
        for _ in 0..3 {
            is_started.recv().await;
        }
        tokio::task::spawn_blocking(move || end_programs("one-run", session())).await.unwrap();
        assert!(ours.await.unwrap().is_err());
        assert!(!others.is_finished(), "another run's program was ended");
        assert!(monitor.await.unwrap().is_err(), "what waited for it was of this session");
        let monitors: Vec<_> = all_processes()
            .unwrap()
            .flatten()
            .filter(|it| it.environ().is_ok_and(|it| it.get(OsStr::new(RUN)).is_some_and(|it| it == "one-run")))
            .collect();
        let [monitor] = &monitors[..] else { panic!("what was meant to stay was ended: {monitors:?}") };
        rustix::process::kill_process(Pid::from_raw(monitor.pid).unwrap(), Signal::KILL).unwrap();
        others.abort();
    }

    #[tokio::test]
    async fn a_container_that_is_being_made_is_made_first() {
        let folder = tempfile::tempdir().unwrap();
        let engine = folder.path().join("podman");
        // Longer than other programs get, and in a child process, as engines do.
        let script = "#!/bin/sh\necho up\n[ $1 = save ] && exec sleep 60\nsleep 3.3; touch \"$2\"\n";
        fs_err::write(&engine, script).unwrap();
        fs_err::set_permissions(&engine, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let (started, mut is_started) = tokio::sync::mpsc::unbounded_channel();
        let start = |verb: &str| {
            let started = started.clone();
            let command = Cmd::new(&engine, [verb.to_owned(), format!("{}.{verb}", engine.display())]);
            let command = command.env(RUN, "a-run-that-was-killed");
            let said_up = move |_: &str| {
                let _ = started.send(());
            };
            tokio::spawn(async move { command.stream(said_up).await })
        };
        let (making, saving) = (start("run"), start("save"));
        is_started.recv().await;
        is_started.recv().await;
        tokio::task::spawn_blocking(move || end_programs("a-run-that-was-killed", session())).await.unwrap();
        assert!(making.await.unwrap().is_ok() && folder.path().join("podman.run").exists());
        assert!(saving.await.unwrap().is_err());
    }
}
