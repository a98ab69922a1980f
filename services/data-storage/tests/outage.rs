//! PostgreSQL and Redis go and come back: nothing is lost, nothing is there twice, and what belongs together is seen in
//! the order in which it was sent.
#![allow(clippy::unwrap_used, reason = "tests, which fail by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use data_storage::{
    config::DeadLetterConfig,
    dead_letter::{PARKED, STREAM},
};
use serde_json::{Value, json};
use support::{BATCH, EVENTS, Instance, PostgresServer, RedisServer, call, drained, event, numbers, total, until};

/// One PostgreSQL, one Redis, two instances in front of them.
async fn two_instances() -> (PostgresServer, RedisServer, [Instance; 2]) {
    let (postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let instances = tokio::join!(Instance::start(&postgres, &redis), Instance::start(&postgres, &redis));
    (postgres, redis, instances.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_wait_in_redis_while_postgresql_is_away() {
    let (mut postgres, redis, [one, other]) = two_instances().await;
    postgres.stop();
    one.notices("database", false).await;
    other.notices("database", false).await;

    let sent = event("rem-1", 0);
    let (status, body) = call(&one.api, "POST", EVENTS, sent.to_string()).await;
    assert_eq!((status, &body["status"]), (StatusCode::ACCEPTED, &json!("accepted")), "{body}");
    assert_eq!(body["durability"], "process", "as these tests run Redis");
    assert!(body["event_id"].is_string() && body["event_timestamp"].is_string(), "{body}");
    let batch: Vec<Value> = (1..200).map(|number| event("rem-1", number)).collect();
    let (status, body) = call(&other.api, "POST", BATCH, json!(batch).to_string()).await;
    assert_eq!((status, &body["status"]), (StatusCode::ACCEPTED, &json!("accepted")), "{body}");
    assert_eq!(body["event_ids"].as_array().map(Vec::len), Some(199));
    assert_eq!(redis.ask::<i64>(&["XLEN", STREAM]).await, 2, "an event is one entry, a batch is one");

    // What is wrong is refused all the same.
    let (status, _) = call(&one.api, "POST", EVENTS, json!({"event_type": 7}).to_string()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);

    postgres.restart();
    drained(&redis).await;
    one.notices("database", true).await;
    assert_eq!(numbers(&one.api, "rem-1").await, (0..200).collect::<Vec<_>>());
}

/// Events are sent to two instances by turns, each after the one before was acknowledged, while PostgreSQL goes and
/// comes back twice. An observer must at every moment see a beginning of what was sent.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_or_overtaken() {
    let (mut postgres, redis, [one, other]) = two_instances().await;
    let apis = [one.api.clone(), other.api.clone()];
    let stop = tokio_util::sync::CancellationToken::new();
    let senders: Vec<_> = (0..3)
        .map(|sender| {
            let (apis, stop) = (apis.clone(), stop.clone());
            tokio::spawn(async move {
                let correlation_id = format!("rem-{sender}");
                let mut statuses = BTreeMap::<u16, u32>::new();
                let mut number = 0;
                while !stop.is_cancelled() && number < 900 {
                    let api = &apis[usize::try_from(number + sender).unwrap() % 2];
                    let mut body = event(&correlation_id, number);
                    body["event_id"] = json!(uuid::Uuid::now_v7());
                    let (path, body) = match number % 7 {
                        6 => (BATCH, json!([body])),
                        _ => (EVENTS, body),
                    };
                    let (status, answer) = call(api, "POST", path, body.to_string()).await;
                    assert!(status.is_success(), "{status} {answer}");
                    *statuses.entry(status.as_u16()).or_default() += 1;
                    number += 1;
                    tokio::time::timeout(std::time::Duration::from_millis(15), stop.cancelled()).await.ok();
                }
                (correlation_id, number, statuses)
            })
        })
        .collect();
    let observer = {
        let (api, stop) = (one.api.clone(), stop.clone());
        tokio::spawn(async move {
            let mut looked = 0;
            while !stop.is_cancelled() {
                let (status, body) = call(&api, "GET", &format!("{EVENTS}?correlation_id=rem-0&limit=1000"), "").await;
                if status == StatusCode::OK {
                    let seen: BTreeSet<i64> = (body["data"].as_array().unwrap().iter())
                        .map(|event| event["event_data"]["number"].as_i64().unwrap())
                        .collect();
                    let beginning: BTreeSet<i64> = (0..i64::try_from(seen.len()).unwrap()).collect();
                    assert_eq!(seen, beginning, "an event was overtaken");
                    looked += 1;
                }
                tokio::task::yield_now().await;
            }
            looked
        })
    };
    for _ in 0..2 {
        postgres.stop();
        one.notices("database", false).await;
        until("events wait", async || redis.ask::<i64>(&["XLEN", STREAM]).await > 20).await;
        postgres.restart();
        drained(&redis).await;
        one.notices("database", true).await;
        other.notices("database", true).await;
    }
    stop.cancel();
    assert!(observer.await.unwrap() > 0);
    let mut all = BTreeSet::new();
    for sender in senders {
        let (correlation_id, sent, statuses) = sender.await.unwrap();
        // One of them may have waited for a connection while PostgreSQL was away, up to two seconds, and got a 201.
        all.extend(statuses.keys().copied());
        drained(&redis).await;
        assert_eq!(total(&one.api, &format!("correlation_id={correlation_id}")).await, sent);
        let stored = numbers(&other.api, &correlation_id).await;
        assert_eq!(stored.into_iter().collect::<BTreeSet<_>>(), (0..sent).collect(), "{correlation_id} {statuses:?}");
    }
    assert_eq!(all, BTreeSet::from([201, 202]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_stream_refuses_and_trims_nothing() {
    let (mut postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let instance = Instance::start(&postgres, &redis).await;
    postgres.stop();
    instance.notices("database", false).await;
    for number in 0..1000 {
        let (status, body) = call(&instance.api, "POST", EVENTS, event("rem-1", number).to_string()).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{number} {body}");
    }
    for (path, body) in [(EVENTS, event("rem-1", 1000)), (BATCH, json!([event("rem-2", 1)]))] {
        let reply = service_common::testing::call(&instance.api, "POST", path, body.to_string()).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{}", reply.body);
        assert_eq!(reply.body["type"], json!("urn:kubernaut:problem:dead-letter-full"));
        assert_eq!(reply.header("retry-after"), "5");
    }
    assert_eq!(redis.ask::<i64>(&["XLEN", STREAM]).await, 1000);
    postgres.restart();
    drained(&redis).await;
    instance.notices("database", true).await;
    assert_eq!(numbers(&instance.api, "rem-1").await, (0..1000).collect::<Vec<_>>());
    assert_eq!(total(&instance.api, "").await, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_streams_size_is_bounded_too() {
    let (postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let mut postgres = postgres;
    postgres.stop();
    let limits = DeadLetterConfig { max_bytes: 64 << 10, ..DeadLetterConfig::default() };
    let instance = Instance::start_with(&postgres, &redis, limits);
    instance.notices("redis", true).await;
    let mut big = event("rem-1", 1);
    big["event_data"]["text"] = json!("x".repeat(50_000));
    assert_eq!(call(&instance.api, "POST", EVENTS, big.to_string()).await.0, StatusCode::ACCEPTED);
    assert_eq!(call(&instance.api, "POST", EVENTS, big.to_string()).await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_store_is_parked_and_blocks_nothing() {
    let (mut postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let instance = Instance::start(&postgres, &redis).await;
    postgres.stop();
    instance.notices("database", false).await;
    let accept = async |number| call(&instance.api, "POST", EVENTS, event("rem-1", number).to_string()).await.0;
    assert_eq!(accept(0).await, StatusCode::ACCEPTED);
    // Three that are no events, and one that was never checked: copied from a good one, with another outcome.
    let _: String = redis.ask(&["XADD", STREAM, "*", "something", "else"]).await;
    let _: String = redis.ask(&["XADD", STREAM, "*", "events", "[{]"]).await;
    let _: String = redis.ask(&["XADD", STREAM, "*", "events", "[]", "correlation_ids", "nonsense"]).await;
    let entries: Vec<(String, Vec<String>)> = redis.ask(&["XRANGE", STREAM, "-", "+", "COUNT", "1"]).await;
    let unchecked = entries[0].1[1].replace("success", "perhaps").replace("\"event_id\":\"0", "\"event_id\":\"1");
    let _: String = redis.ask(&["XADD", STREAM, "*", "events", &unchecked, "correlation_ids", "[\"rem-1\"]"]).await;
    assert_eq!(accept(1).await, StatusCode::ACCEPTED);

    postgres.restart();
    drained(&redis).await;
    instance.notices("database", true).await;
    assert_eq!(numbers(&instance.api, "rem-1").await, [0, 1]);
    let parked: Vec<(String, Vec<String>)> = redis.ask(&["XRANGE", PARKED, "-", "+"]).await;
    assert_eq!(parked.len(), 3, "an entry without events is no harm: {parked:?}");
    assert!(parked[2].1.contains(&unchecked) && parked[2].1[3].contains("check"), "{parked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_events_are_stored_at_once() {
    let (mut postgres, mut redis) = (PostgresServer::start(), RedisServer::start());
    let instance = Instance::start(&postgres, &redis).await;
    let send = async |correlation_id, number| {
        let (status, body) = call(&instance.api, "POST", EVENTS, event(correlation_id, number).to_string()).await;
        assert!(status != StatusCode::SERVICE_UNAVAILABLE || body["detail"].is_string(), "{body}");
        status
    };
    // It does not answer: noticed or not, the event is stored.
    redis.pause(true);
    assert_eq!(send("rem-1", 0).await, StatusCode::CREATED);
    instance.notices("redis", false).await;
    assert_eq!(send("rem-1", 1).await, StatusCode::CREATED);
    redis.pause(false);
    instance.notices("redis", true).await;

    // Something waits, then Redis goes, and PostgreSQL comes back.
    postgres.stop();
    instance.notices("database", false).await;
    assert_eq!(send("rem-2", 0).await, StatusCode::ACCEPTED);
    redis.stop();
    instance.notices("redis", false).await;
    assert_eq!(send("rem-1", 2).await, StatusCode::SERVICE_UNAVAILABLE, "nobody is there");
    postgres.restart();
    instance.notices("database", true).await;
    assert_eq!(send("rem-1", 2).await, StatusCode::CREATED);
    assert_eq!(send("rem-2", 1).await, StatusCode::SERVICE_UNAVAILABLE, "its predecessor is out of reach");
    redis.restart();
    instance.notices("redis", true).await;
    drained(&redis).await;
    assert_eq!(send("rem-2", 1).await, StatusCode::CREATED);
    assert_eq!(numbers(&instance.api, "rem-1").await, [0, 1, 2]);
    assert_eq!(numbers(&instance.api, "rem-2").await, [0, 1]);
}

/// Redis as it is deployed, and ended with SIGKILL as soon as an event is acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_survives_the_end_of_redis() {
    let (mut postgres, mut redis) = (PostgresServer::start(), RedisServer::start_as_deployed());
    postgres.stop();
    let instance = Instance::start_with(&postgres, &redis, DeadLetterConfig::default());
    for number in [0, 2, 4] {
        instance.notices("redis", true).await;
        let batch = json!([event("rem-1", number + 1)]);
        for (path, body) in [(EVENTS, event("rem-1", number)), (BATCH, batch)] {
            let (status, body) = call(&instance.api, "POST", path, body.to_string()).await;
            assert_eq!((status, &body["durability"]), (StatusCode::ACCEPTED, &json!("disk")), "{body}");
        }
        redis.stop();
        instance.notices("redis", false).await;
        redis.restart();
    }
    instance.notices("redis", true).await;
    assert_eq!(redis.ask::<i64>(&["XLEN", STREAM]).await, 6);
    postgres.restart();
    drained(&redis).await;
    instance.notices("database", true).await;
    assert_eq!(numbers(&instance.api, "rem-1").await, (0..6).collect::<Vec<_>>());

    // What is promised is what Redis does at that moment.
    postgres.stop();
    instance.notices("database", false).await;
    for (setting, value, durability) in
        [("appendfsync", "everysec", "process"), ("appendonly", "no", "memory"), ("appendonly", "yes", "process")]
    {
        let _: String = redis.ask(&["CONFIG", "SET", setting, value]).await;
        let (_, body) = call(&instance.api, "POST", EVENTS, event("rem-2", 0).to_string()).await;
        assert_eq!(body["durability"], durability, "{setting} {value}");
    }
}
