//! Output files named by the user.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Lock;

/// Writes `text` atomically to a file named by the user, such as a report: a reader sees the old file or the new one. A
/// special file (`/dev/null`, a pipe) is written to and never replaced; of a symbolic link, the target is replaced and
/// the link is kept.
///
/// # Errors
/// When the path is a folder or cannot be written; the error names the path.
pub fn write_output(path: &Path, text: &str) -> io::Result<()> {
    match fs_err::metadata(path) {
        Ok(found) if found.is_file() => replace(&fs_err::canonicalize(path)?, text, Some(found.permissions())),
        Ok(found) if found.is_dir() => {
            Err(io::Error::new(io::ErrorKind::IsADirectory, format!("{} is a folder", path.display())))
        }
        Ok(_) => fs_err::OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => replace(path, text, None),
        Err(error) => Err(error),
    }
}

/// Changes a file named by the user, such as a report that several processes write: `change` gets what it has, and
/// returns what it is to have, or `None` to leave it. One process changes it at a time, and each change is atomic, as in
/// [`write_output`]. Of a special file nothing is read.
///
/// # Errors
/// When the file cannot be locked, read or written, or is not UTF-8; the error names the path.
pub fn update_output(path: &Path, change: impl FnOnce(Option<&str>) -> Option<String>) -> io::Result<()> {
    let is_special = fs_err::metadata(path).is_ok_and(|found| !found.is_file());
    if is_special {
        return change(None).map_or(Ok(()), |text| write_output(path, &text));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let _lock = Lock::hold(&path.with_file_name(format!(".{name}.lock")))?;
    let old = match fs_err::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    change(old.as_deref()).map_or(Ok(()), |text| write_output(path, &text))
}

/// Appends `text` to a file named by the user in one write, so that it is not mixed with what other processes append.
///
/// # Errors
/// When the file cannot be opened or written; the error names the path.
pub fn append_output(path: &Path, text: &str) -> io::Result<()> {
    fs_err::OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
}

fn replace(path: &Path, text: &str, permissions: Option<std::fs::Permissions>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs_err::create_dir_all(folder)?;
    // As the shell would create it: with the permissions that the user's umask allows.
    let usual = std::fs::Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(usual).tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    if let Some(permissions) = permissions {
        fs_err::set_permissions(file.path(), permissions)?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileTypeExt, symlink};

    use super::*;

    #[test]
    fn devices_are_written_to_and_stay() {
        write_output(Path::new("/dev/null"), "text").unwrap();
        assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }

    #[test]
    fn files_are_replaced_where_links_lead_and_folders_are_refused() {
        let home = tempfile::tempdir().unwrap();
        let (file, link, dangling) = (home.path().join("file"), home.path().join("link"), home.path().join("dangling"));
        symlink(&file, &link).unwrap();
        symlink("absent/file", &dangling).unwrap();
        write_output(&file, "one").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        write_output(&link, "two").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "two");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(write_output(home.path(), "").unwrap_err().to_string().contains("is a folder"));
        assert!(write_output(&dangling, "").is_err());
        write_output(&home.path().join("new/file"), "three").unwrap();
    }

    #[test]
    fn a_file_is_changed_by_one_process_at_a_time_and_no_lock_is_left() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("reports/count");
        let one_more = |old: Option<&str>| {
            let count: usize = old.map_or(0, |old| old.parse().unwrap());
            Some((count + 1).to_string())
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..25).for_each(|_| update_output(&file, one_more).unwrap()));
            }
        });
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "100");
        update_output(&file, |_| None).unwrap();
        assert_eq!(std::fs::read_dir(home.path().join("reports")).unwrap().count(), 1);
        update_output(Path::new("/dev/null"), one_more).unwrap();
        assert!(update_output(home.path(), one_more).unwrap_err().to_string().contains("is a folder"));
        std::fs::write(&file, b"\xff").unwrap();
        assert!(update_output(&file, one_more).is_err());
    }

    #[test]
    fn text_is_appended_to_what_is_there() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("summary");
        append_output(&file, "one\n").unwrap();
        append_output(&file, "two\n").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\ntwo\n");
        assert!(append_output(home.path(), "").is_err());
    }
}
