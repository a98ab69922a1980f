//! How much DataStorage takes, and how fast it answers: the program itself, in front of a PostgreSQL and a Redis of its
//! own with the settings that `manifests/` gives them, and clients on the same machine.
//!
//!     cargo bench -p data-storage --bench throughput -- --seconds 30 --rows 1000000
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement, which prints and fails by panicking")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use reqwest::Client;
use serde_json::json;
use service_common::testing::{PostgresServer, Signal, free_port, send, until};
use support::{BATCH, EVENTS, RedisServer};

/// As in `manifests/postgresql`; nothing is taken from durability: every answer waits for the disk.
const POSTGRES: &[&str] = &[
    "-c",
    "max_connections=200",
    "-c",
    "shared_buffers=128MB",
    "-c",
    "effective_cache_size=512MB",
    "-c",
    "work_mem=4MB",
    "-c",
    "maintenance_work_mem=64MB",
];
const SINGLE_CLIENTS: u64 = 32;
const BATCH_CLIENTS: u64 = 4;
const BATCH_SIZE: u64 = 500;
/// Events that have the same correlation id, as one analysis has.
const CORRELATED: u64 = 20;
const QUESTIONS: u64 = 5000;

fn argument(name: &str, otherwise: u64) -> u64 {
    let mut words = std::env::args().skip_while(|word| word != name);
    words.nth(1).map_or(otherwise, |word| word.parse().unwrap())
}

struct Bench {
    client: Client,
    url: String,
    next: AtomicU64,
}

impl Bench {
    fn event(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let time = chrono::Utc::now().to_rfc3339();
        let correlation = number / CORRELATED;
        format!(
            r#"{{"version":"1.0","event_type":"aianalysis.phase.transition","event_category":"analysis","event_action":"transition","event_outcome":"success","event_timestamp":"{time}","correlation_id":"rem-{correlation}","actor_type":"service","actor_id":"aianalysis-controller","resource_type":"AIAnalysis","resource_id":"analysis-{correlation}","namespace":"kubernaut-system","duration_ms":12,"severity":"info","event_data":{{"old_phase":"Pending","new_phase":"Investigating","number":{number}}}}}"#
        )
    }

    async fn post(&self, path: &str, body: String) {
        let answer = self.client.post(format!("{}{path}", self.url)).body(body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 201, "{}", answer.text().await.unwrap());
    }

    /// Clients that do the same until the time is over; each round's duration.
    async fn load(&self, clients: u64, seconds: u64, round: impl AsyncFn()) -> (Duration, Vec<Duration>) {
        let started = Instant::now();
        let end = started + Duration::from_secs(seconds);
        let client = async |_| {
            let mut rounds = Vec::new();
            while Instant::now() < end {
                let begun = Instant::now();
                round().await;
                rounds.push(begun.elapsed());
            }
            rounds
        };
        let rounds = futures::future::join_all((0..clients).map(client)).await.concat();
        (started.elapsed(), rounds)
    }

    async fn batch(&self) {
        let events: Vec<String> = (0..BATCH_SIZE).map(|_| self.event()).collect();
        self.post(BATCH, format!("[{}]", events.join(","))).await;
    }

    async fn questions(&self, what: &str, path: impl Fn(u64) -> String) {
        let mut seconds = Vec::new();
        for number in 0..QUESTIONS {
            let path = path(number);
            let begun = Instant::now();
            let answer = self.client.get(format!("{}{EVENTS}?{path}", self.url)).send().await.unwrap();
            assert!(answer.status().is_success());
            let bytes = answer.bytes().await.unwrap();
            seconds.push(begun.elapsed());
            assert!(!bytes.is_empty());
        }
        println!("{what}: n = {QUESTIONS}, {}", spread(seconds));
    }
}

fn spread(mut durations: Vec<Duration>) -> String {
    durations.sort_unstable();
    let at = |share: usize| durations[(durations.len() * share / 100).min(durations.len() - 1)].as_secs_f64() * 1000.0;
    format!("p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, longest {:.1} ms", at(50), at(95), at(99), at(100))
}

