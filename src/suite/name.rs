//! Names of clusters.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::hash::hex;

/// The maximum length of a cluster name, in characters. kind names nodes `<name>-control-plane2`, and Kubernetes puts
/// that name in a label, which holds 63.
const LONGEST: usize = 48;

/// Folders of the harness beside those of the clusters, whose names are DNS labels.
const RESERVED: [&str; 2] = ["bundles", "locks"];

/// The name of a cluster: a DNS label of at most 48 characters that is not the name of one of the harness's folders.
///
/// It is also the name of a folder that is removed with the cluster. It comes from files, variables and labels that
/// other users may have written, so such a folder can only be reached through this type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterName(String);

/// Why a text is not a valid cluster name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidName {
    /// It is empty.
    #[error("a name cannot be empty")]
    Empty,
    /// It has characters that are invalid in host names, or `-` at either end.
    #[error("`{}` is not a DNS label", .0.escape_debug())]
    NotALabel(String),
    /// It is too long.
    #[error("`{name}` has {length} characters; {longest} are allowed")]
    TooLong {
        /// The name.
        name: String,
        /// Its length.
        length: usize,
        /// The maximum length.
        longest: usize,
    },
    /// It is the name of one of the harness's folders.
    #[error("`{0}` is the name of a folder that the harness keeps for itself")]
    Reserved(String),
}

impl ClusterName {
    /// Parses `name`.
    ///
    /// # Errors
    /// When it is not a DNS label of at most 48 characters, or is reserved.
    ///
    /// ```
    /// use kind_harness::suite::name::ClusterName;
    ///
    /// assert_eq!(ClusterName::new("shop-1f2e")?.as_str(), "shop-1f2e");
    /// assert!(ClusterName::new("../shop").is_err());
    /// # Ok::<(), kind_harness::suite::name::InvalidName>(())
    /// ```
    pub fn new(name: impl Into<String>) -> Result<ClusterName, InvalidName> {
        let name = name.into();
        check_label(&name, LONGEST)?;
        if RESERVED.contains(&name.as_str()) {
            return Err(InvalidName::Reserved(name));
        }
        Ok(ClusterName(name))
    }

    /// Returns the configured name of the suite's cluster, or one derived from the suite's name and a hash of its
    /// folder.
    ///
    /// So two checkouts of a project have different clusters, and one checkout finds its own again.
    pub(super) fn derived(suite: &str, root: &std::path::Path) -> Result<ClusterName, InvalidName> {
        let hash = hex(&Sha256::digest(root.as_os_str().as_encoded_bytes()));
        suffixed(suite, &hash[..8])
    }

    /// Returns this name followed by `-suffix`, truncated before the suffix to the maximum length.
    ///
    /// # Errors
    /// When `suffix` cannot be the end of a name.
    pub fn with_suffix(&self, suffix: &str) -> Result<ClusterName, InvalidName> {
        suffixed(&self.0, suffix)
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns `stem-suffix`, with the stem truncated to the maximum length.
fn suffixed(stem: &str, suffix: &str) -> Result<ClusterName, InvalidName> {
    let room = LONGEST.saturating_sub(suffix.len() + 1);
    let stem: String = stem.chars().take(room).collect();
    ClusterName::new(format!("{}-{suffix}", stem.trim_end_matches('-')))
}

/// Checks that `name` is a DNS label of at most `longest` characters.
///
/// # Errors
/// The reason why it is not.
pub(crate) fn check_label(name: &str, longest: usize) -> Result<(), InvalidName> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() {
        Err(InvalidName::Empty)
    } else if !name.bytes().all(allowed) || name.starts_with('-') || name.ends_with('-') {
        Err(InvalidName::NotALabel(name.into()))
    } else if name.len() > longest {
        Err(InvalidName::TooLong { name: name.into(), length: name.len(), longest })
    } else {
        Ok(())
    }
}

impl TryFrom<String> for ClusterName {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<ClusterName, InvalidName> {
        ClusterName::new(name)
    }
}

impl From<ClusterName> for String {
    fn from(name: ClusterName) -> String {
        name.0
    }
}

impl Deref for ClusterName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        for good in ["a", "a-1", "0", "redis", &"a".repeat(48)] {
            assert!(ClusterName::new(good).is_ok(), "{good}");
        }
        let long = "a".repeat(49);
        for bad in
            ["", "-a", "a-", "A", "a.b", "a_b", "ä", "a b", "..", "/", "a/b", "a\n", "a\0", "locks", "bundles", &long]
        {
            assert!(ClusterName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_suffix_fits_behind_every_name() {
        for length in 1..=48 {
            let name = ClusterName::new("x".repeat(length)).unwrap().with_suffix("4194304").unwrap();
            assert!(name.len() <= 48 && name.ends_with("-4194304"), "{name}");
        }
        assert_eq!(
            ClusterName::new(format!("{}-y", "x".repeat(39))).unwrap().with_suffix("4194304").unwrap().len(),
            47
        );
    }

    #[test]
    fn what_is_read_is_checked() {
        assert!(serde_json::from_str::<ClusterName>("\"shop\"").is_ok());
        assert!(serde_json::from_str::<ClusterName>("\"../shop\"").is_err());
    }
}
