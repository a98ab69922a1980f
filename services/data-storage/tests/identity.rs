//! An id is one event's: sent again it is stored once, and with other content it is refused.
#![allow(clippy::unwrap_used, reason = "tests, which fail by panicking")]

mod support;

use axum::http::StatusCode;
use chrono::{NaiveTime, TimeDelta, Utc};
use data_storage::dead_letter::PARKED;
use futures::future::join_all;
use serde_json::{Value, json};
use service_common::testing::{Reply, call};
use support::{BATCH, EVENTS, Instance, PostgresServer, RedisServer, drained, event, numbers, total};
use uuid::Uuid;

/// An event of this id, at the last moment of yesterday or the first of today.
fn at_midnight(id: Uuid, number: i64, is_today: bool) -> Value {
    let midnight = Utc::now().date_naive().and_time(NaiveTime::MIN).and_utc();
    let mut event = event("rem-1", number);
    event["event_id"] = json!(id);
    event["event_timestamp"] = json!(if is_today { midnight } else { midnight - TimeDelta::milliseconds(1) });
    event
}

/// The fields that a 409 names.
fn conflicting(reply: &Reply) -> Vec<&str> {
    assert_eq!(reply.status, StatusCode::CONFLICT, "{}", reply.body);
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert_eq!(reply.body["type"], "urn:kubernaut:problem:event-id-conflict");
    reply.bad_fields()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_one_events_on_whatever_day() {
    let (postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let Instance { api, .. } = &Instance::start(&postgres, &redis).await;
    let id = Uuid::now_v7();
    let send = async |path, body: Value| call(api, "POST", path, body.to_string()).await;
    let yesterday = at_midnight(id, 1, false);
    for _ in 0..2 {
        assert_eq!(send(EVENTS, yesterday.clone()).await.status, StatusCode::CREATED);
    }
    let mut same = yesterday.clone();
    same["event_data"] = json!({"number": 1.0});
    assert_eq!(send(EVENTS, same).await.status, StatusCode::CREATED, "1 and 1.0 are one number");

    // With the time of its second sending it is another event.
    assert_eq!(conflicting(&send(EVENTS, at_midnight(id, 1, true)).await), ["event_id"]);
    let changes = [
        ("event_data", json!({"number": 2})),
        ("event_outcome", json!("failure")),
        ("correlation_id", json!("rem-2")),
        ("actor_id", json!("somebody")),
        ("duration_ms", json!(1)),
    ];
    for (name, value) in changes {
        let mut other = yesterday.clone();
        other[name] = value;
        assert_eq!(conflicting(&send(EVENTS, other).await), ["event_id"], "{name}");
    }
    assert_eq!(total(api, "").await, 1);

    // In a batch: what is there already is kept, and with one conflict nothing is.
    let new = |number| at_midnight(Uuid::now_v7(), number, true);
    assert_eq!(send(BATCH, json!([new(2), yesterday])).await.status, StatusCode::CREATED);
    let reply = send(BATCH, json!([new(3), at_midnight(id, 1, true), yesterday.clone(), new(4)]));
    assert_eq!(reply.await.bad_fields(), ["[2].event_id"], "twice in one batch is wrong in itself");
    let reply = send(BATCH, json!([new(3), at_midnight(id, 1, true), new(4)])).await;
    assert_eq!(conflicting(&reply), ["[1].event_id"]);
    assert_eq!(numbers(api, "rem-1").await, [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_is_stored() {
    let (postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let (one, other) = tokio::join!(Instance::start(&postgres, &redis), Instance::start(&postgres, &redis));
    let apis = [&one.api, &other.api];
    for round in 0..5 {
        // Batches of the same ids in different orders, from both days, and single events of these ids.
        let ids = [Uuid::now_v7(), Uuid::now_v7()];
        let calls = (0..24).map(|number: usize| {
            let mut batch = ids.map(|id| at_midnight(id, round, number.is_multiple_of(2)));
            batch.rotate_left(number / 2 % 2);
            let (path, body) = if number < 16 { (BATCH, json!(batch)) } else { (EVENTS, batch[0].clone()) };
            call(apis[number % 3 % 2], "POST", path, body.to_string())
        });
        let replies = join_all(calls).await;
        let stored = replies.iter().filter(|reply| reply.status == StatusCode::CREATED).count();
        let refused = replies.iter().filter(|reply| reply.status == StatusCode::CONFLICT).count();
        let statuses: Vec<_> = replies.iter().map(|reply| reply.status.as_u16()).collect();
        assert!(stored > 0 && stored + refused == replies.len(), "{statuses:?}");
        assert_eq!(total(&one.api, "").await, 2 * (round + 1), "each id once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_version_has_stored_counts() {
    let (postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let first = Instance::start(&postgres, &redis).await;
    let id = Uuid::now_v7();
    let sent = at_midnight(id, 1, false);
    assert_eq!(call(&first.api, "POST", EVENTS, sent.to_string()).await.status, StatusCode::CREATED);

    // It runs beside this one, and knows nothing of ids.
    sqlx::query("DELETE FROM audit_event_ids").execute(first.store.pool()).await.unwrap();
    let mut other = sent.clone();
    other["event_data"] = json!({"number": 2});
    assert_eq!(conflicting(&call(&first.api, "POST", EVENTS, other.to_string()).await), ["event_id"]);
    assert_eq!(call(&first.api, "POST", EVENTS, sent.to_string()).await.status, StatusCode::CREATED);

    // It has run before.
    for undo in ["DROP TABLE audit_event_ids", "DELETE FROM _sqlx_migrations WHERE version = 3"] {
        sqlx::query(undo).execute(first.store.pool()).await.unwrap();
    }
    let second = Instance::start(&postgres, &redis).await;
    let reply = call(&second.api, "POST", EVENTS, at_midnight(id, 1, true).to_string()).await;
    assert_eq!(conflicting(&reply), ["event_id"]);
    assert_eq!(call(&second.api, "POST", EVENTS, sent.to_string()).await.status, StatusCode::CREATED);
    assert_eq!(total(&second.api, "").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_from_the_stream_meets_the_same_rule() {
    let (mut postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let instance = Instance::start(&postgres, &redis).await;
    let send = async |path, body: Value| call(&instance.api, "POST", path, body.to_string()).await.status;
    let id = Uuid::now_v7();
    let new = |number| at_midnight(Uuid::now_v7(), number, true);
    assert_eq!(send(EVENTS, at_midnight(id, 0, false)).await, StatusCode::CREATED);
    postgres.stop();
    instance.notices("database", false).await;
    let waiting = [
        (EVENTS, at_midnight(id, 7, false)),
        (EVENTS, at_midnight(id, 0, false)),
        (BATCH, json!([new(1), at_midnight(id, 8, true), new(2)])),
        (EVENTS, new(3)),
    ];
    for (path, body) in waiting {
        assert_eq!(send(path, body).await, StatusCode::ACCEPTED);
    }
    postgres.restart();
    drained(&redis).await;
    instance.notices("database", true).await;
    let mut stored = numbers(&instance.api, "rem-1").await;
    stored.sort_unstable();
    assert_eq!(stored, [0, 1, 2, 3]);

    // The conflicting ones are set aside, each with the reason, and counted.
    let parked: Vec<(String, Vec<String>)> = redis.ask(&["XRANGE", PARKED, "-", "+"]).await;
    assert_eq!(instance.metrics.dead_letter_parked.get(), 2);
    let numbers: Vec<i64> = parked
        .iter()
        .flat_map(|(_, fields)| {
            assert_eq!(fields[2..5], ["reason", "the id is another event's", "events"], "{fields:?}");
            serde_json::from_str::<Vec<Value>>(&fields[5]).unwrap()
        })
        .map(|event| event["event_data"]["number"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, [7, 8], "{parked:?}");
}
