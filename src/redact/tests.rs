use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn knowing(values: &[&str]) -> Redactor {
    let redactor = Redactor::default();
    redactor.learn(values);
    redactor
}

#[test]
fn an_object_keeps_all_but_its_secrets() {
    let mut object = json!({
        "kind": "Secret",
        "metadata": {"name": "db", "managedFields": [{"x": 1}], "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{data: cGFzcw==}", "keep": "me"}},
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
fn arguments_and_fields_are_judged_by_their_names() {
    let mut object = json!({
        "kind": "Database",
        "spec": {
            "args": ["--db-password", "x1", "--token=y1", "--verbose", "plain", "--password", "--next"],
            "command": ["sh", "-c", "PGPASSWORD=z1 psql"],
            "clientSecret": "c1", "secretName": "a-name", "passwordSecretRef": {"name": "a-ref", "key": "password"},
            "tokenFile": "/var/run/token",
        },
    });
    Redactor::default().object(&mut object);
    let expected = json!({
        "args": ["--db-password", MASK, "--token=***", "--verbose", "plain", "--password", "--next"],
        "command": ["sh", "-c", "PGPASSWORD=*** psql"],
        "clientSecret": MASK, "secretName": "a-name", "passwordSecretRef": {"name": "a-ref", "key": "password"},
        "tokenFile": "/var/run/token",
    });
    assert_eq!(object["spec"], expected);
}

#[rstest]
#[case::web_token(
    "token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl-_, next",
    "token ***, next"
)]
#[case::bearer("Authorization: Bearer abcdef0123456789 ok", "Authorization: Bearer *** ok")]
#[case::bearer_in_json(r#"{"authorization":"bearer abcdef0123456789"}"#, r#"{"authorization":"bearer ***"}"#)]
#[case::no_token("the bearer of bad news", "the bearer of bad news")]
#[case::no_token_either("eyJust a word ünd BEARER", "eyJust a word ünd BEARER")]
#[case::url("GET postgres://ann:p%40ss:w@db:5432/x failed", "GET postgres://ann:***@db:5432/x failed")]
#[case::token_in_a_url("https://ghp_0123456789abcdefghij@github.com/x", "https://***@github.com/x")]
#[case::user_in_a_url("ssh://git@github.com/x?a=b@c", "ssh://git@github.com/x?a=b@c")]
#[case::address("http://127.0.0.1:8080/a@b", "http://127.0.0.1:8080/a@b")]
#[case::option("kubectl --token=abc get --db-password='a b' x", "kubectl --token=*** get --db-password='***' x")]
#[case::variable("env API_KEY=abc PATH=/bin", "env API_KEY=*** PATH=/bin")]
#[case::file("--token-file=/var/run/token --secret-name=db", "--token-file=/var/run/token --secret-name=db")]
#[case::prose("token=abc, a secret = none", "token=abc, a secret = none")]
fn secrets_are_known_by_their_shape(#[case] text: &str, #[case] masked: &str) {
    assert_eq!(Redactor::default().text(text), masked);
}

#[test]
fn a_secret_teaches_its_values_and_what_is_in_them() {
    let redactor = Redactor::default();
    let twice = STANDARD.encode(STANDARD.encode("encoded-by-hand"));
    let auths = json!({"auths": {"registry": {"username": "ann", "password": "registry-pass", "auth": "YW5uOnJlZ2lzdHJ5"}}});
    redactor.learn_object(&json!({
        "kind": "Secret",
        "data": {"a": "aHVudGVyMjIyMgo=", "b": twice, "c": STANDARD.encode(auths.to_string()), "d": "no base64!"},
        "stringData": {"url": "postgres://ann:in-a-url@db/x"},
    }));
    for secret in ["hunter2222", "encoded-by-hand", "registry-pass", "YW5uOnJlZ2lzdHJ5", "no base64!", "in-a-url"] {
        assert_eq!(redactor.text(&format!("<{secret}>")), "<***>", "{secret}");
    }
}

#[test]
fn variables_and_arguments_teach_their_values() {
    let redactor = Redactor::default();
    redactor.learn_object(&json!({"kind": "Pod", "spec": {"containers": [{
        "env": [{"name": "DB_PASSWORD", "value": "from-variable"}, {"name": "SECRET_NAME", "value": "the-name"}],
        "args": ["--password", "from-argument", "--token=from-option", "--token-file", "/var/run/token"],
    }]}}));
    let text = "from-variable from-argument from-option the-name /var/run/token";
    assert_eq!(redactor.text(text), "*** *** *** the-name /var/run/token");
}

