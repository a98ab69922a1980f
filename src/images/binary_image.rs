//! What is in the image of a cargo binary.

use std::io;
use std::path::{Path, PathBuf};

use super::content::{Content, files};
use crate::suite::config::{Base, CargoSpec};

/// The certificate authorities that hosts trust, by distribution: Debian and its like, Fedora and its like, SUSE.
const AUTHORITIES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// The path of the authorities in the image, where OpenSSL, Go and rustls look.
pub(crate) const AUTHORITIES_IN_IMAGE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Returns the file of the certificate authorities that this host trusts.
pub(crate) fn host_authorities() -> Option<PathBuf> {
    AUTHORITIES.iter().map(PathBuf::from).find(|path| path.is_file())
}

/// A binary, and the files beside it.
#[derive(Debug, Clone)]
pub(super) struct BinaryImage {
    /// The binary.
    pub(super) binary: PathBuf,
    /// The folder that the suite's paths are relative to.
    pub(super) root: PathBuf,
    /// What the suite says of it.
    pub(super) spec: CargoSpec,
}

impl BinaryImage {
    /// Returns the name of the recipe that makes it.
    pub(super) fn recipe(&self) -> &'static str {
        if self.spec.files.is_empty() && self.spec.base == Base::Scratch { "service" } else { "service-files" }
    }

    /// Returns a hash of everything in it.
    pub(super) fn hash(&self) -> io::Result<Vec<u8>> {
        use sha2::{Digest, Sha256};
        let binary = Sha256::digest(fs_err::read(&self.binary)?).to_vec();
        let files = self.files()?;
        if files.is_empty() {
            return Ok(binary);
        }
        let mut content = Content::default();
        content.add("binary", &binary);
        for (from, to) in files {
            content.add_file(Path::new(&to), &from)?;
        }
        Ok(content.tag().into_bytes())
    }

    /// Copies everything to `folder`, as the recipe expects it: the binary as `service`, other files below `files`.
    pub(super) fn copy_to(&self, folder: &Path) -> io::Result<()> {
        fs_err::copy(&self.binary, folder.join("service"))?;
        for (from, to) in self.files()? {
            let place = folder.join("files").join(to.trim_start_matches('/'));
            fs_err::create_dir_all(place.parent().unwrap_or(folder))?;
            fs_err::copy(from, place)?;
        }
        Ok(())
    }

    /// Returns the files beside the binary, each with its path in the image.
    fn files(&self) -> io::Result<Vec<(PathBuf, String)>> {
        let mut all = Vec::new();
        for (from, to) in &self.spec.files {
            let from = self.root.join(from);
            if !from.is_dir() {
                all.push((from, to.clone()));
                continue;
            }
            for file in files(&from, &[])? {
                let inside = file.strip_prefix(&from).unwrap_or(&file).to_string_lossy().into_owned();
                all.push((file, format!("{}/{inside}", to.trim_end_matches('/'))));
            }
        }
        if self.spec.base == Base::ScratchWithAuthorities {
            let missing = || {
                let text = format!("this host has no certificate authorities: none of {}", AUTHORITIES.join(", "));
                io::Error::new(io::ErrorKind::NotFound, text)
            };
            let path = host_authorities().ok_or_else(missing)?;
            all.push((path, AUTHORITIES_IN_IMAGE.to_owned()));
        }
        Ok(all)
    }
}
