//! Programs that outlived the run that started them: found again by the variable that all of them carry.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use procfs::process::{Process, all_processes};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// The variable by which every program that a run started, and all that those start, can be found again.
pub(crate) const RUN: &str = "KIND_HARNESS_RUN";

/// Names this process's run.
pub(crate) fn run_id() -> &'static str {
    static NAME: LazyLock<String> =
        LazyLock::new(|| format!("{}-{}", Timestamp::now().strftime("%Y%m%dT%H%M%S%3f"), std::process::id()));
    &NAME
}

/// How long they may take to clean up after themselves.
const GRACE: Duration = Duration::from_secs(3);

/// Ends what run `run` started in `session`: politely, and by force what has not ended [`GRACE`] later. What made itself a
/// session of its own (a container's monitor, a name server) was meant to stay, and goes with its container.
pub(crate) fn end_programs(run: &str, session: i32) {
    for signal in [Signal::TERM, Signal::KILL] {
        let programs = programs(run, session);
        if programs.is_empty() {
            return;
        }
        for program in &programs {
            // It may have ended by itself: that is what we want.
            let _ = pidfd_send_signal(program, signal);
        }
        let deadline = Instant::now() + GRACE;
        for program in &programs {
            wait(program, deadline.saturating_duration_since(Instant::now()));
        }
    }
}

/// Waits until `process` has ended, at most for `patience`; for as long as it takes without one. Returns whether it has.
pub(crate) fn wait(process: &OwnedFd, patience: impl Into<Option<Duration>>) -> bool {
    let patience = patience.into().and_then(|patience| Timespec::try_from(patience).ok());
    loop {
        match poll(&mut [PollFd::new(process, PollFlags::IN)], patience.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            ended => return ended.is_ok_and(|count| count > 0),
        }
    }
}

fn programs(run: &str, session: i32) -> Vec<OwnedFd> {
    let is_ours = |process: &Process| {
        process.stat().is_ok_and(|stat| stat.session == session && stat.state != 'Z')
            && process.environ().is_ok_and(|variables| variables.get(OsStr::new(RUN)).is_some_and(|it| it == run))
    };
    let Ok(processes) = all_processes() else { return Vec::new() };
    let open = |process: Process| {
        let watched = pidfd_open(Pid::from_raw(process.pid)?, PidfdFlags::empty()).ok()?;
        // Looked at after it was opened: from here on the number cannot be another's.
        is_ours(&process).then_some(watched)
    };
    processes.flatten().filter_map(open).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::Cmd;

    #[tokio::test]
    async fn what_a_run_started_is_ended_and_nothing_else() {
        let session = rustix::process::getsid(None).unwrap().as_raw_nonzero().get();
        let (started, mut is_started) = tokio::sync::mpsc::unbounded_channel();
        let start = |name: &'static str, run: &str| {
            let started = started.clone();
            let command = Cmd::new("sh", ["-c", "echo up; sleep 60"]).env("NAME", name).env(RUN, run);
            tokio::spawn(async move {
                command
                    .stream(move |_| {
                        let _ = started.send(());
                    })
                    .await
            })
        };
        let (ours, others) = (start("ours", "one-run"), start("others", "another-run"));
        is_started.recv().await;
        is_started.recv().await;
        tokio::task::spawn_blocking(move || end_programs("one-run", session)).await.unwrap();
        assert!(ours.await.unwrap().is_err());
        assert!(!others.is_finished(), "another run's program was ended");
        assert_eq!(programs(run_id(), session + 1).len(), 0, "another session");
        others.abort();
    }
}
