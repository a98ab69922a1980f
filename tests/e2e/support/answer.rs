//! What HTTP services answer.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: String,
    /// From the question to the end of the answer.
    pub(crate) took: Duration,
}

impl Answer {
    /// The body as JSON, if the status is this one.
    pub(crate) fn json<T: DeserializeOwned>(&self, status: u16) -> Result<T> {
        ensure!(self.status == status, "{} instead of {status}: {}", self.status, self.body);
        serde_json::from_str(&self.body).with_context(|| format!("not the JSON that was expected: {}", self.body))
    }
}

/// Asks one service.
#[derive(Debug, Clone)]
pub(super) struct Http {
    client: reqwest::Client,
    address: SocketAddr,
}

impl Http {
    /// Uses no connection twice: the pod behind the address may be another by then.
    pub(super) fn at(address: SocketAddr) -> Http {
        Http::keeping(0, address)
    }

    /// Uses connections again, where each costs a request to the API server: through a forwarded port, to a pod that stays.
    pub(super) fn forwarded(address: SocketAddr) -> Http {
        Http::keeping(4, address)
    }

    fn keeping(idle: usize, address: SocketAddr) -> Http {
        let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(idle);
        let client = client.timeout(Duration::from_secs(10)).build();
        Http { client: client.expect("plain HTTP needs nothing of the host"), address }
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(super) async fn get(&self, path: &str) -> Result<Answer> {
        answer(self.request(Method::GET, path)).await
    }
}

/// Sends a request and takes its answer whole.
pub(super) async fn answer(request: RequestBuilder) -> Result<Answer> {
    let began = Instant::now();
    let response = request.send().await?;
    let status = response.status().as_u16();
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let body = response.text().await?;
    Ok(Answer { status, content_type, body, took: began.elapsed() })
}
