//! The program itself: how it starts, and how it stops.
#![allow(clippy::unwrap_used, reason = "tests, which fail by panicking")]

mod support;

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use duct::cmd;
use serde_json::json;
use service_common::testing::until;
use support::{EVENTS, PROGRAM, PostgresServer, Program, RedisServer, event, write};

#[test]
fn a_configuration_that_makes_no_sense_ends_it_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let good = json!({
        "listen": "127.0.0.1:0", "metrics_listen": "127.0.0.1:0", "redis": {"host": "redis"},
        "database": {"host": "db", "database": "a", "user": "u", "password_file": "/nowhere"},
    });
    for (pointer, value, expected) in [
        ("/redis", json!({"host": "redis", "prot": 1}), "prot"),
        ("/redis", json!({"host": "redis", "pool_size": 0}), "redis.pool_size"),
        ("/database/host", json!(""), "database.host"),
        ("/database/host", json!("db"), "/nowhere"),
    ] {
        let mut config = good.clone();
        *config.pointer_mut(pointer).unwrap() = value;
        let program = cmd!(PROGRAM).env("DATASTORAGE_CONFIG", write(&folder, &config.to_string()));
        let output = program.stdout_null().stderr_capture().unchecked().run().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && stderr.contains(expected), "{expected}: {stderr}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_before_its_servers_and_says_what_it_counts() {
    let (mut postgres, mut redis) = (PostgresServer::start(), RedisServer::start());
    postgres.stop();
    redis.stop();
    let program = Program::start(&postgres, &redis);
    until("it is alive", async || {
        reqwest::get(format!("{}/health/live", program.url)).await.is_ok_and(|answer| answer.status().is_success())
    })
    .await;
    assert!(!program.is_ready().await);
    redis.restart();
    postgres.restart();
    until("it is ready", async || program.is_ready().await).await;
    let client = reqwest::Client::new();
    let sent =
        client.post(format!("{}{EVENTS}", program.url)).body(event("rem-1", 1).to_string()).send().await.unwrap();
    assert_eq!(sent.status().as_u16(), 201);
    let text = reqwest::get(format!("{}/metrics", program.metrics)).await.unwrap().text().await.unwrap();
    for line in [
        "datastorage_audit_events_total{outcome=\"stored\"} 1",
        "datastorage_audit_events_total{outcome=\"accepted\"} 0",
        "datastorage_audit_events_total{outcome=\"invalid\"} 0",
        "datastorage_audit_events_total{outcome=\"conflict\"} 0",
        "datastorage_audit_events_total{outcome=\"failed\"} 0",
        "datastorage_write_seconds_count 1",
        "datastorage_query_seconds_count 0",
        "datastorage_dead_letter_entries 0",
        "datastorage_dead_letter_drained_total 0",
        "datastorage_dead_letter_parked_total 0",
        "datastorage_database_connections ",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_what_is_in_flight() {
    let (postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let program = Program::start(&postgres, &redis);
    until("it is ready", async || program.is_ready().await).await;

    // Clients go on for a while after it is not ready any more, as they do until the last node has stopped routing to
    // it. No answer may be an error, and none may be missing.
    let (stored, stop) = (AtomicU32::new(0), tokio_util::sync::CancellationToken::new());
    let client = reqwest::Client::new();
    let clients = (0..4).map(async |client_number: i64| {
        let mut number = 0;
        while !stop.is_cancelled() {
            let body = event(&format!("rem-{client_number}"), number).to_string();
            let answer = client.post(format!("{}{EVENTS}", program.url)).body(body).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 201);
            stored.fetch_add(1, Ordering::Relaxed);
            number += 1;
        }
    });
    let stopping = async {
        until("there is load", async || stored.load(Ordering::Relaxed) > 200).await;
        program.terminate();
        until("it is not ready", async || !program.is_ready().await).await;
        let before = stored.load(Ordering::Relaxed);
        until("it still serves", async || stored.load(Ordering::Relaxed) > before + 50).await;
        stop.cancel();
        let process = &program.process;
        until("it has ended", async || process.try_wait().unwrap().is_some()).await;
        assert!(process.wait().unwrap().status.success());
    };
    tokio::join!(futures::future::join_all(clients), stopping);

    let count = "SELECT count(*) FROM audit_events";
    let kept: i64 = sqlx::query_scalar(count).fetch_one(postgres.postgres("public").pool()).await.unwrap();
    assert_eq!(kept, i64::from(stored.into_inner()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_ends_its_request_does_not_keep_it() {
    use tokio::io::AsyncWriteExt;
    let (postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let program = Program::start(&postgres, &redis);
    until("it is ready", async || program.is_ready().await).await;
    let address = program.url.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!("POST {EVENTS} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{");
    stream.write_all(head.as_bytes()).await.unwrap();
    program.terminate();
    let ended = async || program.process.try_wait().unwrap().is_some();
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, until("it has ended", ended)).await.expect("less than the kubelet's patience");
}
