//! A daemon that is stopped when it is dropped.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// How long a daemon may take to answer.
const START: Duration = Duration::from_secs(60);

pub(crate) struct Daemon {
    name: String,
    process: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts the daemon of `command`, whose output goes to a file in `folder`, and waits until it `answers`.
    ///
    /// # Errors
    /// When it cannot be started, ends, or does not answer.
    pub(crate) fn start(mut command: Command, folder: &Path, answers: impl Fn() -> bool) -> Result<Daemon> {
        let name = command.get_program().to_string_lossy().into_owned();
        let log = folder.join(&name).with_extension("log");
        let file = File::create(&log)?;
        let process = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn();
        let mut daemon = Daemon { process: process.with_context(|| name.clone())?, name, log };
        let began = Instant::now();
        while !answers() {
            let log = || std::fs::read_to_string(&daemon.log).unwrap_or_default();
            if let Some(status) = daemon.process.try_wait()? {
                bail!("{} ended ({status}):\n{}", daemon.name, log());
            }
            ensure!(began.elapsed() < START, "{} does not answer after {START:?}:\n{}", daemon.name, log());
            std::thread::park_timeout(Duration::from_millis(100));
        }
        Ok(daemon)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(self.process.id().cast_signed()) {
            // It may have ended already.
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.process.wait();
    }
}