#[expect(clippy::cast_precision_loss, reason = "counts of a bench")]
fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::main]
async fn main() {
    let (seconds, rows) = (argument("--seconds", 30), argument("--rows", 1_000_000));
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
    let cores = std::thread::available_parallelism().unwrap();
    println!("machine: {cores} cores ({}), shared with the clients, PostgreSQL and Redis", model.unwrap_or("unknown"));

    let (postgres, redis) = (PostgresServer::start_with(POSTGRES), RedisServer::start());
    until("Redis is there", async || redis.redis().ping().await.is_ok()).await;
    let access = postgres.postgres("public");
    until("PostgreSQL is there", async || access.ask("SELECT true").await.is_ok()).await;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    let port = free_port();
    let mut database = postgres.config("public");
    (database["min_connections"], database["max_connections"]) = (json!(20), json!(60));
    let config = json!({
        "listen": format!("127.0.0.1:{port}"), "metrics_listen": format!("127.0.0.1:{}", free_port()),
        "database": database, "redis": redis.config(),
    });
    std::fs::write(&path, config.to_string()).unwrap();
    let begun = Instant::now();
    let program = duct::cmd!(env!("CARGO_BIN_EXE_data-storage")).env("DATASTORAGE_CONFIG", path).stdout_null();
    let program = program.unchecked().start().unwrap();
    let bench = Bench { client: Client::new(), url: format!("http://127.0.0.1:{port}"), next: AtomicU64::new(0) };
    until("the service is ready", async || {
        let answer = bench.client.get(format!("{}/health/ready", bench.url)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    })
    .await;
    println!("ready {} ms after its start (empty database, asked every 20 ms)", begun.elapsed().as_millis());
    let pid = program.pids()[0];
    println!("resident before the first event: {} MiB", resident(pid));

    let (time, rounds) = bench.load(SINGLE_CLIENTS, seconds, async || bench.post(EVENTS, bench.event()).await).await;
    let count = rounds.len() as u64;
    let took = spread(rounds);
    println!(
        "single: {:.0} events/s for {seconds} s, n = {count}, {SINGLE_CLIENTS} clients, {took}",
        rate(count, time)
    );

    let (time, rounds) = bench.load(BATCH_CLIENTS, seconds, async || bench.batch().await).await;
    let count = rounds.len() as u64 * BATCH_SIZE;
    let took = spread(rounds);
    println!(
        "batched: {:.0} events/s for {seconds} s, n = {count}, {BATCH_CLIENTS} clients, {BATCH_SIZE} to a batch, {took}",
        rate(count, time)
    );
    println!("resident after that: {} MiB", resident(pid));

    while bench.next.load(Ordering::Relaxed) < rows {
        bench.batch().await;
    }
    let stored = "SELECT count(*) FROM audit_events";
    let stored: i64 = sqlx::query_scalar(stored).fetch_one(access.pool()).await.unwrap();
    assert_eq!(u64::try_from(stored).unwrap(), bench.next.load(Ordering::Relaxed), "every event is there once");
    let correlations = bench.next.load(Ordering::Relaxed) / CORRELATED;
    // Spread over all of them without repeating: the multiplier has no factor in common with any smaller number.
    let some = |number: u64| number.wrapping_mul(1_000_003) % correlations;
    let title = format!("correlation query with {stored} events stored");
    bench.questions(&title, |number| format!("correlation_id=rem-{}", some(number))).await;
    bench.questions("newest page of all", |number| format!("limit=10&offset={}", number % 10)).await;
    println!("resident at the end: {} MiB", resident(pid));

    send(&program, Signal::TERM);
    let begun = Instant::now();
    let status = program.wait().unwrap().status;
    println!("ended {:.1} s after SIGTERM, {status}", begun.elapsed().as_secs_f64());
}
