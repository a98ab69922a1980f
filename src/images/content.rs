//! The inputs of builds: equal hashes need no new build.

use std::io;
use std::path::{Path, PathBuf};

pub(super) use crate::suite::hash::Content;

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
