//! Measures what nodes, harness and host use while components start.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::cluster::Record;
use crate::host::setup::{Engine, LOOK};
use crate::host::system::Meter;
use crate::report::Events;

/// The pause between two samples in the first seconds, and later.
const SHORT: Duration = Duration::from_millis(250);
const LONG: Duration = Duration::from_secs(2);
/// How many samples are taken with short pauses.
const CLOSE: usize = 120;

/// A measurement in progress. A last sample is taken when it is dropped.
pub(super) struct Measurement {
    events: Events,
    task: JoinHandle<()>,
    meter: Arc<OnceLock<Meter>>,
}

impl Measurement {
    /// Starts to measure, at once without the nodes, and with them as soon as the engine has said which processes they
    /// are.
    pub(super) fn start(record: &Record, events: &Events) -> Measurement {
        let meter = Arc::new(OnceLock::new());
        let (engine, events) = (record.engine.clone(), events.clone());
        let ids: Vec<String> = record.nodes.iter().map(|node| node.id.clone()).collect();
        let (known, stream) = (meter.clone(), events.clone());
        let task = tokio::spawn(async move {
            let pids = match &engine {
                Some(engine) if !ids.is_empty() => pids(engine, &ids).await,
                _ => Vec::new(),
            };
            let meter: &Meter = known.get_or_init(|| Meter::new(&pids));
            let mut next = Instant::now();
            for sample in 0_usize.. {
                stream.usage(meter.read());
                next += if sample < CLOSE { SHORT } else { LONG };
                sleep_until(next).await;
            }
        });
        Measurement { events, task, meter }
    }
}

impl Drop for Measurement {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(meter) = self.meter.get() {
            self.events.usage(meter.read());
        }
    }
}

/// Returns the first process of each container, as far as the engine says.
async fn pids(engine: &Engine, ids: &[String]) -> Vec<(String, i32)> {
    let inspect = engine.command(["inspect", "--format", "{{.Id}} {{.State.Pid}}"]);
    let inspect = ids.iter().fold(inspect, |inspect, id| inspect.arg(id));
    // Without an answer, the nodes are not measured.
    let said = inspect.deadline(LOOK).output().await.unwrap_or_default();
    let pairs = said.lines().filter_map(|line| line.split_once(' '));
    pairs.filter_map(|(id, pid)| Some((id.to_owned(), pid.trim().parse().ok()?))).collect()
}
