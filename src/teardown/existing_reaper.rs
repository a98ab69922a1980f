//! The detached process that takes an environment out of a cluster that is not ours when its owner is gone, SIGKILL
//! included. As [`Reaper`](super::Reaper), it is this same program once more, told by a variable.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ReaperError;
use super::existing::collect;
use crate::cluster::{Claim, ClusterError, Lease, Records};
use crate::config::ProviderKind;
use crate::exec::{self, Cmd};
use crate::folders::Folders;
use crate::plan::ClusterName;

const TASK: &str = "KIND_HARNESS_EXISTING_REAPER";

/// What it has to know. It waits for the owner's end, and is woken by it: nothing is polled.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ExistingReaper {
    /// Where the environment's record, kubeconfig and inventory are.
    pub(crate) folders: Folders,
    /// The environment.
    pub(crate) name: ClusterName,
    /// The lease under which the environment is its to remove.
    pub(crate) lease: Lease,
}

impl ExistingReaper {
    /// Starts it. It ends by itself: with the owner, once the environment is taken out or turns out to be kept.
    pub(crate) fn start(&self) -> Result<(), ReaperError> {
        self.lease.watch().map_err(ReaperError::Watch)?;
        let task = serde_json::to_string(self).map_err(ReaperError::Task)?;
        // By this path the program is found even when it was built anew meanwhile.
        let program = Cmd::new("/proc/self/exe", ["reaper-of", self.name.as_str()]).env(TASK, task).dir("/");
        program.detach().map_err(ReaperError::Start)
    }

    fn watch(&self) -> Result<(), ClusterError> {
        // A terminal that closes takes its whole session along.
        let _ = rustix::process::setsid();
        if let Ok(Some(owner)) = self.lease.watch() {
            exec::wait(&owner, None);
        }
        let failed = |source| ClusterError::File { what: "starting the reaper".into(), source };
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?.block_on(self.reap())
    }

    async fn reap(&self) -> Result<(), ClusterError> {
        loop {
            // Whoever works on the environment now may take it over.
            let Some(records) = Records::wait(&self.folders, &self.name).await? else { return Ok(()) };
            let Some(record) = records.read()?.filter(|it| it.provider == ProviderKind::Existing) else {
                return Ok(());
            };
            let lease = record.lease.as_ref().filter(|lease| lease.run == self.lease.run);
            match lease.map(|lease| lease.claim(Timestamp::now())) {
                Some(Claim::Expired(why)) => {
                    let Some(unused) = records.wait_for_users(why) else { return collect(&records, record).await };
                    drop(records);
                    unused.await?;
                }
                Some(Claim::Kept(Some(until))) => {
                    drop(records);
                    let left = Duration::try_from(Timestamp::now().duration_until(until)).unwrap_or_default();
                    // Not for longer at once, since a clock may be set.
                    let _ =
                        tokio::time::timeout(left.min(Duration::from_secs(3600)), std::future::pending::<()>()).await;
                }
                _ => return Ok(()),
            }
        }
    }
}

/// Runs before `main`, as that of [`Reaper`](super::Reaper).
#[dtor::dtor(unsafe, method = linker, link_section = ".init_array")]
fn before_main() {
    let Some(task) = std::env::var(TASK).ok() else { return };
    let reaped = serde_json::from_str::<ExistingReaper>(&task).is_ok_and(|reaper| reaper.watch().is_ok());
    std::process::exit(i32::from(!reaped));
}
