//! Hashes of files and other content.

use std::fmt::Write;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};

/// Bytes of a file that are read at once.
const READ_AT_ONCE: usize = 1 << 16;

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
        let mut file = fs_err::File::open(path)?;
        let found = file.metadata()?;
        let executable = found.permissions().mode() & 0o111 != 0;
        self.add(name, &[executable.into()]);
        // As `add` does, without the whole file in memory.
        for length in [0, found.len()] {
            self.0.update(length.to_le_bytes());
        }
        let mut buffer = vec![0; READ_AT_ONCE];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => self.0.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
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
    fn a_file_counts_as_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        for length in [0, 1, READ_AT_ONCE, READ_AT_ONCE + 1] {
            let (path, bytes) = (folder.path().join("f"), vec![7; length]);
            fs_err::write(&path, &bytes).unwrap();
            let (mut of_file, mut of_parts) = (Content::default(), Content::default());
            of_file.add_file(Path::new("name"), &path).unwrap();
            of_parts.add("name", &[0]);
            of_parts.add("", &bytes);
            assert_eq!(of_file.tag(), of_parts.tag(), "{length} bytes");
        }
    }

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
