//! What the cluster is called.

use sha2::{Digest, Sha256};

use super::{Plan, digest::hex};

/// The longest cluster name, in characters. kind calls nodes `<name>-control-plane2`, and Kubernetes puts that name in
/// a label, which holds 63.
pub(crate) const MAX_CLUSTER_NAME: usize = 48;

impl Plan {
    /// The cluster's name: the one that was given, or one made of the suite's name and a hash of the suite's folder.
    ///
    /// Two checkouts of a project thus have clusters of their own, and the same checkout finds its own again.
    #[must_use]
    pub fn cluster_name(&self) -> String {
        if let Some(name) = &self.suite().cluster.name {
            return name.clone();
        }
        let hash = hex(&Sha256::digest(self.root().as_os_str().as_encoded_bytes()));
        let hash = &hash[..8];
        let suite: String = self.suite().suite.chars().take(MAX_CLUSTER_NAME - 1 - hash.len()).collect();
        format!("{}-{hash}", suite.trim_end_matches('-'))
    }
}
