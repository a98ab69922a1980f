//! HTTP and HTTPS to the endpoint. Public authorities are built in: the image has none.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result, ensure};
use axum::body::Body;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as Hyper, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, pem::PemObject},
};
use service_common::retry::CONNECT_TIMEOUT;

/// Speaks HTTP/1.1.
pub(super) type Client = Hyper<HttpsConnector<HttpConnector>, Body>;

/// A client that trusts the authorities in `ca_file`, or the public ones.
pub(super) fn client(ca_file: Option<&Path>) -> Result<Client> {
    let config =
        ClientConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions()?;
    let config = match ca_file {
        Some(path) => config.with_root_certificates(authorities(path)?),
        None => config.with_webpki_roots(),
    };
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    // Across the internet; an address inside the cluster that nobody routes is found out as soon.
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT * 10));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config.with_no_client_auth())
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    Ok(Hyper::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector))
}

fn authorities(path: &Path) -> Result<RootCertStore> {
    let unusable = || format!("openai.ca_file {} cannot be used", path.display());
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).with_context(unusable)? {
        store.add(certificate.with_context(unusable)?).with_context(unusable)?;
    }
    ensure!(!store.is_empty(), "openai.ca_file {} has no certificate", path.display());
    Ok(store)
}
