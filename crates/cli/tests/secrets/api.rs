//! An API server on a port: it answers lists, single objects, logs and a Service's proxy, and nothing changes.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::plants::{self, PLANTS};

/// The server; it answers for as long as the test runs.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    forbidden: Arc<Mutex<HashSet<String>>>,
}

impl Server {
    pub(crate) fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, forbidden) = (listener.local_addr().unwrap(), Arc::<Mutex<HashSet<String>>>::default());
        let refused = forbidden.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let refused = refused.clone();
                std::thread::spawn(move || {
                    // Not for as long as it serves.
                    let refused = refused.lock().unwrap().clone();
                    serve(stream, &refused);
                });
            }
        });
        Server { address, forbidden }
    }

    /// Refuses lists and watches of a resource, by its plural.
    pub(crate) fn forbid(&self, plural: &str) {
        self.forbidden.lock().unwrap().insert(plural.to_owned());
    }
}

fn serve(mut stream: TcpStream, forbidden: &HashSet<String>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let head: Vec<_> = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let length = head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    let _ = reader.read_exact(&mut body);
    let line = head.first().cloned().unwrap_or_default();
    let (verb, target) = line.split_once(' ').unwrap_or_default();
    let target = target.split(' ').next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if query.contains("watch=true") {
        // Nothing will happen; the other end closes.
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
        let _ = stream.read(&mut [0]);
        return;
    }
    let (code, answer) = answer(verb, path, forbidden);
    let head = format!("HTTP/1.1 {code}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
    let _ = stream.write_all((head + &answer).as_bytes());
}

fn answer(verb: &str, path: &str, forbidden: &HashSet<String>) -> (&'static str, String) {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let last = parts.last().copied().unwrap_or_default();
    let ok = |value: Value| ("200 OK", value.to_string());
    let resource = |plural: &str, kind: &str| json!({"name": plural, "singularName": "", "namespaced": true, "kind": kind, "verbs": []});
    if forbidden.contains(last) {
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden",
            "message": format!("{last} is forbidden"), "code": 403});
        return ("403 Forbidden", status.to_string());
    }
    match parts[..] {
        [.., "log"] => ("200 OK", plants::log()),
        [.., "proxy", "health"] => ("404 Not Found", format!("database {} is away", PLANTS.http_answer)),
        [.., "exec"] => ("403 Forbidden", format!("exec {} failed", PLANTS.http_answer)),
        ["api", "v1"] => ok(json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
            resource("pods", "Pod"), resource("secrets", "Secret"), resource("configmaps", "ConfigMap")]})),
        ["apis", "example.com", "v1"] => ok(
            json!({"kind": "APIResourceList", "groupVersion": "example.com/v1", "resources": [resource("widgets", "Widget")]}),
        ),
        ["api", "v1", "namespaces"] if verb == "POST" => ok(json!({"metadata": {"name": "tiny"}})),
        ["api", "v1", "namespaces", name] => ok(json!({"metadata": {"name": name}})),
        // An object, as it is and as it was applied.
        [.., "namespaces", _, plural, name] => {
            let is_it = |object: &&Value| object["metadata"]["name"] == name;
            let known = plants::cluster(plural).iter().find(is_it).cloned();
            ok(known.unwrap_or_else(
                || json!({"metadata": {"name": name, "namespace": "tiny", "uid": format!("u-{name}")}}),
            ))
        }
        _ => {
            ok(json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items(last)}))
        }
    }
}

/// Items of a list do not say what they are. What was applied is there.
fn items(plural: &str) -> Vec<Value> {
    let mut items = plants::cluster(plural);
    if plural == "secrets" {
        items.push(json!({"metadata": {"name": "own", "namespace": "tiny", "uid": "u-own"}}));
    }
    for item in &mut items {
        let fields = item.as_object_mut().unwrap();
        fields.remove("apiVersion");
        fields.remove("kind");
    }
    items
}
