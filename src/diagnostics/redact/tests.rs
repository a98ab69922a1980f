use serde_json::{Value, json};

use proptest::prelude::*;

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

/// Every text of an object, keys included.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            found.push(name.clone());
            texts(value, found);
        }),
        _ => {}
    }
}

/// Values of any letters, and values of so few letters that they overlap with each other and with the mask.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[ab*]{6,12}", "[ -~]{6,40}", "[a-z]{6,9}\n[A-Za-z0-9+/]{6,64}\n"]
}

proptest! {
    #[test]
    fn no_secret_survives(
        values in prop::collection::vec(value(), 1..5),
        parts in prop::collection::vec((any::<prop::sample::Index>(), 0..4u8, "[ab*]{0,8}|\\PC{0,12}"), 0..12),
    ) {
        let stored: serde_json::Map<String, Value> =
            values.iter().enumerate().map(|(at, value)| (format!("k{at}"), base64::encode(value.as_bytes()).into())).collect();
        let redactor = Redactor::of([&json!({"kind": "Secret", "data": stored})]);
        let written = parts.iter().map(|(index, form, between)| {
            let value = index.get(&values);
            let value = match form {
                0 => value.clone(),
                1 => Value::from(value.as_str()).to_string(),
                2 => base64::encode(value.as_bytes()),
                // Cut in two by another: what is left must not add up to a third.
                _ => format!("{}{value}{value}", &value[..value.chars().next().map_or(0, char::len_utf8)]),
            };
            format!("{between}{value}")
        });
        let text: String = written.collect();
        let known: Vec<_> = values.iter().filter(|value| value.len() >= SHORTEST).collect();
        let mut found = vec![redactor.text(&text)];
        let mut object = json!({"kind": "Pod", "metadata": {"name": text}, "spec": [{&text: {"x": [&text, 7]}}]});
        redactor.object(&mut object);
        texts(&object, &mut found);
        for found in found {
            for value in &known {
                prop_assert!(!found.contains(value.as_str()), "{value:?} is in {found:?}");
                let encoded = base64::encode(value.as_bytes());
                prop_assert!(!found.contains(&encoded), "{encoded:?} is in {found:?}");
            }
        }
    }

    #[test]
    fn what_is_no_secret_stays(text in "[a-z ,.:=]{0,80}") {
        prop_assume!(!text.contains("bearer"));
        prop_assert_eq!(Redactor::of_values(["QUITE-SECRET".into()]).text(&text), text);
    }
}
