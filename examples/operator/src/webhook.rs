//! The webhook that admits greetings: nobody without a name is greeted.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Context;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, AdmissionReview};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::Greeting;

/// Says why a greeting is not admitted, if it is not.
pub type Judge = fn(&Greeting) -> Option<String>;

/// Nobody without a name is greeted.
#[must_use]
pub fn judge(greeting: &Greeting) -> Option<String> {
    greeting.spec.name.trim().is_empty().then(|| "a greeting needs a name".to_owned())
}

/// Answers the API server on `listener`, with a certificate and its key in PEM.
///
/// # Errors
/// When the certificate or the key cannot be used, or connections cannot be accepted any more.
pub async fn serve(listener: TcpListener, certificate: &str, key: &str, judge: Judge) -> anyhow::Result<()> {
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).context("the certificate")?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).context("the key")?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    loop {
        let (stream, _) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // Whoever breaks a connection off knows why.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(move |request| answer(request, judge));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, judge: Judge) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let review = review(&body, judge);
    let text = serde_json::to_vec(&review).unwrap_or_default();
    Ok(Response::builder().header("content-type", "application/json").body(Full::from(text)).unwrap_or_default())
}

fn review(body: &[u8], judge: Judge) -> AdmissionReview<kube::core::DynamicObject> {
    let request = serde_json::from_slice::<AdmissionReview<Greeting>>(body).map_err(|error| error.to_string());
    let request = request.and_then(|review| {
        let request: Result<AdmissionRequest<Greeting>, _> = review.try_into();
        request.map_err(|error| error.to_string())
    });
    match request {
        Ok(request) => {
            let answer = AdmissionResponse::from(&request);
            match request.object.as_ref().and_then(judge) {
                Some(why) => answer.deny(why),
                None => answer,
            }
        }
        Err(error) => AdmissionResponse::invalid(error),
    }
    .into_review()
}
