//! `isolation: file`: each file of tests finds the cluster as it came up, whatever the tests of another file did to it.

use std::sync::Arc;

use super::{Session, Start, UpError};
use crate::cluster::{ClusterError, Records};
use crate::host::folders;
use crate::report::Phase;
use crate::run::Running;
use crate::suite::config::Isolation;

/// The file in the cluster's folder that names the file of tests that uses the cluster.
const USED_BY: &str = "test-file";

impl Session {
    /// Returns `running` if its cluster is new or tests of this process's file used it last. Otherwise waits until no other
    /// process uses it, and resets it.
    pub(super) async fn isolated(
        &mut self,
        mut running: Running,
        mut records: Arc<Records>,
    ) -> Result<Running, UpError> {
        let (Isolation::File, Some(file)) = (self.plan.suite().cluster.isolation, self.terms.test_file.clone()) else {
            return Ok(running);
        };
        let file = file.display().to_string();
        loop {
            let path = records.folder().join(USED_BY);
            let used_by = fs_err::read_to_string(&path).unwrap_or_default();
            if !running.unchanged || used_by == file {
                publish(&path, &file)?;
                return Ok(running.using(&records).await);
            }
            running.used = None;
            // Nobody begins to use it while its folder is locked.
            let Some(in_use) = records.in_use() else {
                if records.read()?.is_none() {
                    return self.bring_up(Start::AsFound, records).await;
                }
                publish(&path, &file)?;
                let text = format!("the cluster is reset, since tests of another file have used it: {used_by}");
                self.events.note(Phase::Cluster, text);
                return self.bring_up(Start::Reset, records).await;
            };
            drop(records);
            let step = self.events.step(Phase::Cluster, running.cluster.record.name.as_str());
            step.progress("waiting for the tests of another file");
            in_use.await?;
            step.done();
            records = self.own_records().await?;
        }
    }
}

fn publish(path: &std::path::Path, file: &str) -> Result<(), ClusterError> {
    let failed = |source| ClusterError::File { what: "noting which tests use the cluster".into(), source };
    folders::publish(path, file).map_err(failed)
}
