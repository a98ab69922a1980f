//! Programs whose result is no longer awaited.

use std::sync::Arc;
use std::time::Duration;

use duct::ReaderHandle;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::settle;

/// How long a cancelled program may take to clean up before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// What happens to a program whose result is no longer awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnDrop {
    /// It is ended, with everything that it has started.
    End,
    /// It is ended; engine calls that it has started may finish.
    SpareChildren,
    /// It may finish, as engine calls may.
    Finish,
}

/// Ends a program, and everything that it started, when its result is no longer awaited: SIGTERM, then SIGKILL.
pub(super) struct EndOnDrop {
    handle: Option<Arc<ReaderHandle>>,
    on_drop: OnDrop,
}

impl EndOnDrop {
    pub(super) fn new(handle: Arc<ReaderHandle>, on_drop: OnDrop) -> EndOnDrop {
        EndOnDrop { handle: Some(handle), on_drop }
    }

    pub(super) fn disarm(mut self) {
        self.handle = None;
    }
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        let Some(handle) = self.handle.take() else { return };
        let on_drop = self.on_drop;
        let pids: Vec<Pid> =
            handle.pids().into_iter().filter_map(|pid| i32::try_from(pid).ok().and_then(Pid::from_raw)).collect();
        match on_drop {
            OnDrop::End => signal(&pids, Signal::TERM, kill_process_group),
            OnDrop::SpareChildren => signal(&pids, Signal::TERM, kill_process),
            OnDrop::Finish => {}
        }
        // The thread that reads its output observes the exit; this one only enforces it.
        std::thread::spawn(move || {
            if on_drop != OnDrop::End {
                settle();
                signal(&pids, Signal::TERM, kill_process_group);
            }
            std::thread::park_timeout(GRACE);
            signal(&pids, Signal::KILL, kill_process_group);
        });
    }
}

fn signal(pids: &[Pid], signal: Signal, send: fn(Pid, Signal) -> rustix::io::Result<()>) {
    for pid in pids {
        // Fails if it has exited already, which is fine.
        let _ = send(*pid, signal);
    }
}
