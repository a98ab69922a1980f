//! What is planted, and where.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Value, json};

/// One secret for each place. None of them is a word that occurs otherwise.
pub(crate) struct Plants {
    pub(crate) secret_data: &'static str,
    pub(crate) string_data: &'static str,
    pub(crate) base64_twice: &'static str,
    pub(crate) variable: &'static str,
    pub(crate) argument: &'static str,
    pub(crate) termination_message: &'static str,
    pub(crate) log: &'static str,
    pub(crate) event: &'static str,
    pub(crate) custom_spec: &'static str,
    pub(crate) custom_status: &'static str,
    pub(crate) config_map: &'static str,
    pub(crate) http_answer: &'static str,
    pub(crate) check_argument: &'static str,
    pub(crate) last_applied: &'static str,
    pub(crate) kubeconfig_token: &'static str,
    pub(crate) service_account_token: &'static str,
    pub(crate) url_password: &'static str,
    pub(crate) image_pull: &'static str,
    pub(crate) command_output: &'static str,
    pub(crate) json_escaped: &'static str,
    pub(crate) url_escaped: &'static str,
    pub(crate) key: &'static str,
    pub(crate) last_error: &'static str,
    pub(crate) basic_auth: &'static str,
}

pub(crate) const PLANTS: Plants = Plants {
    secret_data: "plant-a7-secret-data",
    string_data: "plant-b3-string-data",
    base64_twice: "plant-c9-base64-twice",
    variable: "plant-d1-variable",
    argument: "plant-e5-argument",
    termination_message: "plant-f2-termination",
    log: "plant-g8-log-line",
    event: "plant-h4-event",
    custom_spec: "plant-i6-custom-spec",
    custom_status: "plant-j7-custom-status",
    config_map: "plant-k1-config-map",
    http_answer: "plant-l3-http-answer",
    check_argument: "plant-m9-check-argument",
    last_applied: "plant-n2-last-applied",
    kubeconfig_token: "plant-o5-kubeconfig-token",
    service_account_token: "eyJhbGciOiJSUzI1NiJ9.eyJwbGFudCI6InNlcnZpY2UtYWNjb3VudCJ9.cGxhbnQtcDgtc2lnbmF0dXJl",
    url_password: "plant-q4-in-a-url",
    image_pull: "plant-r6-image-pull",
    command_output: "plant-s1-command",
    json_escaped: "plant-t\"3\\escaped<in>json",
    url_escaped: "plant u/7&escaped=in url",
    key: "-----BEGIN KEY-----\nplantv8MIIEvQIBADANBgkqhkiG9w0BAQEF\nplantw2AASCBKcwggSjAgEAAoIBAQC7\n-----END KEY-----\n",
    last_error: "plant-x5-last-error",
    basic_auth: "plant-y9-basic",
};

impl Plants {
    /// Those of which a Secret tells.
    fn in_secrets(&self) -> Vec<&'static str> {
        vec![
            self.secret_data,
            self.termination_message,
            self.log,
            self.event,
            self.custom_status,
            self.config_map,
            self.http_answer,
            self.json_escaped,
            self.url_escaped,
            self.key,
            self.last_error,
            self.command_output,
            self.basic_auth,
        ]
    }

    /// Those that are masked by a field or a shape, though no Secret can be listed.
    pub(crate) fn by_field(&self) -> Vec<(&'static str, &'static str)> {
        vec![
            ("stringData of a manifest", self.string_data),
            ("a variable", self.variable),
            ("an argument", self.argument),
            ("a custom resource's password", self.custom_spec),
            ("a check's argument", self.check_argument),
            ("last-applied-configuration", self.last_applied),
            ("a kubeconfig", self.kubeconfig_token),
            ("a service account", self.service_account_token),
            ("a URL", self.url_password),
            ("an image pull", self.image_pull),
        ]
    }

    fn all(&self) -> Vec<(&'static str, &'static str)> {
        let in_secrets = self.in_secrets().into_iter().map(|value| ("a Secret", value));
        in_secrets.chain([("base64 of base64", self.base64_twice)]).chain(self.by_field()).collect()
    }
}

/// A secret as it may be written; of a key also its lines.
pub(crate) fn encodings(value: &str) -> Vec<String> {
    let json = Value::from(value).to_string();
    let url: String = percent(value);
    let mut all = vec![value.to_owned(), json.trim_matches('"').to_owned(), url.to_lowercase(), url];
    all.extend([STANDARD_NO_PAD.encode(value), STANDARD_NO_PAD.encode(STANDARD.encode(value))]);
    all.extend(value.lines().filter(|line| !line.starts_with("-----")).map(str::to_owned));
    all
}

fn percent(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let byte = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(byte).collect()
}

/// Fails when a secret is in `text`, in any encoding.
#[track_caller]
pub(crate) fn assert_no_plant(name: &str, text: &str) {
    for (place, value) in PLANTS.all() {
        for encoded in encodings(value) {
            assert!(!text.contains(&encoded), "the secret of {place} is in {name} as {encoded}:\n{text}");
        }
    }
}

/// The manifests of the suite. `stringData` is known from here alone.
pub(crate) fn manifests() -> [(&'static str, String); 4] {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "own"},
        "stringData": {"password": PLANTS.string_data, "value": PLANTS.config_map}});
    let documents = |objects: &[Value]| objects.iter().map(|it| format!("---\n{it}\n")).collect::<String>();
    let widget = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"},
        "spec": {"password": PLANTS.custom_spec}});
    [
        ("crashing.yaml", documents(&[secret, bare(&pod("crashing"))])),
        ("pulling.yaml", documents(&[bare(&pod("pulling"))])),
        (
            "answering.yaml",
            documents(&[json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "repeating"},
            "data": {"application.properties": format!("db.value = {}", PLANTS.config_map)}})]),
        ),
        ("running.yaml", documents(&[widget, bare(&pod("running"))])),
    ]
}

