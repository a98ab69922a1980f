//! Lists the files of a suite's path.

use std::io;
use std::path::{Path, PathBuf};

/// Returns the files of `path`, relative to `root`: itself, or the manifests in a folder at any depth, sorted.
///
/// Names are as the suite would write them. Hidden files are skipped, as those of editors and version control; links to
/// folders are not followed, since they may form cycles.
///
/// # Errors
/// The path, or a folder in it, cannot be read.
pub(crate) fn plain_files(root: &Path, path: &str) -> io::Result<Vec<PathBuf>> {
    let shown = PathBuf::from(path);
    if !std::fs::metadata(root.join(path))?.is_dir() {
        return Ok(vec![shown]);
    }
    let (mut found, mut folders) = (Vec::new(), vec![shown]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let (name, shown) = (entry.file_name(), folder.join(entry.file_name()));
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(shown);
            } else if is_manifest(&shown) && std::fs::metadata(entry.path())?.is_file() {
                found.push(shown);
            }
        }
    }
    found.sort();
    Ok(found)
}

pub(super) fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known))
}
