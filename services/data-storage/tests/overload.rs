//! More work than the program bears: memory stays bounded, what is refused is refused with a word, and health answers.
#![allow(clippy::unwrap_used, reason = "tests, which fail by panicking")]

mod support;

use std::time::Duration;

use futures::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};
use support::{BATCH, PostgresServer, Program, RedisServer, event, until};
use tokio::time::timeout;

/// The most memory that the program may ever have had: the manifests give a pod 192 MiB. At most 8 MiB of bodies are in
/// work, some six times over at the moment that takes most; the rest is the program itself, and its connections.
const MOST_MEMORY: usize = 128 << 20;
/// `timeoutSeconds` of the liveness probe.
const LIVENESS: Duration = Duration::from_secs(5);
const CLIENTS: usize = 50;
const FOUR_MEGABYTES: usize = 4_000_000;

/// What `/proc` says of the most memory that a process has had.
fn peak_memory(program: &Program) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.process.pids()[0])).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// Events whose data has `data` in it, as many as make four megabytes.
fn batch(data: &Value) -> String {
    let mut events = Vec::new();
    let mut length = 0;
    while length < FOUR_MEGABYTES {
        let mut event = event("rem-1", 0);
        event["event_data"] = json!({"data": data});
        let event = event.to_string();
        length += event.len() + 1;
        events.push(event);
    }
    events.pop();
    format!("[{}]", events.join(","))
}

/// Sends the batch from fifty clients at once; every one of them has an answer. How many events were acknowledged.
async fn flood(program: &Program, client: &Client, batch: &str) -> usize {
    let url = format!("{}{BATCH}", program.url);
    let calls = (0..CLIENTS).map(async |_| {
        let answer = client.post(&url).body(batch.to_owned()).send().await.unwrap();
        let (status, retry_after) = (answer.status(), answer.headers().get("retry-after").cloned());
        let body: Value = answer.json().await.unwrap();
        if status.is_success() {
            return (body["event_ids"].as_array().unwrap().len(), false);
        }
        // A slow machine's PostgreSQL may have no answer for some in time; that is said in the same way.
        assert!(status == 503 && retry_after.is_some(), "{status} {body}");
        (0, body["type"] == "urn:kubernaut:problem:overloaded")
    });
    let alive = async {
        // Asked again and again while the others are being answered.
        loop {
            let asked = client.get(format!("{}/health/live", program.url)).send();
            let answer = timeout(LIVENESS, asked).await.expect("the kubelet has no more patience").unwrap();
            assert_eq!(answer.status().as_u16(), 200);
        }
    };
    let answers = tokio::select! { answers = join_all(calls) => answers, () = alive => unreachable!("it goes on") };
    assert!(answers.iter().any(|(_, is_refused)| *is_refused), "{CLIENTS} batches at once are more than it bears");
    let acknowledged = answers.iter().map(|(events, _)| events).sum();
    assert!(acknowledged > 0, "what it bears is taken");
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_batches_of_four_megabytes_at_once_leave_memory_bounded() {
    let (postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let program = Program::start(&postgres, &redis);
    until("it is ready", async || program.is_ready().await).await;
    let client = Client::new();
    let mut expected = 0;
    // Events of four kilobytes; small ones; and what takes most memory when it is read as JSON.
    let dense = json!(vec![json!({"": 0}); 20_000]);
    for data in [json!("x".repeat(4000)), json!("x".repeat(200)), dense] {
        expected += flood(&program, &client, &batch(&data)).await;
        let peak = peak_memory(&program);
        assert!(peak < MOST_MEMORY, "{} MiB, with events such as {}", peak >> 20, &data.to_string()[..20]);
    }
    let count = "SELECT count(*) FROM audit_events";
    let database = postgres.postgres("public");
    until("what was acknowledged is stored", async || {
        let stored: i64 = sqlx::query_scalar(count).fetch_one(database.pool()).await.unwrap();
        usize::try_from(stored).unwrap() >= expected
    })
    .await;
    // The flood is over, and everything is taken again.
    let url = format!("{}{BATCH}", program.url);
    let answer = client.post(&url).body(batch(&json!("x".repeat(4000)))).send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
}