#[test]
fn credentials_of_a_kubeconfig_are_learned() {
    let mut config = kube::Config::new(http::Uri::from_static("http://127.0.0.1:1"));
    let user = json!({"token": "opaque-token", "password": "basic-password", "client-key-data": STANDARD.encode("a private key"),
        "exec": {"command": "login", "env": [{"name": "LOGIN_TOKEN", "value": "token-of-plugin"}]}});
    config.auth_info = serde_json::from_value(user).unwrap();
    let redactor = Redactor::default();
    redactor.learn_credentials(&config);
    assert_eq!(redactor.text("opaque-token basic-password a private key token-of-plugin"), "*** *** *** ***");
}

#[test]
fn what_the_suite_names_is_no_secret() {
    let redactor = knowing(&["postgres", "postgres-1"]);
    redactor.spare(["postgresql"]);
    assert_eq!(redactor.text("component postgresql: user postgres, postgres-1"), "component postgresql: user postgres, ***");
}

#[test]
fn a_mask_in_place_is_as_wide() {
    let redactor = knowing(&["hunter2222", "pässwörd", "密码密码", "******"]);
    let text = "3 | password: hunter2222 pässwörd 密码密码 x\n  |           ^^^^";
    let masked = redactor.text_in_place(text);
    assert_eq!(masked, "3 | password: ********** ******** ******** x\n  |           ^^^^");
    assert_eq!(redactor.text_in_place("--token=********"), "--token=********");
}

#[test]
fn reports_stay_json() {
    let redactor = knowing(&["1234567", "hunter2222"]);
    let mut report = json!({"wall": 1234567, "why": "hunter2222 at 1234567", "hunter2222": [true]});
    redactor.strings(&mut report);
    assert_eq!(report, json!({"wall": 1234567, "why": "*** at ***", "hunter2222": [true]}));
    let mut object = json!({"pin": 1234567, "replicas": 3});
    redactor.object(&mut object);
    assert_eq!(object, json!({"pin": MASK, "replicas": 3}));
}

#[test]
fn clones_share_what_they_know() {
    let (one, other) = (Redactor::default(), Redactor::default());
    let same = one.clone();
    assert_eq!(same.text("hunter2222"), "hunter2222");
    one.learn(["hunter2222"]);
    assert_eq!((&*same.text("hunter2222"), &*other.text("hunter2222")), (MASK, "hunter2222"));
    assert!(!format!("{one:?}").contains("hunter"));
}

#[test]
fn the_automaton_is_built_when_a_value_is_new() {
    let redactor = knowing(&["hunter2222"]);
    let first = redactor.search();
    redactor.learn(["hunter2222", "short"]);
    redactor.learn_object(&json!({"kind": "Secret", "stringData": {"a": "hunter2222"}}));
    assert!(Arc::ptr_eq(&first, &redactor.search()));
    redactor.learn(["correct-horse"]);
    assert!(!Arc::ptr_eq(&first, &redactor.search()));
}

/// A tenth of the largest bundle, with a hundred Secrets.
#[test]
fn a_large_text_is_masked_in_time() {
    let redactor = Redactor::default();
    let value = |at: usize| format!("value-{at:03}-{:x}", (at + 7).pow(5));
    for at in 0..100 {
        let key: String = (0..40).map(|line| format!("{:064x}\n", (line + 1) * (at + 3))).collect();
        let key = format!("-----BEGIN PRIVATE KEY-----\n{key}-----END PRIVATE KEY-----\n");
        redactor.learn_object(&json!({"kind": "Secret", "stringData": {"password": value(at), "tls.key": key}}));
    }
    let line = |at: usize| format!("12:00:00 level=info msg=\"GET http://api:80/x?id={at}\" user={}\n", value(at % 1000));
    let text: String = (0..70_000).map(line).collect();
    let began = std::time::Instant::now();
    let masked = redactor.text(&text);
    let took = began.elapsed();
    println!("{} bytes in {took:?}", text.len());
    assert_eq!(masked.matches(MASK).count(), 7_000);
    // Far more than it takes, and far less than a search for each value by itself.
    assert!(took < std::time::Duration::from_secs(20), "{took:?}");
}

