//! The end of a process: awaited, and brought about.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use super::{Seen, find};

/// Interval of polling a process that has no pidfd: short beside the seconds that removing a cluster takes.
const POLL: Duration = Duration::from_millis(50);

/// A process whose end can be awaited, and that is never mistaken for a later one with the same id.
#[derive(Debug)]
pub struct Watched(Kind);

#[derive(Debug)]
enum Kind {
    Fd(OwnedFd),
    Polled { pid: Pid, started: u64 },
}

impl Watched {
    /// Watches the process that has this id now; `None` if there is none.
    ///
    /// # Errors
    /// When the process cannot be watched: this process is out of file descriptors, or `/proc` hides the other one.
    pub(crate) fn open(pid: i32) -> io::Result<Option<Watched>> {
        let Some(number) = (pid > 0).then(|| Pid::from_raw(pid)).flatten() else { return Ok(None) };
        match pidfd_open(number, PidfdFlags::empty()) {
            Ok(fd) => Ok(Some(Watched(Kind::Fd(fd)))),
            Err(Errno::SRCH) => Ok(None),
            // A kernel before 5.3, or a sandbox that forbids the call.
            Err(Errno::NOSYS | Errno::PERM) => Watched::polled(number),
            Err(error) => Err(error.into()),
        }
    }

    /// Watches the process by polling.
    fn polled(pid: Pid) -> io::Result<Option<Watched>> {
        match find(pid.as_raw_nonzero().get()) {
            Seen::Running(started) => Ok(Some(Watched(Kind::Polled { pid, started }))),
            Seen::Gone => Ok(None),
            Seen::Unknown => Err(io::Error::other(format!("/proc does not show process {}", pid.as_raw_nonzero()))),
        }
    }

    /// Waits until the process has exited, at most for `patience`; without one for as long as it takes. Returns whether it
    /// has.
    pub(crate) fn wait(&self, patience: impl Into<Option<Duration>>) -> bool {
        let patience = patience.into();
        match &self.0 {
            Kind::Fd(fd) => wait_for_fd(fd, patience),
            Kind::Polled { .. } => {
                let deadline = patience.map(|patience| Instant::now() + patience);
                while self.is_running() {
                    if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                        return false;
                    }
                    #[expect(
                        clippy::disallowed_methods,
                        reason = "nothing reports the end of a process without a pidfd"
                    )]
                    std::thread::sleep(POLL);
                }
                true
            }
        }
    }

    /// Sends a signal. A process that has exited by itself is no error.
    pub(crate) fn signal(&self, signal: Signal) {
        match &self.0 {
            Kind::Fd(fd) => drop(pidfd_send_signal(fd, signal)),
            Kind::Polled { pid, .. } if self.is_running() => drop(kill_process(*pid, signal)),
            Kind::Polled { .. } => {}
        }
    }

    fn is_running(&self) -> bool {
        match &self.0 {
            Kind::Fd(fd) => !wait_for_fd(fd, Some(Duration::ZERO)),
            Kind::Polled { pid, started } => match find(pid.as_raw_nonzero().get()) {
                Seen::Running(now) => now == *started,
                Seen::Gone => false,
                Seen::Unknown => true,
            },
        }
    }
}

fn wait_for_fd(fd: &OwnedFd, patience: Option<Duration>) -> bool {
    let patience = patience.and_then(|patience| Timespec::try_from(patience).ok());
    loop {
        match poll(&mut [PollFd::new(fd, PollFlags::IN)], patience.as_ref()) {
            Err(Errno::INTR) => {}
            ended => return ended.is_ok_and(|count| count > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    type Open = fn(i32) -> io::Result<Option<Watched>>;

    fn polled(pid: i32) -> io::Result<Option<Watched>> {
        Watched::polled(Pid::from_raw(pid).unwrap())
    }

    #[rstest]
    #[case::by_pidfd(Watched::open)]
    #[case::by_polling(polled)]
    fn the_end_of_a_process_is_awaited_and_brought_about(#[case] open: Open) {
        let program = duct::cmd!("sleep", "60").unchecked().start().unwrap();
        let pid = program.pids()[0].cast_signed();
        let watched = open(pid).unwrap().unwrap();
        assert!(!watched.wait(Duration::from_millis(60)), "it runs");
        watched.signal(Signal::TERM);
        assert!(watched.wait(None));
        program.wait().unwrap();
        // Its id is free, or that of another process by now.
        watched.signal(Signal::KILL);
        assert!(!watched.is_running());
        assert!(open(i32::MAX).unwrap().is_none());
    }

    #[test]
    fn a_later_process_with_the_same_id_is_another_one() {
        let me = Pid::from_raw(std::process::id().cast_signed()).unwrap();
        let watched = Watched(Kind::Polled { pid: me, started: 1 });
        assert!(watched.wait(None));
        watched.signal(Signal::KILL);
    }
}