/// An object as a manifest has it.
fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"] = json!({"name": object["metadata"]["name"]});
    object.as_object_mut().unwrap().remove("status");
    object
}

/// The objects of the cluster, by plural.
pub(crate) fn cluster(plural: &str) -> Vec<Value> {
    let metadata = |name: &str| json!({"name": name, "namespace": "tiny", "uid": format!("u-{name}")});
    match plural {
        "pods" => vec![pod("crashing"), pod("pulling"), pod("running")],
        "secrets" => vec![secret()],
        "configmaps" => vec![json!({"metadata": metadata("repeating"), "data": {"application.properties":
            format!("db.value = {}", PLANTS.config_map)}})],
        "widgets" => vec![json!({"metadata": metadata("w"), "spec": {"password": PLANTS.custom_spec,
            "url": format!("http://shop:{}@db", PLANTS.url_password)},
            "status": {"detail": PLANTS.custom_status, "conditions": [{"type": "Ready", "status": "True", "reason": "Up",
                "message": format!("with {}", PLANTS.custom_status)}]}})],
        "customresourcedefinitions" => vec![json!({"metadata": {"name": "widgets.example.com"}, "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [{"name": "v1", "served": true}]}, "status": {"conditions": [
                {"type": "Established", "status": "True"}, {"type": "NamesAccepted", "status": "True"}]}})],
        "events" => vec![json!({"metadata": metadata("e"), "type": "Warning", "reason": "BackOff",
            "message": format!("back-off: {} and {}", PLANTS.event, PLANTS.string_data),
            "involvedObject": {"kind": "Pod", "name": "crashing", "namespace": "tiny"}})],
        _ => Vec::new(),
    }
}

fn secret() -> Value {
    let mut data = serde_json::Map::new();
    for (at, value) in PLANTS.in_secrets().into_iter().enumerate() {
        data.insert(format!("key-{at}"), STANDARD.encode(value).into());
    }
    data.insert("twice".into(), STANDARD.encode(STANDARD.encode(PLANTS.base64_twice)).into());
    json!({"metadata": {"name": "db", "namespace": "tiny", "uid": "u-db"}, "data": data})
}

fn pod(name: &str) -> Value {
    let state = match name {
        "crashing" => json!({"name": "app", "image": "i", "ready": false, "restartCount": 1,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 3, "reason": "Error",
                "message": format!("refused {} and {}", PLANTS.termination_message, PLANTS.variable)}}}),
        "pulling" => json!({"name": "app", "image": "i", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ErrImagePull", "message":
                format!("failed to pull: Get \"https://robot:{}@registry.example/v2/\": dial tcp: i/o timeout", PLANTS.image_pull)}}}),
        _ => json!({"name": "app", "image": "i", "ready": true, "restartCount": 0, "state": {"running": {}}}),
    };
    let ready = if name == "running" { "True" } else { "False" };
    let applied = json!({"spec": {"env": [{"name": "X", "value": PLANTS.last_applied}]}}).to_string();
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "tiny", "uid": format!("u-{name}"), "labels":
            {"kind-harness.dev/component": name, "app.kubernetes.io/managed-by": "kind-harness"},
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}},
        "spec": {"containers": [{"name": "app", "image": "i",
            "env": [{"name": "DB_PASSWORD", "value": PLANTS.variable}],
            "args": ["--password", PLANTS.argument]}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}], "containerStatuses": [state]},
    })
}

/// What every container's log says.
pub(crate) fn log() -> String {
    let json = Value::from(PLANTS.json_escaped);
    let twice = STANDARD.encode(STANDARD.encode(PLANTS.log));
    let key = Value::from(PLANTS.key);
    let (first, second) = (STANDARD.encode(PLANTS.key), STANDARD.encode(format!("shop:{}", PLANTS.basic_auth)));
    format!(
        "login {} {} {}\nstarted with --password {}\n{{\"value\": {json}}}\nGET /?v={}\n{twice}\nkey {key}\n{first}\n\
         {{\"auth\": \"Basic {second}\"}}\n{}token {}\nkubeconfig {}\npostgres://shop:{}@db:5432/shop\n",
        PLANTS.log,
        PLANTS.secret_data,
        PLANTS.base64_twice,
        PLANTS.argument,
        percent(PLANTS.url_escaped),
        PLANTS.key,
        PLANTS.service_account_token,
        PLANTS.kubeconfig_token,
        PLANTS.url_password,
    )
}

/// Saved objects: a Secret, and others that quote it.
pub(crate) fn saved() -> Value {
    let typed = |mut object: Value, kind: &str| {
        object["apiVersion"] = "v1".into();
        object["kind"] = kind.into();
        object
    };
    let event = typed(cluster("events").remove(0), "Event");
    let mut mount = event.clone();
    mount["involvedObject"]["name"] = "pulling".into();
    let mut failed = pod("running");
    failed["metadata"]["name"] = "failed".into();
    failed["status"] = json!({"phase": "Failed", "reason": "Evicted",
        "message": format!("{} and {}", PLANTS.event, PLANTS.termination_message)});
    json!({"apiVersion": "v1", "kind": "List", "items": [
        typed(secret(), "Secret"), pod("crashing"), pod("pulling"), failed, event, mount,
    ]})
}
