use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rstest::rstest;
use serde_json::json;

use super::*;

mod properties;

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
#[case::web_token("token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl-_, next", "token ***, next")]
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
    let auths =
        json!({"auths": {"registry": {"username": "ann", "password": "registry-pass", "auth": "YW5uOnJlZ2lzdHJ5"}}});
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
    assert_eq!(
        redactor.text("component postgresql: user postgres, postgres-1"),
        "component postgresql: user postgres, ***"
    );
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

/// Masks a tenth of the largest bundle, with a hundred Secrets.
#[test]
fn a_large_text_is_masked_in_time() {
    let redactor = Redactor::default();
    let value = |at: usize| format!("value-{at:03}-{:x}", (at + 7).pow(5));
    for at in 0..100 {
        let key: String = (0..40).map(|line| format!("{:064x}\n", (line + 1) * (at + 3))).collect();
        let key = format!("-----BEGIN PRIVATE KEY-----\n{key}-----END PRIVATE KEY-----\n");
        redactor.learn_object(&json!({"kind": "Secret", "stringData": {"password": value(at), "tls.key": key}}));
    }
    let line =
        |at: usize| format!("12:00:00 level=info msg=\"GET http://api:80/x?id={at}\" user={}\n", value(at % 1000));
    let text: String = (0..70_000).map(line).collect();
    let began = std::time::Instant::now();
    redactor.search();
    println!("built in {:?}", began.elapsed());
    let began = std::time::Instant::now();
    let masked = redactor.text(&text);
    let took = began.elapsed();
    println!("{} bytes in {took:?}", text.len());
    assert_eq!(masked.matches(MASK).count(), 7_000);
    // Far longer than it takes, and far less than a search for each value alone.
    assert!(took < std::time::Duration::from_secs(20), "{took:?}");
}

#[test]
fn cutting_one_value_does_not_leave_another() {
    let values = ["abcdef", "defghi", "x***yz", "aaaaaa", "******", "ünïcödé"];
    let redactor = knowing(&values);
    for text in ["abcdefghi", "xabcdefyz", "aaaaaaaaa", "*********", "xabcdefyzabcdef", "üünïcödéé", "abcdef***"]
    {
        let masked = redactor.text(text);
        assert!(values.iter().all(|value| !masked.contains(value)), "{text} became {masked}");
    }
}
