//! Programs that outlived the run that started them, found by an environment variable that they inherit.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::successors;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::process::Signal;

use crate::host::engine_kind::EngineKind;
use crate::host::system::{self, Process, Watched};

/// The variable that marks every program that a run started, and all descendants.
pub(crate) const RUN: &str = "KIND_HARNESS_RUN";

/// Returns the id of this process's run.
pub(crate) fn run_id() -> &'static str {
    static NAME: LazyLock<String> =
        LazyLock::new(|| format!("{}-{}", Timestamp::now().strftime("%Y%m%dT%H%M%S%3f"), std::process::id()));
    &NAME
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

fn send(programs: &[Watched], signal: Signal) {
    programs.iter().for_each(|program| program.signal(signal));
}

/// Waits until no engine command creates or removes anything for this process any more, such as one started by a
/// program that was killed.
pub(crate) fn settle() {
    wait_for_all(&programs(run_id(), system::session()).0, ENGINE_GRACE);
}

fn wait_for_all(programs: &[Watched], patience: Duration) {
    let deadline = Instant::now() + patience;
    for program in programs {
        program.wait(deadline.saturating_duration_since(Instant::now()));
    }
}

/// Returns whether it is an engine command (or the script that starts one) that finishes quickly.
fn is_brief_engine_call(words: &[String]) -> bool {
    let is_engine = |word: &String| {
        let name = Path::new(word).file_name().unwrap_or_default();
        EngineKind::ALL.iter().any(|engine| name == engine.name())
    };
    let engine = words.iter().take(3).position(is_engine);
    let verb = engine.and_then(|at| words.get(at + 1));
    verb.is_some_and(|verb| !LASTING.contains(&verb.as_str()))
}

/// Returns the programs of `run` in `session`: engine commands that finish quickly, with their children, and all
/// others.
fn programs(run: &str, session: i32) -> (Vec<Watched>, Vec<Watched>) {
    let found = system::with_variable(RUN, run, session).into_iter().map(|program| (program.pid, program));
    let found: BTreeMap<i32, Process> = found.collect();
    // Ids are read one after the other, so that one that is reused could lead round in a circle.
    let lineage = |pid| successors(found.get(&pid), |program| found.get(&program.parent)).take(found.len());
    let is_brief = |program: &Process| is_brief_engine_call(&program.command);
    let spared: BTreeSet<i32> = found.keys().copied().filter(|pid| lineage(*pid).any(is_brief)).collect();
    let (engines, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|(pid, _)| spared.contains(pid));
    let watched = |programs: Vec<(i32, Process)>| programs.into_iter().map(|(_, program)| program.watched).collect();
    (watched(engines), watched(others))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use procfs::process::all_processes;
    use rustix::process::Pid;

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
        tokio::task::spawn_blocking(move || end_programs("one-run", system::session())).await.unwrap();
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
        tokio::task::spawn_blocking(move || end_programs("a-run-that-was-killed", system::session())).await.unwrap();
        assert!(making.await.unwrap().is_ok() && folder.path().join("podman.run").exists());
        assert!(saving.await.unwrap().is_err());
    }
}
