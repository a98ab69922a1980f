use serde_json::{Value, json};

use super::*;

fn secret(value: &str) -> Value {
    json!({"kind": "Secret", "data": {"password": base64::encode(value.as_bytes())}, "stringData": {"other": "tr0ub4dor"}})
}

#[test]
fn base64_is_read_and_written() {
    for (plain, encoded) in
        [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("\u{1}ü~", "AcO8fg")]
    {
        assert_eq!(base64::encode(plain.as_bytes()), encoded);
        assert_eq!(base64::decode(encoded).unwrap(), plain.as_bytes());
    }
    assert_eq!(base64::decode("Zm8=\n").unwrap(), b"fo");
    assert_eq!(base64::decode("not base64!"), None);
}

#[test]
fn an_object_keeps_all_but_its_secrets() {
    let mut object = json!({
        "kind": "Secret",
        "metadata": {"name": "db", "managedFields": [{"x": 1}], "annotations": {LAST_APPLIED: "{data: cGFzcw==}", "keep": "me"}},
        "data": {"password": "aHVudGVyMjI="},
        "stringData": {"user": "ann"},
        "type": "Opaque",
    });
    Redactor::default().object(&mut object);
    let expected = json!({
        "kind": "Secret",
        "metadata": {"name": "db", "annotations": {"keep": "me"}},
        "data": {"password": MASK},
        "stringData": {"user": MASK},
        "type": "Opaque",
    });
    assert_eq!(object, expected);
}

#[test]
fn variables_are_judged_by_their_names() {
    let mut pod = json!({"kind": "Pod", "spec": {"containers": [{"name": "monkey", "env": [
        {"name": "DB_PASSWORD", "value": "x"}, {"name": "api_token", "value": "y"}, {"name": "SSH_KEY", "value": "z"},
        {"name": "PORT", "value": "80"}, {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "db", "key": "t"}}},
    ]}]}});
    Redactor::default().object(&mut pod);
    let values = ["/0/value", "/1/value", "/2/value", "/3/value"]
        .map(|at| pod.pointer("/spec/containers/0/env").unwrap().pointer(at).unwrap().as_str().unwrap());
    assert_eq!(values, [MASK, MASK, MASK, "80"]);
    assert_eq!(pod.pointer("/spec/containers/0/env/4/valueFrom/secretKeyRef/key").unwrap(), "t");
}

#[test]
fn tokens_are_known_by_their_shape() {
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl-_";
    let redactor = Redactor::default();
    for (text, clean) in [
        (format!("token {jwt}, next"), "token ***, next"),
        ("Authorization: Bearer abcdef0123456789 ok".into(), "Authorization: Bearer *** ok"),
        (r#"{"authorization":"bearer abcdef0123456789"}"#.into(), r#"{"authorization":"bearer ***"}"#),
        ("the bearer of bad news".into(), "the bearer of bad news"),
        ("eyJust a word ünd BEARER".into(), "eyJust a word ünd BEARER"),
    ] {
        assert_eq!(redactor.text(&text), clean);
    }
}

#[test]
fn values_are_found_in_every_form() {
    let redactor = Redactor::of([&secret("p@ss w\"rd/1")]);
    let base64 = base64::encode(b"p@ss w\"rd/1");
    for text in ["p@ss w\"rd/1", "p%40ss%20w%22rd%2F1", "p@ss w\\\"rd/1", "tr0ub4dor", &base64] {
        assert_eq!(redactor.text(&format!("<{text}>")), "<***>", "{text}");
    }
    assert_eq!(Redactor::of_values(["short".into()]).text("short"), "short");
}

#[test]
fn cutting_one_value_does_not_leave_another() {
    let values = ["abcdef", "defghi", "x***yz", "aaaaaa", "******", "ünïcödé"].map(str::to_owned);
    let redactor = Redactor::of_values(values.clone());
    for text in ["abcdefghi", "xabcdefyz", "aaaaaaaaa", "*********", "xabcdefyzabcdef", "üünïcödéé", "abcdef***"]
    {
        let clean = redactor.text(text);
        assert!(values.iter().all(|value| !clean.contains(value)), "{text} became {clean}");
    }
}
