//! Detached processes that act when the process that started them has ended, also by SIGKILL.
//!
//! A library has no program of its own to start, so such a process runs the current program again: an environment
//! variable has it do its task and exit before its `main` begins.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::host::exec::{Cmd, ExecError};
use crate::host::system::{self, Watched};

/// What is to be done when a process has ended.
pub(super) trait Task: Serialize + DeserializeOwned {
    /// The variable that holds the task.
    const VARIABLE: &str;
    /// The first argument of the process, which lists of processes show.
    const NAME: &str;

    /// Returns whom or what it is for: the second argument.
    fn subject(&self) -> String;

    /// Watches the process; `None` when it has ended.
    ///
    /// # Errors
    /// When it cannot be watched.
    fn watch(&self) -> io::Result<Option<Watched>>;

    /// Does the task; returns whether it succeeded.
    fn run(&self) -> bool;
}

/// Errors of starting a process that acts when this one has ended.
#[derive(Debug, Error)]
pub enum ReaperError {
    /// The run's process cannot be watched.
    #[error("cannot watch the run's process")]
    Watch(#[source] io::Error),
    /// The task cannot be serialized.
    #[error("cannot tell the reaper its task")]
    Task(#[source] serde_json::Error),
    /// The process cannot be started.
    #[error("cannot start the reaper")]
    Start(#[source] ExecError),
}

/// Starts a process that does `task`.
pub(super) fn start<T: Task>(task: &T) -> Result<(), ReaperError> {
    task.watch().map_err(ReaperError::Watch)?;
    let text = serde_json::to_string(task).map_err(ReaperError::Task)?;
    // This path finds the program even if it was rebuilt meanwhile.
    let program = Cmd::new(system::THIS_PROGRAM, [T::NAME, &task.subject()]).env(T::VARIABLE, text).dir("/");
    program.detach().map_err(ReaperError::Start)
}

/// Does the task of this process when the watched one has ended, and exits, if it has one of this kind.
pub(super) fn run_if_told<T: Task>() {
    let Ok(text) = std::env::var(T::VARIABLE) else { return };
    let done = serde_json::from_str::<T>(&text).is_ok_and(|task| {
        // A closing terminal sends SIGHUP to its whole session.
        let _ = rustix::process::setsid();
        // One that cannot be watched any more has ended.
        if let Ok(Some(process)) = task.watch() {
            process.wait(None);
        }
        task.run()
    });
    std::process::exit(i32::from(!done));
}
