//! A registry of the tests' own: Debian's docker-registry.

use std::net::{IpAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::engine::NotHere;

/// Who may log in to a registry with a login, and the password.
pub(crate) const LOGIN: (&str, &str) = ("tester", "open-sesame");

/// The line of `htpasswd -B` for [`LOGIN`].
const HTPASSWD: &str = "tester:$2b$04$t2cgYuCzJH.s39P9ROb3Me4p8ATK76BwOCuFdvZM8GsXDcHuNiEZm\n";

/// How long a registry may take to answer.
const START: Duration = Duration::from_secs(10);

/// A registry, stopped when dropped.
pub(crate) struct Registry {
    /// Its host and port.
    pub(crate) address: String,
    daemon: Child,
    folder: tempfile::TempDir,
}

impl Registry {
    /// Starts one that speaks HTTP and knows everybody.
    ///
    /// # Errors
    /// [`NotHere`] without docker-registry; when it does not answer.
    pub(crate) fn plain() -> Result<Registry> {
        Registry::start(IpAddr::from([127, 0, 0, 1]), "", |_| Ok(()))
    }

    /// Starts one that speaks HTTP, wants a login, and is reached by containers too.
    ///
    /// # Errors
    /// As [`Registry::plain`]; [`NotHere`] if this host has no address beside its own loopback.
    pub(crate) fn for_nodes() -> Result<Registry> {
        // No packet is sent: the address is the one from which it would be.
        let probe = UdpSocket::bind("0.0.0.0:0")?;
        let address = probe.connect("192.0.2.1:9").and_then(|()| probe.local_addr());
        let address = address.map_err(|error| NotHere(format!("this host has no network: {error}")))?;
        let more = "auth:\n  htpasswd: {realm: tests, path: FOLDER/htpasswd}\n";
        Registry::start(address.ip(), more, |folder| Ok(std::fs::write(folder.join("htpasswd"), HTPASSWD)?))
    }

    /// Starts one that speaks HTTPS, with an authority of its own, and wants a login.
    ///
    /// # Errors
    /// As [`Registry::plain`].
    pub(crate) fn with_login() -> Result<Registry> {
        let more = "  tls: {certificate: FOLDER/cert.pem, key: FOLDER/key.pem}\n\
                    auth:\n  htpasswd: {realm: tests, path: FOLDER/htpasswd}\n";
        Registry::start(IpAddr::from([127, 0, 0, 1]), more, |folder| {
            let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()])?;
            std::fs::write(folder.join("cert.pem"), made.cert.pem())?;
            std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem())?;
            Ok(std::fs::write(folder.join("htpasswd"), HTPASSWD)?)
        })
    }

    /// The file of the authority that has signed its certificate.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// The folder in which it keeps images.
    pub(crate) fn files(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Stops it; its files stay.
    pub(crate) fn stop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }

    fn start(address: IpAddr, more: &str, prepare: impl Fn(&Path) -> Result<()>) -> Result<Registry> {
        let folder = tempfile::Builder::new().prefix("registry-").tempdir()?;
        prepare(folder.path())?;
        let address = TcpListener::bind((address, 0))?.local_addr()?.to_string();
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: FOLDER/data}}}}\n\
             http:\n  addr: {address}\n{more}"
        );
        let config = folder.path().join("config.yml");
        std::fs::write(&config, text.replace("FOLDER", &folder.path().display().to_string()))?;
        let log = std::fs::File::create(folder.path().join("log"))?;
        let command = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn();
        let mut daemon = match command {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                bail!(NotHere("docker-registry is not installed (apt-get install docker-registry)".into()))
            }
            started => started.context("docker-registry")?,
        };
        let began = Instant::now();
        while std::net::TcpStream::connect(&address).is_err() {
            let log = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            ensure!(daemon.try_wait()?.is_none(), "docker-registry ended:\n{}", log());
            ensure!(began.elapsed() < START, "docker-registry does not answer:\n{}", log());
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(Registry { address, daemon, folder })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop();
    }
}
