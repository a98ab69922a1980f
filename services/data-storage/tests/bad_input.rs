//! Everything that a client may get wrong: the status, the field that is named, and nothing stored.
#![allow(clippy::unwrap_used, reason = "tests, which fail by panicking")]

mod support;

use axum::http::StatusCode;
use data_storage::dead_letter::STREAM;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use support::{BATCH, EVENTS, Instance, PostgresServer, RedisServer, call, event, total};

/// A good event but for one field.
fn but(name: &str, value: Value) -> Vec<u8> {
    let mut event = event("rem-1", 1);
    event[name] = value;
    event.to_string().into_bytes()
}

fn without(name: &str) -> Vec<u8> {
    let mut event = event("rem-1", 1);
    event.as_object_mut().unwrap().remove(name);
    event.to_string().into_bytes()
}

/// A good event in which one text is exchanged for bytes that are no JSON writer's.
fn bytes(what: &[u8]) -> Vec<u8> {
    let text = but("actor_id", json!("HERE"));
    let at = text.windows(4).position(|window| window == b"HERE").unwrap();
    [&text[..at], what, &text[at + 4..]].concat()
}

/// Body, status, field named (or none).
fn bad_events() -> Vec<(Vec<u8>, u16, Option<&'static str>)> {
    let deep = format!("{{\"event_data\":{}1{}}}", "{\"a\":".repeat(200), "}".repeat(200));
    let long = "x".repeat(256);
    let mut cases = vec![
        (b"".to_vec(), 400, None),
        (b"{".to_vec(), 400, None),
        (b"[]".to_vec(), 400, Some("")),
        (b"null".to_vec(), 400, Some("")),
        (deep.into_bytes(), 400, None),
        (vec![b' '; (1 << 20) + 1], 413, None),
        // Broken UTF-8: a lone byte, an overlong slash, half a surrogate pair.
        (bytes(b"\xff"), 400, None),
        (bytes(b"\xc0\xaf"), 400, None),
        (bytes(b"\\ud800"), 400, None),
        (bytes(b"\\u0000"), 400, Some("actor_id")),
        (but("event_data", json!({"a": {"b": ["\0"]}})), 400, Some("event_data")),
        (but("event_data", json!({"\0": 1})), 400, Some("event_data")),
        (but("event_data", json!("text")), 400, Some("event_data")),
        (but("event_data", json!([1])), 400, Some("event_data")),
        (but("event_outcome", json!("maybe")), 400, Some("event_outcome")),
        (but("event_outcome", json!("SUCCESS")), 400, Some("event_outcome")),
        (but("severity", json!("terrible")), 400, Some("severity")),
        (but("duration_ms", json!(-1)), 400, Some("duration_ms")),
        (but("duration_ms", json!(1.5)), 400, Some("duration_ms")),
        (but("duration_ms", json!(1e300)), 400, Some("duration_ms")),
        (but("duration_ms", json!("12")), 400, Some("duration_ms")),
        (but("event_id", json!("7")), 400, Some("event_id")),
        (but("retention_days", json!(1)), 400, Some("retention_days")),
    ];
    for time in ["yesterday", "", "2025-13-01T00:00:00Z", "2025-01-01", "2999-01-01T00:00:00Z", "0000-01-01T00:00:00Z"]
    {
        cases.push((but("event_timestamp", json!(time)), 400, Some("event_timestamp")));
    }
    cases.push((but("event_timestamp", json!(1_700_000_000)), 400, Some("event_timestamp")));
    for name in ["version", "event_type", "event_category", "event_action", "correlation_id"] {
        for value in [json!(7), json!(""), json!(long), json!(null), json!(["x"])] {
            cases.push((but(name, value), 400, Some(name)));
        }
        cases.push((without(name), 400, Some(name)));
    }
    for name in ["event_outcome", "event_timestamp", "event_data"] {
        cases.push((without(name), 400, Some(name)));
    }
    for name in ["actor_type", "actor_id", "resource_type", "resource_id", "namespace"] {
        for value in [json!(7), json!(long), json!({})] {
            cases.push((but(name, value), 400, Some(name)));
        }
    }
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_wrong_is_stored() {
    let (postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let Instance { api, .. } = &Instance::start(&postgres, &redis).await;
    let shown = |body: &[u8]| String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
    for (body, expected, field) in bad_events() {
        let reply = service_common::testing::call(api, "POST", EVENTS, body.clone()).await;
        assert_eq!(reply.status.as_u16(), expected, "{} {}", shown(&body), reply.body);
        assert_eq!(reply.header("content-type"), "application/problem+json");
        assert_eq!(reply.bad_fields().first().copied(), field, "{} {}", shown(&body), reply.body);
        // The same as the second of a batch, after a good one.
        if body.first() == Some(&b'{') {
            let batch = [b"[", event("rem-1", 2).to_string().as_bytes(), b",", &body, b"]"].concat();
            let reply = service_common::testing::call(api, "POST", BATCH, batch).await;
            assert_eq!(reply.status.as_u16(), expected, "batch of {} {}", shown(&body), reply.body);
            let named = field.map(|field| format!("[1].{field}"));
            assert_eq!(reply.bad_fields().first().map(|name| (*name).to_owned()), named, "{}", reply.body);
        }
    }
    let too_large = format!("[{}]", vec![event("rem-1", 3).to_string(); 20_000].join(","));
    for (body, expected) in [("{}", 400), ("[]", 400), ("[7]", 400), ("[", 400), ("\"\"", 400), (&*too_large, 413)] {
        let (status, answer) = call(api, "POST", BATCH, body.to_owned()).await;
        assert_eq!((status.as_u16(), &answer["status"]), (expected, &json!(expected)), "{answer}");
    }
    for query in [
        "limit=1001",
        "limit=0",
        "limit=-1",
        "limit=1e3",
        "offset=100001",
        "offset=18446744073709551616",
        "since=now",
        "until=1",
        "severity=x",
        "correlation_id=%00",
        "correlation_id=%FF",
        "x=1",
    ] {
        let reply = service_common::testing::call(api, "GET", &format!("{EVENTS}?{query}"), "").await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{query} {}", reply.body);
        assert_eq!(reply.bad_fields(), [query.split_once('=').unwrap().0]);
    }
    assert_eq!(total(api, "").await, 0);
    assert_eq!(redis.ask::<i64>(&["XLEN", STREAM]).await, 0);
}

/// Whatever text there is in an event comes back as it was sent, and finds its event and no other.
#[test]
fn any_text_is_stored_and_found_literally() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let instance = runtime.block_on(Instance::start(&postgres, &redis));
    let metacharacters = prop::sample::select(vec![
        "'; DROP TABLE audit_events; --",
        "%",
        "_",
        "\\",
        "\"",
        "''",
        "$1",
        "E'\\x'",
        "a' OR '1'='1",
        "\u{1f600}",
        "{,}",
        "NULL",
        "\u{202e}\u{feff}",
        "\n\t\r",
        "{\"a\":1}",
        "ß\u{301}",
    ]);
    let text = prop_oneof![metacharacters.prop_map(str::to_owned), "[^\0]{1,40}"];
    let texts = (text.clone(), text.clone(), text)
        .prop_filter("not blank", |texts| [&texts.0, &texts.1, &texts.2].iter().all(|text| !text.trim().is_empty()));
    let mut runner = TestRunner::new(Config { cases: 100, failure_persistence: None, ..Config::default() });
    runner
        .run(&texts, |(correlation, kind, data)| {
            runtime.block_on(async {
                // The number makes the correlation id this case's own.
                let correlation = format!("{correlation}{}", uuid::Uuid::new_v4());
                let mut sent = event(&correlation, 0);
                sent["event_type"] = json!(kind);
                sent["event_data"] = json!({&data: [&data]});
                let (status, answer) = call(&instance.api, "POST", EVENTS, sent.to_string()).await;
                prop_assert_eq!(status, StatusCode::CREATED, "{}", answer);
                let encode = |text: &str| {
                    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
                };
                let query = format!("{EVENTS}?correlation_id={}&event_type={}", encode(&correlation), encode(&kind));
                let (status, page) = call(&instance.api, "GET", &query, "").await;
                prop_assert_eq!(status, StatusCode::OK, "{}", page);
                prop_assert_eq!(page["data"].as_array().map(Vec::len), Some(1));
                for name in ["correlation_id", "event_type", "event_data"] {
                    prop_assert_eq!(&page["data"][0][name], &sent[name]);
                }
                Ok(())
            })
        })
        .unwrap();
}
