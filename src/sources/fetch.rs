//! Fetches a file of the web, by curl, which knows proxies, redirections and the host's certificate authorities.

use std::ffi::OsString;

use sha2::{Digest, Sha256};

use super::SourceCause;
use crate::host::exec::Cmd;
use crate::host::folders::Folders;
use crate::suite::hash::hex;

/// Returns the text at `url`, if it has the hash that is expected; otherwise `note`s its hash.
pub(super) async fn fetch(
    curl: impl Fn(Vec<OsString>) -> Result<Cmd, SourceCause>,
    url: &str,
    sha256: Option<&str>,
    folders: &Folders,
    note: impl Fn(String),
) -> Result<String, SourceCause> {
    fs_err::create_dir_all(&folders.cache)?;
    let file = tempfile::NamedTempFile::new_in(&folders.cache)?;
    let mut args: Vec<OsString> =
        ["--fail", "--location", "--silent", "--show-error", "--proto", "=http,https", "--max-time", "120", "--output"]
            .map(OsString::from)
            .to_vec();
    args.extend([file.path().into(), url.into()]);
    curl(args)?.output().await?;
    let bytes = fs_err::read(file.path())?;
    let found = hex(&Sha256::digest(&bytes));
    match sha256 {
        Some(expected) if !expected.eq_ignore_ascii_case(&found) => {
            return Err(SourceCause::OtherContent { expected: expected.to_owned(), found });
        }
        Some(_) => {}
        None => note(format!("{url} is kept as it is today; `sha256: {found}` in e2e.yaml refuses any other content")),
    }
    String::from_utf8(bytes).map_err(|_| SourceCause::NotText)
}
