//! What is asked of a component from where tests will call it, once its objects are ready.

use std::fmt;
use std::net::SocketAddr;

/// A question that a component must answer, asked at an address of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Where to ask, such as `127.0.0.1:8091`.
    pub address: SocketAddr,
    /// What to ask.
    pub ask: Ask,
}

/// What a [`Probe`] asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Opens a connection, and sees that it stays open: a port forwarder accepts even when nobody is behind it.
    Tcp,
    /// GETs a path and expects a status.
    Http {
        /// The path, such as `/health/ready`.
        path: String,
        /// The status that means yes.
        status: u16,
    },
}

/// `GET http://127.0.0.1:8091/health/ready`, or `127.0.0.1:5432`.
impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ask {
            Ask::Tcp => write!(f, "{}", self.address),
            Ask::Http { path, .. } => write!(f, "GET http://{}{}", self.address, path),
        }
    }
}
