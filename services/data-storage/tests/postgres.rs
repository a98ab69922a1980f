//! The events in a real PostgreSQL, which the tests start themselves. On a host that has neither the packages nor a
//! container engine they are listed as ignored, with the reason: never passed without having run.
#![allow(clippy::unwrap_used, reason = "tests, which fail by panicking")]

mod support;

use axum::http::StatusCode;
use chrono::{Datelike, TimeDelta, Utc};
use serde_json::{Value, json};
use support::{BATCH, EVENTS, Instance, PostgresServer, RedisServer, call, event, total, until};

async fn start() -> (PostgresServer, RedisServer, Instance) {
    let (postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let instance = Instance::start(&postgres, &redis).await;
    (postgres, redis, instance)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_is_answered() {
    let (_postgres, _redis, instance) = start().await;
    let api = &instance.api;

    let mut sent = event("rem-1", 1);
    sent["event_id"] = json!("018f0000-0000-7000-8000-000000000001");
    sent["event_data"] = json!({"text": "'; DROP TABLE audit_events; --", "deep": {"list": [1, 2.5, null, "ü"]}});
    let (status, body) = call(api, "POST", EVENTS, sent.to_string()).await;
    assert_eq!((status, &body["event_id"]), (StatusCode::CREATED, &sent["event_id"]), "{body}");

    // Sent again, it is stored once: a client that has lost the answer may repeat itself.
    assert_eq!(call(api, "POST", EVENTS, sent.to_string()).await.0, StatusCode::CREATED);
    let (_, body) = call(api, "GET", &format!("{EVENTS}?correlation_id=rem-1"), "").await;
    assert_eq!(body["pagination"], json!({"limit": 100, "offset": 0, "total": 1, "has_more": false}));
    let stored = &body["data"][0];
    for name in ["event_id", "version", "event_type", "event_action", "event_outcome", "correlation_id", "event_data"] {
        assert_eq!(stored[name], sent[name], "{name}");
    }
    assert_eq!(stored["actor_id"], Value::Null);
    assert_eq!(stored["event_date"], json!(Utc::now().date_naive().to_string()));
    assert!(total(api, "correlation_id=%27%20OR%201%3D1%20--").await == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_stored_whole_or_not_at_all() {
    let (_postgres, _redis, instance) = start().await;
    let api = &instance.api;
    let batch: Vec<Value> = (0..250).map(|number| event("rem-2", number)).collect();
    let (status, body) = call(api, "POST", BATCH, json!(batch).to_string()).await;
    assert_eq!((status, body["event_ids"].as_array().map(Vec::len)), (StatusCode::CREATED, Some(250)), "{body}");

    // Newest first, page by page, nothing twice and nothing left out.
    let mut numbers = Vec::new();
    for offset in [0, 100, 200] {
        let (_, page) = call(api, "GET", &format!("{EVENTS}?correlation_id=rem-2&offset={offset}"), "").await;
        assert_eq!(page["pagination"]["total"], json!(250));
        assert_eq!(page["pagination"]["has_more"], json!(offset < 200));
        numbers.extend(
            page["data"].as_array().unwrap().iter().map(|event| event["event_data"]["number"].as_i64().unwrap()),
        );
    }
    assert_eq!(numbers, (0..250).rev().collect::<Vec<_>>());
    // Beyond the end there is nothing, and the total is still true.
    let (_, page) = call(api, "GET", &format!("{EVENTS}?correlation_id=rem-2&offset=300"), "").await;
    assert_eq!(page["pagination"], json!({"limit": 100, "offset": 300, "total": 250, "has_more": false}));

    let mut bad = json!([event("rem-3", 1), event("rem-3", 2), event("rem-3", 3)]);
    bad[1]["event_outcome"] = json!("maybe");
    let (status, body) = call(api, "POST", BATCH, bad.to_string()).await;
    assert_eq!((status, &body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("[1].event_outcome")));
    assert_eq!(total(api, "correlation_id=rem-3").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_great_total_is_a_lower_bound() {
    let (_postgres, _redis, instance) = start().await;
    for batch in 0..3 {
        let events: Vec<Value> = (0..4000).map(|number| event("rem-6", batch * 4000 + number)).collect();
        assert_eq!(call(&instance.api, "POST", BATCH, json!(events).to_string()).await.0, StatusCode::CREATED);
    }
    let ask = async |offset: i64| {
        let path = format!("{EVENTS}?correlation_id=rem-6&limit=1000&offset={offset}");
        call(&instance.api, "GET", &path, "").await.1["pagination"].clone()
    };
    let bound = json!({"limit": 1000, "offset": 0, "total": 10000, "has_more": true, "total_is_lower_bound": true});
    assert_eq!(ask(0).await, bound);
    assert_eq!(ask(11_000).await, json!({"limit": 1000, "offset": 11000, "total": 12000, "has_more": false}));
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_months_and_restarts() {
    let (mut postgres, redis) = (PostgresServer::start(), RedisServer::start());
    // Two instances that start together take turns.
    let (first, second) = tokio::join!(Instance::start(&postgres, &redis), Instance::start(&postgres, &redis));
    let (api, other) = (&first.api, &second.api);

    // An event of a month that has no partition yet.
    let old_time = Utc::now() - TimeDelta::days(400);
    let mut old = event("rem-4", 0);
    old["event_timestamp"] = json!(old_time.to_rfc3339());
    old["event_outcome"] = json!("failure");
    let (a, b) = tokio::join!(call(api, "POST", EVENTS, old.to_string()), call(other, "POST", EVENTS, old.to_string()));
    assert_eq!((a.0, b.0), (StatusCode::CREATED, StatusCode::CREATED), "{} {}", a.1, b.1);
    assert_eq!(call(api, "POST", EVENTS, event("rem-4", 1).to_string()).await.0, StatusCode::CREATED);
    assert_eq!(total(api, "event_outcome=failure").await, 2);
    let since = format!("{}-01-01T00:00:00Z", old_time.year() + 1);
    assert_eq!(total(api, &format!("correlation_id=rem-4&since={since}")).await, 1);
    assert_eq!(total(api, &format!("correlation_id=rem-4&until={since}")).await, 2);
    assert_eq!(total(api, "correlation_id=rem-4&severity=critical").await, 0);

    // A month ahead that is missing (as at the turn of a month) is made while the service runs.
    let ahead = "SELECT 'audit_events_' || to_char((now() AT TIME ZONE 'UTC') + interval '3 months', 'YYYY_MM')";
    let partition: String = sqlx::query_scalar(ahead).fetch_one(first.store.pool()).await.unwrap();
    let drop = sqlx::AssertSqlSafe(format!("DROP TABLE {partition}"));
    sqlx::query(drop).execute(first.store.pool()).await.unwrap();
    until("the partition is made", async || {
        let there = "SELECT to_regclass($1) IS NOT NULL";
        sqlx::query_scalar(there).bind(&partition).fetch_one(first.store.pool()).await.unwrap()
    })
    .await;

    // The database goes, and comes back empty: it is noticed, and migrated again.
    postgres.stop();
    first.notices("database", false).await;
    assert_eq!(call(api, "GET", EVENTS, "").await.0, StatusCode::SERVICE_UNAVAILABLE);
    postgres.restart_empty();
    first.notices("database", true).await;
    assert_eq!(call(api, "POST", EVENTS, event("rem-5", 1).to_string()).await.0, StatusCode::CREATED);
    assert_eq!(total(api, "").await, 1);
}

/// Made by the manifests' own script; every test here works with this role, migrations included.
#[tokio::test(flavor = "multi_thread")]
async fn the_service_owns_its_database_and_is_no_superuser() {
    let (_postgres, _redis, instance) = start().await;
    let pool = instance.store.pool();
    let rights = "SELECT rolname::text, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles \
         WHERE rolname = current_user";
    let rights: (String, bool, bool, bool, bool, bool) = sqlx::query_as(rights).fetch_one(pool).await.unwrap();
    assert_eq!(rights, ("slm_user".to_owned(), false, false, false, false, false));
    let owner = "SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()";
    assert_eq!(sqlx::query_scalar::<_, String>(owner).fetch_one(pool).await.unwrap(), "slm_user");
    let members = "SELECT count(*) FROM pg_auth_members WHERE member = current_user::regrole";
    assert_eq!(sqlx::query_scalar::<_, i64>(members).fetch_one(pool).await.unwrap(), 0);
    for forbidden in [
        "CREATE ROLE another",
        "CREATE DATABASE another",
        "ALTER ROLE slm_user SUPERUSER",
        "SET ROLE postgres",
        "COPY audit_events TO PROGRAM 'true'",
        "SELECT pg_read_file('postgresql.conf')",
    ] {
        let error = sqlx::raw_sql(forbidden).execute(pool).await.expect_err(forbidden);
        let code = error.as_database_error().and_then(|error| error.code()).unwrap().into_owned();
        assert_eq!(code, "42501", "{forbidden}: {error}");
    }
}
