//! The digest of an environment.

use std::io;

use sha2::{Digest, Sha256};

use super::{Origin, Plan};
use crate::suite::config::{AlertSpec, ClusterSpec, GradeSpec, HostPort, ReadySpec, RetrySpec, Strategy, Suite};
use crate::suite::hash::hex;

impl Plan {
    /// Returns the SHA-256, in hexadecimal, of the suite, its manifests and kind's configuration: the same as long as
    /// `up` would create the same environment. Images count by name only; a plan does not know their contents.
    ///
    /// What sources are rendered to counts as far as they are rendered.
    ///
    /// Settings of the run do not count: neither the strategy nor the deadline, nor those of readiness, retries, grades
    /// and alerts.
    ///
    /// # Errors
    /// A manifest or kind's configuration cannot be read.
    pub fn digest(&self) -> io::Result<String> {
        let mut hash = self.hash(self.suite().clone())?;
        add(&mut hash, self.cluster_name().as_bytes());
        // What programs, the network and the environment contribute.
        for file in self.rendered.values() {
            add(&mut hash, &fs_err::read(file)?);
        }
        Ok(hex(&hash.finalize()))
    }

    /// Returns the same as [`Plan::digest`], but without the cluster's name, the host's ports and the id of the run: the same for every
    /// checkout and every test run of a suite.
    ///
    /// # Errors
    /// A manifest or kind's configuration cannot be read.
    pub fn source(&self) -> io::Result<String> {
        let mut suite = self.written.as_deref().unwrap_or(self.suite()).clone();
        let ports = suite.components.iter_mut().flat_map(|component| &mut component.ports);
        ports.for_each(|port| port.host = HostPort::Auto);
        Ok(hex(&self.hash(suite)?.finalize()))
    }

    /// Hashes what `suite`, the plan's own but for settings of the run, creates.
    fn hash(&self, suite: Suite) -> io::Result<Sha256> {
        let suite = Suite {
            cluster: ClusterSpec { name: None, ..suite.cluster },
            strategy: Strategy::default(),
            deadline: std::time::Duration::ZERO,
            ready: ReadySpec::default(),
            retry: RetrySpec::default(),
            grade: GradeSpec::default(),
            alert: AlertSpec::default(),
            ..suite
        };
        let mut hash = Sha256::new();
        add(&mut hash, &serde_json::to_vec(&suite)?);
        if let Some(config) = &suite.cluster.config {
            add(&mut hash, &fs_err::read(self.resolve(config))?);
        }
        let mut inputs = Vec::new();
        for (_, origin) in self.sources()? {
            inputs.extend(origin.inputs(self.root())?);
        }
        for path in self.job_paths() {
            inputs.extend(Origin::Plain(path).inputs(self.root())?);
        }
        for file in inputs {
            add(&mut hash, file.strip_prefix(self.root()).unwrap_or(&file).as_os_str().as_encoded_bytes());
            add(&mut hash, &fs_err::read(&file)?);
        }
        Ok(hash)
    }
}

/// Adds `part` with its length, so that the boundaries of parts count.
fn add(hash: &mut Sha256, part: &[u8]) {
    hash.update(part.len().to_le_bytes());
    hash.update(part);
}
