//! A run as spans of OpenTelemetry, sent by OTLP when `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector.
//!
//! The exporter reads its other settings from the variables of OpenTelemetry's specification.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use async_trait::async_trait;

use hyper_rustls::HttpsConnectorBuilder;
use kind_harness::readiness::redact::Redactor;
use kind_harness::report::console::write;
use kind_harness::report::{Outcome, Phase, RunHeader, Span, Timeline};
use opentelemetry::trace::{Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::formats::steps;

/// The variables that name a collector.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// The variables that name a file with the authorities that the collector's certificate is trusted by, instead of the
/// host's.
const CERTIFICATES: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"];
/// A collector that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends a run, if there is a collector. One that cannot be reached is a warning.
pub(super) async fn export(timeline: &Timeline, header: &RunHeader) {
    let set = |names: [&'static str; 2]| {
        let found = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(|value| (name, value));
        names.into_iter().find_map(found)
    };
    let Some((variable, _)) = set(ENDPOINTS) else { return };
    let authorities = set(CERTIFICATES).map(|(_, file)| PathBuf::from(file));
    if let Err(error) = send(None, authorities.as_deref(), timeline, header).await {
        write(&format!("warning: the run's spans could not be sent to the collector of {variable}: {error:#}\n"));
    }
}

/// Sends a run to `endpoint`, or to where the variables say. `authorities` is a PEM file; `None` for those of the host.
async fn send(
    endpoint: Option<&str>,
    authorities: Option<&Path>,
    timeline: &Timeline,
    header: &RunHeader,
) -> anyhow::Result<()> {
    let connector = match authorities {
        Some(file) => HttpsConnectorBuilder::new().with_tls_config(trusting(file)?),
        None => HttpsConnectorBuilder::new().try_with_platform_verifier()?,
    };
    let connector = connector.https_or_http().enable_http1().build();
    let cause = Cause::default();
    let client = Client { client: HyperClient::new(connector, PATIENCE, None), cause: cause.clone() };
    let builder = SpanExporter::builder().with_http().with_http_client(client);
    let mut exporter = match endpoint {
        Some(endpoint) => builder.with_endpoint(endpoint).build()?,
        None => builder.build()?,
    };
    let resource = Resource::builder().with_service_name("kind-harness");
    exporter.set_resource(&resource.with_attribute(KeyValue::new("service.version", header.version.clone())).build());
    let exported = tokio::time::timeout(PATIENCE, exporter.export(spans(timeline, header))).await?;
    exported.map_err(|error| match cause.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(cause) => cause,
        None => error.into(),
    })
}

/// Why the last request failed: the exporter only says that it did.
type Cause = Arc<Mutex<Option<anyhow::Error>>>;

/// A client that keeps why its last request failed.
#[derive(Debug)]
struct Client<C> {
    client: C,
    cause: Cause,
}

#[async_trait]
impl<C: HttpClient> HttpClient for Client<C> {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.client.send_bytes(request).await.map_err(|error| {
            *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = Some(anyhow::Error::from_boxed(error));
            "the request failed".into()
        })
    }
}

/// Returns how TLS is spoken with who has a certificate of the authorities in a PEM file.
fn trusting(authorities: &Path) -> anyhow::Result<ClientConfig> {
    let of_file = || format!("the collector's authorities in {}", authorities.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authorities).with_context(of_file)? {
        roots.add(certificate.with_context(of_file)?).with_context(of_file)?;
    }
    anyhow::ensure!(!roots.is_empty(), "{}: there is no certificate in it", of_file());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Returns a span for the run, and below it one for each step. Retries and moments are events of their step.
fn spans(timeline: &Timeline, header: &RunHeader) -> Vec<SpanData> {
    let began = SystemTime::from(timeline.began.unwrap_or(header.began));
    let trace = TraceId::from_bytes(fastrand::u128(1..).to_be_bytes());
    let root = new_id();
    let span = |id: SpanId, parent: SpanId, name: String, start: Duration, end: Duration| SpanData {
        span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::default()),
        parent_span_id: parent,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: masked(&name).into(),
        start_time: began + start,
        end_time: began + end,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("kind-harness").build(),
    };
    let starts = timeline.spans.iter().map(|span| span.start);
    let ends = timeline.spans.iter().map(|span| span.end);
    let (start, end) = (starts.min().unwrap_or_default(), ends.max().unwrap_or_default());
    let mut all = vec![SpanData {
        attributes: vec![
            KeyValue::new("kind_harness.run", header.id.clone()),
            KeyValue::new("kind_harness.suite", header.suite.clone()),
            KeyValue::new("kind_harness.cluster", header.cluster.clone()),
            KeyValue::new("kind_harness.strategy", header.strategy.clone()),
            KeyValue::new("host.arch", header.host.arch.clone()),
        ],
        ..span(root, SpanId::INVALID, format!("suite {}", header.suite), start, end)
    }];
    for (step, is_critical) in steps(timeline) {
        let mut events = SpanEvents::default();
        events.events = events_of(timeline, step, began);
        all.push(SpanData {
            attributes: vec![
                KeyValue::new("kind_harness.phase", step.phase.to_string()),
                KeyValue::new("kind_harness.step", masked(&step.step)),
                KeyValue::new("kind_harness.critical", is_critical),
                KeyValue::new("kind_harness.unchanged", step.outcome == Outcome::Unchanged),
            ],
            events,
            status: if step.outcome == Outcome::Failed { Status::error("failed") } else { Status::Ok },
            ..span(new_id(), root, format!("{} {}", step.phase, step.step), step.start, step.end)
        });
    }
    all
}

fn events_of(timeline: &Timeline, step: &Span, began: SystemTime) -> Vec<Event> {
    let retries = timeline.retries.iter().filter(|retry| retry.phase == step.phase && retry.step == step.step);
    let retries = retries.map(|retry| {
        let attributes =
            vec![KeyValue::new("cause", masked(&retry.cause)), KeyValue::new("attempt", i64::from(retry.attempt))];
        Event::new("retry", began + retry.at, attributes, 0)
    });
    let moments = timeline.moments.iter().filter(|it| step.phase == Phase::Ready && it.component == step.step);
    let moments = moments.map(|it| {
        // Named as in JSON.
        let name = serde_json::to_value(it.moment.kind).ok().and_then(|name| name.as_str().map(str::to_owned));
        let attributes = vec![KeyValue::new("object", it.moment.object.clone())];
        Event::new(name.unwrap_or_default(), began + it.moment.at, attributes, 0)
    });
    retries.chain(moments).collect()
}

fn new_id() -> SpanId {
    SpanId::from_bytes(fastrand::u64(1..).to_be_bytes())
}

/// Secrets may have become known after the events were sent.
fn masked(text: &str) -> String {
    Redactor::global().text(text).into_owned()
}

#[cfg(test)]
mod tests;