#[test]
fn cutting_one_value_does_not_leave_another() {
    let values = ["abcdef", "defghi", "x***yz", "aaaaaa", "******", "ünïcödé"];
    let redactor = knowing(&values);
    for text in ["abcdefghi", "xabcdefyz", "aaaaaaaaa", "*********", "xabcdefyzabcdef", "üünïcödéé", "abcdef***"] {
        let masked = redactor.text(text);
        assert!(values.iter().all(|value| !masked.contains(value)), "{text} became {masked}");
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

/// A value as programs write it, and what of that must be gone.
fn written(value: &str, form: u8, before: &str) -> (String, String) {
    let json = |text: &str| Value::from(text).to_string();
    let inner = |quoted: String| quoted[1..quoted.len() - 1].to_owned();
    let encoded = STANDARD_NO_PAD.encode(value);
    match form {
        0 => (value.to_owned(), value.to_owned()),
        1 => (json(value), inner(json(value))),
        2 => (json(&json(value)), inner(json(&inner(json(value))))),
        3 => (STANDARD.encode(value), encoded),
        4 => (URL_SAFE.encode(value), encoded),
        5 => (STANDARD.encode(STANDARD.encode(value)), STANDARD_NO_PAD.encode(encoded)),
        6 => (percent(value), percent(value)),
        7 => (format!("{value:?}"), inner(format!("{value:?}"))),
        // Inside of something longer, as a password is behind a user's name.
        8 => (STANDARD.encode(format!("{before}{value}:x")), encoded),
        // Cut in two by another: what is left must not add up to a third.
        _ => (format!("{}{value}{value}", &value[..value.chars().next().map_or(0, char::len_utf8)]), value.to_owned()),
    }
}

fn percent(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let byte = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(byte).collect()
}

/// Whether base64 of any alignment in `text` still holds six bytes of `value`.
fn is_in_base64(text: &str, value: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "+/-_".contains(c);
    let words = text.split(|c| !is_letter(c)).map(|word| word.replace('-', "+").replace('_', "/"));
    words.flat_map(|word| (0..4.min(word.len())).map(move |from| word[from..].to_owned())).any(|word| {
        let whole = &word[..word.len() / 4 * 4];
        let decoded = STANDARD_NO_PAD.decode(whole).unwrap_or_default();
        decoded.windows(value.len()).any(|window| window == value.as_bytes())
    })
}

proptest! {
    #[test]
    fn no_secret_survives(
        values in prop::collection::vec(value(), 1..5),
        parts in prop::collection::vec((any::<prop::sample::Index>(), 0..10u8, "[ab*]{0,8}|\\PC{0,12}"), 0..12),
    ) {
        let stored: serde_json::Map<String, Value> =
            values.iter().enumerate().map(|(at, value)| (format!("k{at}"), STANDARD.encode(value).into())).collect();
        let redactor = Redactor::default();
        redactor.learn_object(&json!({"kind": "Secret", "data": stored}));
        let (mut text, mut secrets) = (String::new(), Vec::new());
        for (index, form, between) in &parts {
            let value = index.get(&values);
            let (part, secret) = written(value, *form, between);
            text.extend([between.as_str(), &part]);
            secrets.extend((value.len() >= SHORTEST).then_some(secret));
        }
        let known = || values.iter().filter(|value| value.len() >= SHORTEST);
        secrets.extend(known().cloned());
        let mut found = vec![redactor.text(&text).into_owned()];
        let mut object = json!({"kind": "Pod", "metadata": {"name": text}, "spec": [{&text: {"x": [&text, 7]}}]});
        redactor.object(&mut object);
        texts(&object, &mut found);
        for found in found {
            for secret in &secrets {
                prop_assert!(!found.contains(secret.as_str()), "{secret:?} is in {found:?}");
            }
            for value in known() {
                prop_assert!(!is_in_base64(&found, value), "{value:?} is in {found:?} as base64");
            }
        }
    }

    #[test]
    fn what_is_no_secret_stays(text in "[a-z ,.:=]{0,80}") {
        prop_assume!(!text.contains("bearer"));
        prop_assert_eq!(knowing(&["QUITE-SECRET"]).text(&text), text.as_str());
    }
}
