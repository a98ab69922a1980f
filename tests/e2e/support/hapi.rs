//! HolmesGPT-API, as its callers see it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::Result;
use serde::Deserialize;

use super::answer::{Answer, Http};

/// A client of HolmesGPT-API.
#[derive(Debug)]
pub(crate) struct Hapi {
    http: Http,
}

/// `GET /health`.
#[derive(Debug, Deserialize)]
pub(crate) struct HapiHealth {
    pub(crate) status: String,
    pub(crate) service: String,
    pub(crate) endpoints: Vec<String>,
    pub(crate) features: BTreeMap<String, serde_json::Value>,
}

impl Hapi {
    pub(super) fn at(address: SocketAddr) -> Hapi {
        Hapi { http: Http::at(address) }
    }

    /// A copy, whose pod stays as long as the spec.
    pub(super) fn forwarded(address: SocketAddr) -> Hapi {
        Hapi { http: Http::forwarded(address) }
    }

    pub(crate) async fn ready(&self) -> Result<Answer> {
        self.http.get("/ready").await
    }

    pub(crate) async fn health(&self) -> Result<HapiHealth> {
        self.http.get("/health").await?.json(200)
    }
}
