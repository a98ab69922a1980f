//! A run as spans of OpenTelemetry, sent by OTLP when `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector.
//!
//! The exporter reads its other settings from the variables of OpenTelemetry's specification.

use std::time::{Duration, SystemTime};

use hyper_rustls::HttpsConnectorBuilder;
use kind_harness::readiness::redact::Redactor;
use kind_harness::report::console::write;
use kind_harness::report::{Outcome, Phase, RunHeader, Span, Timeline};
use opentelemetry::trace::{Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};

use super::formats::steps;

/// The variables that name a collector.
const VARIABLES: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// A collector that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends a run, if there is a collector. One that cannot be reached is a warning.
pub(super) async fn export(timeline: &Timeline, header: &RunHeader) {
    let is_set = |name: &&&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let Some(variable) = VARIABLES.iter().find(is_set) else { return };
    if let Err(error) = send(None, timeline, header).await {
        write(&format!("warning: the run's spans could not be sent to the collector of {variable}: {error:#}\n"));
    }
}

/// Sends a run to `endpoint`, or to where the variables say.
async fn send(endpoint: Option<&str>, timeline: &Timeline, header: &RunHeader) -> anyhow::Result<()> {
    let connector = HttpsConnectorBuilder::new().try_with_platform_verifier()?.https_or_http().enable_http1().build();
    let client = HyperClient::new(connector, PATIENCE, None);
    let builder = SpanExporter::builder().with_http().with_http_client(client);
    let mut exporter = match endpoint {
        Some(endpoint) => builder.with_endpoint(endpoint).build()?,
        None => builder.build()?,
    };
    let resource = Resource::builder().with_service_name("kind-harness");
    exporter.set_resource(&resource.with_attribute(KeyValue::new("service.version", header.version.clone())).build());
    tokio::time::timeout(PATIENCE, exporter.export(spans(timeline, header))).await??;
    Ok(())
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
mod tests {
    use std::path::Path;

    use kind_harness::report::RecordedRun;

    use super::*;

    #[test]
    fn each_step_is_a_span_below_the_run() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/formats/run.jsonl");
        let run = RecordedRun::read(&file).unwrap();
        let timeline = run.timeline();
        let all = spans(&timeline, &run.header);
        let (root, steps) = all.split_first().unwrap();
        assert_eq!((root.name.as_ref(), steps.len()), ("suite reference", timeline.spans.len()));
        assert_eq!(root.end_time.duration_since(root.start_time).unwrap(), timeline.wall());
        let of_trace = |span: &&SpanData| {
            span.parent_span_id == root.span_context.span_id()
                && span.span_context.trace_id() == root.span_context.trace_id()
                && span.start_time >= root.start_time
                && span.end_time <= root.end_time
        };
        assert_eq!(steps.iter().filter(of_trace).count(), steps.len());
        let mut ids: Vec<_> = all.iter().map(|span| span.span_context.span_id().to_bytes()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all.len(), "each span has an id of its own");
    }

    #[tokio::test]
    async fn a_collector_receives_the_spans() {
        use axum::{Router, body::Bytes, routing::post};
        let (sender, mut received) = tokio::sync::mpsc::channel::<Bytes>(1);
        let take = move |body: Bytes| async move { drop(sender.send(body).await) };
        let collector = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/v1/traces", collector.local_addr().unwrap());
        let router = Router::new().route("/v1/traces", post(take));
        let server = tokio::spawn(async move { axum::serve(collector, router).await });
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/formats/run.jsonl");
        let run = RecordedRun::read(&file).unwrap();
        let sent = send(Some(&endpoint), &run.timeline(), &run.header).await;
        let body = received.recv().await.unwrap();
        server.abort();
        sent.unwrap();
        for name in ["suite reference", "ready postgresql", "kind-harness"] {
            assert!(body.windows(name.len()).any(|part| part == name.as_bytes()), "{name}");
        }
    }
}
