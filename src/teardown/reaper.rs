//! The detached process that removes a cluster when its owner is gone, SIGKILL included.

use std::io::{PipeWriter, Write};
use std::path::Path;

use crate::cluster::reaper_script;
use crate::exec::{Cmd, ExecError};
use crate::setup::Engine;

/// Removes a cluster once this value, or the process that holds it, is gone. It waits on a pipe: nothing is polled.
#[derive(Debug)]
pub struct Reaper {
    pipe: PipeWriter,
}

impl Reaper {
    /// Watches over cluster `name`, whose files are in `folder`.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn start(engine: &Engine, name: &str, folder: &Path) -> Result<Reaper, ExecError> {
        let argv = reaper_script(folder, engine.kind, name);
        let pipe = engine.environment(Cmd::new("sh", argv)).detach()?;
        Ok(Reaper { pipe })
    }

    /// Sends it away: the cluster stays, or is gone already.
    pub fn release(mut self) {
        // If it is gone there is nothing to send away.
        let _ = self.pipe.write_all(b"keep\n");
    }
}
