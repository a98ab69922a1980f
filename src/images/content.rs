//! Hashes of build inputs: equal hashes need no new build.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// A hash over named parts, in the order in which they were added.
#[derive(Debug, Clone, Default)]
pub(super) struct Content(Sha256);

impl Content {
    /// Adds one part. Its lengths are hashed too, so that different lists of parts never have the same input.
    pub(super) fn add(&mut self, name: impl AsRef<Path>, bytes: &[u8]) {
        for part in [name.as_ref().as_os_str().as_encoded_bytes(), bytes] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }

    /// Adds the file at `path` under the name `name`, including whether it is executable.
    pub(super) fn add_file(&mut self, name: &Path, path: &Path) -> io::Result<()> {
        let executable = fs_err::metadata(path)?.permissions().mode() & 0o111 != 0;
        self.add(name, &[executable.into()]);
        self.add("", &fs_err::read(path)?);
        Ok(())
    }

    /// Returns the hash, short enough for a tag.
    pub(super) fn tag(self) -> String {
        self.0.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Returns every file below `folder`, sorted, except in its direct subfolders named in `skip`.
pub(super) fn files(folder: &Path, skip: &[&str]) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    list(folder, skip, &mut files)?;
    files.sort();
    Ok(files)
}

fn list(folder: &Path, skip: &[&str], files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if !path.is_dir() {
            files.push(path);
        } else if !skip.iter().any(|name| entry.file_name() == *name) {
            list(&path, &[], files)?;
        }
    }
    Ok(())
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

    #[test]
    fn lists_files_but_not_those_of_skipped_folders() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for path in ["b", "src/tests/deep", "tests/skipped", "a"] {
            let path = root.join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "").unwrap();
        }
        let found = files(root, &["tests"]).unwrap();
        let found: Vec<_> = found.iter().map(|path| path.strip_prefix(root).unwrap().to_str().unwrap()).collect();
        assert_eq!(found, ["a", "b", "src/tests/deep"]);
    }
}
