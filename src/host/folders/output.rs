//! Output files named by the user.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

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
}
