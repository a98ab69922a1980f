//! The digest of an environment.

use std::io;

use sha2::{Digest, Sha256};

use super::Plan;
use crate::suite::config::{AlertSpec, GradeSpec, ReadySpec, RetrySpec, Strategy, Suite};
use crate::suite::hash::hex;
use crate::suite::manifests;

impl Plan {
    /// Returns the SHA-256, in hexadecimal, of the suite, its manifests and kind's configuration: the same as long as
    /// `up` would create the same environment. Images count by name only; a plan does not know their contents.
    ///
    /// Settings of the run do not count: neither the strategy nor the deadline, nor those of readiness, retries, grades and alerts.
    ///
    /// # Errors
    /// A manifest or kind's configuration cannot be read.
    pub fn digest(&self) -> io::Result<String> {
        let suite = Suite {
            strategy: Strategy::default(),
            deadline: std::time::Duration::ZERO,
            ready: ReadySpec::default(),
            retry: RetrySpec::default(),
            grade: GradeSpec::default(),
            alert: AlertSpec::default(),
            ..self.suite().clone()
        };
        let mut hash = Sha256::new();
        add(&mut hash, &serde_json::to_vec(&suite)?);
        add(&mut hash, self.cluster_name().as_bytes());
        if let Some(config) = &suite.cluster.config {
            add(&mut hash, &fs_err::read(self.resolve(config))?);
        }
        for path in suite.components.iter().flat_map(|component| &component.manifests) {
            for file in manifests::files(self.root(), &suite.overlay, path)? {
                add(&mut hash, file.as_os_str().as_encoded_bytes());
                add(&mut hash, &fs_err::read(self.root().join(&file))?);
            }
        }
        Ok(hex(&hash.finalize()))
    }
}

/// Adds `part` with its length, so that the boundaries of parts count.
fn add(hash: &mut Sha256, part: &[u8]) {
    hash.update(part.len().to_le_bytes());
    hash.update(part);
}
