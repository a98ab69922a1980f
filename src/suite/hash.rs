//! Hashes of files and other content.

use std::fmt::Write;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};

/// Returns `bytes` in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// A hash over named parts, in the order in which they were added.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content(Sha256);

impl Content {
    /// Adds one part. Its lengths are hashed too, so that different lists of parts never have the same input.
    pub(crate) fn add(&mut self, name: impl AsRef<Path>, bytes: &[u8]) {
        for part in [name.as_ref().as_os_str().as_encoded_bytes(), bytes] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }

    /// Adds the file at `path` under the name `name`, including whether it is executable.
    pub(crate) fn add_file(&mut self, name: &Path, path: &Path) -> io::Result<()> {
        let executable = fs_err::metadata(path)?.permissions().mode() & 0o111 != 0;
        self.add(name, &[executable.into()]);
        self.add("", &fs_err::read(path)?);
        Ok(())
    }

    /// Returns the hash, short enough for a tag.
    pub(crate) fn tag(self) -> String {
        self.0.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_lists_of_parts_look_alike() {
        let tag = |parts: &[(&str, &[u8])]| {
            let mut content = Content::default();
            parts.iter().for_each(|(name, bytes)| content.add(name, bytes));
            content.tag()
        };
        assert_eq!(tag(&[("a", b"b")]), tag(&[("a", b"b")]));
        assert_ne!(tag(&[("a", b"b")]), tag(&[("ab", b"")]));
        assert_ne!(tag(&[("a", b""), ("", b"b")]), tag(&[("a", b"b"), ("", b"")]));
    }
}
