//! Folders of the harness itself: the only place from which files are removed.

use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use super::Folders;
use crate::suite::name::ClusterName;

/// Only the owner may list, read or lock entries of such a folder.
const PRIVATE: u32 = 0o700;

/// A folder created by the harness, whose entries it may remove. Only [`super::Folders`] creates values of this type.
#[derive(Debug, Clone)]
pub(crate) struct OwnFolder(PathBuf);

impl OwnFolder {
    pub(super) fn at(path: PathBuf) -> OwnFolder {
        OwnFolder(path)
    }

    /// Returns the folder of cluster `name`.
    pub(crate) fn of(folders: &Folders, name: &ClusterName) -> OwnFolder {
        OwnFolder(folders.cluster(name))
    }

    /// Creates the folder, readable only by this user.
    ///
    /// # Errors
    /// When it cannot be created, or belongs to another user.
    pub(crate) fn make(&self) -> io::Result<()> {
        if !self.0.is_dir() {
            std::fs::DirBuilder::new().recursive(true).mode(PRIVATE).create(&self.0).map_err(self.about())?;
        }
        let found = fs_err::metadata(&self.0)?;
        check_owner(&self.0, &found)?;
        if found.mode() & 0o077 != 0 {
            fs_err::set_permissions(&self.0, std::fs::Permissions::from_mode(PRIVATE))?;
        }
        Ok(())
    }

    /// Removes `entry` of this folder, with everything in it. A symbolic link is removed, its target is not. A missing
    /// entry is not an error.
    ///
    /// # Errors
    /// When `entry` is not a single name, or cannot be removed.
    #[expect(clippy::disallowed_methods, reason = "the one function that removes folders")]
    pub(crate) fn remove(&self, entry: impl AsRef<Path>) -> io::Result<()> {
        let path = self.0.join(single(entry.as_ref())?);
        let gone = match fs_err::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => fs_err::remove_dir_all(&path),
            Ok(_) => fs_err::remove_file(&path),
            Err(error) => Err(error),
        };
        gone.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
    }

    fn about(&self) -> impl FnOnce(io::Error) -> io::Error {
        let path = self.0.display().to_string();
        move |error| io::Error::new(error.kind(), format!("{path}: {error}"))
    }
}

/// Fails when a file or folder of the harness belongs to another user.
pub(crate) fn check_owner(path: &Path, found: &std::fs::Metadata) -> io::Result<()> {
    if found.uid() == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    let other = format!("{} belongs to user {}; XDG_STATE_HOME can name another folder", path.display(), found.uid());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, other))
}

/// Returns `entry` if it is a single normal name.
fn single(entry: &Path) -> io::Result<&Path> {
    let mut parts = entry.components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(name)), None) if name == entry.as_os_str() => Ok(entry),
        _ => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} is not the name of an entry", entry.display())))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_link_is_removed_and_what_it_leads_to_is_not() {
        let home = tempfile::tempdir().unwrap();
        let (own, victim) = (home.path().join("own"), home.path().join("victim"));
        fs_err::create_dir_all(own.join("cluster")).unwrap();
        fs_err::create_dir_all(&victim).unwrap();
        fs_err::write(victim.join("file"), "precious").unwrap();
        std::os::unix::fs::symlink(&victim, own.join("link")).unwrap();
        std::os::unix::fs::symlink(&victim, own.join("cluster/inner")).unwrap();
        let folder = OwnFolder::at(own.clone());
        for entry in ["link", "cluster", "absent"] {
            folder.remove(entry).unwrap();
        }
        assert_eq!(fs_err::read_dir(&own).unwrap().count(), 0);
        assert_eq!(fs_err::read_to_string(victim.join("file")).unwrap(), "precious");
    }

    #[test]
    fn it_is_for_nobody_else() {
        let home = tempfile::tempdir().unwrap();
        let own = home.path().join("own");
        fs_err::create_dir(&own).unwrap();
        fs_err::set_permissions(&own, std::fs::Permissions::from_mode(0o755)).unwrap();
        OwnFolder::at(own.clone()).make().unwrap();
        assert_eq!(fs_err::metadata(&own).unwrap().mode() & 0o777, PRIVATE);
        OwnFolder::at(own.join("a/b")).make().unwrap();
        assert_eq!(fs_err::metadata(own.join("a/b")).unwrap().mode() & 0o777, PRIVATE);
    }

    proptest! {
        #[test]
        fn nothing_outside_of_the_folder_is_removed(entry in r"(\.\./|/|\./|\.\.|\.|[a-z]|/\.|\x00|~|\$HOME|é| ){0,6}") {
            let home = tempfile::tempdir().unwrap();
            let own = home.path().join("a/own");
            fs_err::create_dir_all(&own).unwrap();
            for place in ["", "a", "b", "a/b"] {
                fs_err::create_dir_all(home.path().join(place)).unwrap();
                fs_err::write(home.path().join(place).join("file"), "").unwrap();
            }
            let _ = OwnFolder::at(own.clone()).remove(&entry);
            prop_assert!(own.is_dir(), "the folder itself was removed");
            for place in ["", "a", "b", "a/b"] {
                prop_assert!(home.path().join(place).join("file").exists(), "{entry:?} removed {place}");
            }
        }
    }
}
