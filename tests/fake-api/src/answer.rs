//! What the server answers to a request.

use bytes::Bytes;
use futures::channel::mpsc;
use http::Method;
use serde_json::{Value, json};

use super::state::{Key, State, Stored, Watcher};
use super::{Asked, Refusal, status};

/// An answer.
pub(crate) enum Answer {
    /// A status code and a body.
    Whole(u16, String),
    /// The lines of a watch, until the sender is dropped.
    Stream(mpsc::UnboundedReceiver<std::io::Result<Bytes>>),
    /// No answer, ever.
    Silence,
    /// No connection.
    Unreachable,
}

impl Answer {
    fn json(code: u16, body: &Value) -> Answer {
        Answer::Whole(code, body.to_string())
    }

    fn failure(code: u16, message: &str) -> Answer {
        let reason = match code {
            403 => "Forbidden",
            404 => "NotFound",
            409 => "Conflict",
            422 => "Invalid",
            429 => "TooManyRequests",
            _ => "InternalError",
        };
        Answer::json(code, &status(code, reason, message))
    }
}

/// What a path is about.
struct Place<'a> {
    api_version: &'a str,
    plural: &'a str,
    namespace: &'a str,
    /// Empty for a collection.
    name: &'a str,
    subresource: &'a str,
}

impl<'a> Place<'a> {
    /// None for a path that leads to no resource.
    fn of(path: &'a str) -> Option<Place<'a>> {
        let (api_version, rest) = api_version(path)?;
        let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
        let (namespace, parts) = match parts[..] {
            ["namespaces", namespace, plural, ..] if !["status", "finalize"].contains(&plural) => {
                (namespace, &parts[2..])
            }
            _ => ("", &parts[..]),
        };
        let part = |at: usize| parts.get(at).copied().unwrap_or_default();
        let plural = parts.first()?;
        Some(Place { api_version, plural, namespace, name: part(1), subresource: part(2) })
    }

    fn key(&self, name: &str) -> Key {
        Key {
            plural: self.plural.into(),
            namespace: self.namespace.into(),
            name: name.into(),
            api_version: self.api_version.into(),
        }
    }

    fn holds(&self, key: &Key) -> bool {
        key.api_version == self.api_version
            && key.plural == self.plural
            && (self.namespace.is_empty() || key.namespace == self.namespace)
    }
}

/// `v1` or `group/version`, and the rest of the path.
fn api_version(path: &str) -> Option<(&str, &str)> {
    if let Some(rest) = path.strip_prefix("/api/") {
        return Some(rest.split_once('/').unwrap_or((rest, "")));
    }
    let rest = path.strip_prefix("/apis/")?;
    let (group, version) = rest.split_once('/')?;
    let end = group.len() + 1 + version.find('/').unwrap_or(version.len());
    Some((&rest[..end], &rest[end..]))
}

impl State {
    pub(crate) fn answer(&mut self, method: &Method, path: &str, query: &str, body: &Value) -> Answer {
        let query = query.replace("%3D", "=").replace("%2F", "/").replace("%2C", ",");
        self.requests.push(Asked { method: method.to_string(), path: path.into(), query: query.clone() });
        match self.faults.refusal {
            None => {}
            Some(Refusal::Silence) => return Answer::Silence,
            Some(Refusal::Unreachable) => return Answer::Unreachable,
            Some(Refusal::Status(code, reason)) => {
                return Answer::json(code, &status(code, reason, &format!("the server says {reason}")));
            }
        }
        if path == "/version" {
            return version();
        }
        if let Some((count, object)) = self.generated.get(path) {
            return page(&query, *count, *object, self.version);
        }
        if let Some((version, "")) = api_version(path) {
            let found = self.kinds.discovery(version);
            return found.map_or_else(|| Answer::failure(404, "not served"), |list| Answer::json(200, &list));
        }
        let Some(place) = Place::of(path) else { return Answer::failure(404, "not served") };
        let faults = &mut self.faults;
        if !place.name.is_empty() && faults.silent.contains(place.plural) {
            return Answer::Silence;
        }
        if faults.unserved.contains(place.plural) {
            // What the API server says of a kind whose definition is gone is no `Status`.
            return Answer::Whole(404, "404 page not found\n".into());
        }
        let changes = method != Method::GET;
        let is_hidden = faults.forbidden.contains(place.plural) || faults.hidden.contains(place.name);
        if is_hidden || changes && faults.read_only.contains(place.plural) {
            return Answer::failure(403, &forbidden(method, &place));
        }
        if place.subresource == "log" {
            return Answer::Whole(200, self.log.clone());
        }
        if changes { self.change(method, &place, &query, body) } else { self.read(&place, &query) }
    }

    fn read(&mut self, place: &Place<'_>, query: &str) -> Answer {
        let value = |key: &str| value(query, key);
        let name = if place.name.is_empty() { value("fieldSelector=metadata.name=") } else { place.name };
        if value("watch=") == "true" {
            let (sender, receiver) = mpsc::unbounded();
            let [api_version, plural, namespace, name] =
                [place.api_version, place.plural, place.namespace, name].map(str::to_owned);
            let since = value("resourceVersion=").parse().unwrap_or_default();
            self.watch(Watcher { api_version, plural, namespace, name, sender }, since);
            return Answer::Stream(receiver);
        }
        if !place.name.is_empty() {
            let found = self.objects.get(&place.key(place.name)).map(Stored::shown);
            return found.map_or_else(|| Answer::failure(404, "not found"), |object| Answer::json(200, &object));
        }
        let (label, wanted) = value("labelSelector=").split_once('=').unwrap_or_default();
        let is_wanted = |(key, stored): &(&Key, &Stored)| {
            place.holds(key)
                && (name.is_empty() || key.name == name)
                && (label.is_empty() || stored.object["metadata"]["labels"][label] == wanted)
        };
        let items: Vec<_> = self.objects.iter().filter(is_wanted).map(|(_, stored)| untyped(stored.shown())).collect();
        Answer::json(200, &list(items, self.version, ""))
    }

    fn change(&mut self, method: &Method, place: &Place<'_>, query: &str, body: &Value) -> Answer {
        let manager = value(query, "fieldManager=");
        let named =
            if *method == Method::POST { body["metadata"]["name"].as_str().unwrap_or_default() } else { place.name };
        let key = place.key(named);
        let found = self.objects.get(&key).map(Stored::shown);
        let creates = *method == Method::POST || *method == Method::PATCH && !manager.is_empty();
        let uid = body.pointer("/preconditions/uid").or(body.pointer("/metadata/uid"));
        let must_name_uid = *method == Method::DELETE || *method == Method::PATCH && manager.is_empty();
        if must_name_uid && uid.is_none() {
            self.without_uid.push(format!("{method} {}/{named}", place.plural));
            return Answer::failure(500, "no uid");
        }
        if uid.is_some_and(|uid| found.as_ref().map(|found| &found["metadata"]["uid"]) != Some(uid))
            && (creates || found.is_some())
        {
            let text = "the UID in the precondition (x) does not match the UID in record (y). The object might have been \
                        deleted and then recreated";
            return Answer::failure(409, text);
        }
        if self.faults.busy.remove(place.plural) {
            return Answer::failure(429, "too many requests");
        }
        if creates && self.faults.invalid.contains(named) {
            return Answer::failure(422, "refused by the test");
        }
        match (method.as_str(), found) {
            ("POST", Some(_)) => Answer::failure(409, "already exists"),
            _ if creates => {
                let is_silent = self.faults.unanswered.contains(named);
                match self.apply(key, body, manager, value(query, "force=") == "true") {
                    _ if is_silent => Answer::Silence,
                    Ok(object) => Answer::json(200, &object),
                    Err(conflict) => Answer::failure(409, &conflict),
                }
            }
            (_, None) => Answer::failure(404, "not found"),
            ("PUT", Some(found)) if found["metadata"]["resourceVersion"] == body["metadata"]["resourceVersion"] => {
                Answer::json(200, &self.replace(&key, body, manager))
            }
            ("PUT", Some(_)) => Answer::failure(409, "the object has been modified"),
            ("DELETE", Some(_)) => {
                let answer = self.delete(&key, body).unwrap_or_default();
                Answer::json(200, &answer)
            }
            (_, Some(found)) => {
                if body.pointer("/metadata/finalizers").is_some_and(Value::is_null)
                    && let Some(stored) = self.objects.get_mut(&key)
                {
                    stored.object["metadata"]["finalizers"] = json!([]);
                }
                self.settle();
                Answer::json(200, &found)
            }
        }
    }
}

/// The value of a query's parameter; empty when it has none.
fn value<'a>(query: &'a str, key: &str) -> &'a str {
    query.split('&').find_map(|part| part.strip_prefix(key)).unwrap_or_default()
}

fn list(items: Vec<Value>, version: u64, next: &str) -> Value {
    let metadata = json!({"resourceVersion": version.to_string(), "continue": next});
    json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items})
}

/// A page of objects that are made when they are listed.
fn page(query: &str, count: usize, object: fn(usize) -> Value, version: u64) -> Answer {
    let from = value(query, "continue=").parse().unwrap_or(0);
    let to = (from + value(query, "limit=").parse().unwrap_or(count)).min(count);
    let next = if to < count { to.to_string() } else { String::new() };
    Answer::json(200, &list((from..to).map(object).collect(), version, &next))
}

/// Items of a list do not say what they are.
fn untyped(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.remove("apiVersion");
        fields.remove("kind");
    }
    object
}

fn version() -> Answer {
    const FIELDS: [&str; 9] =
        ["major", "minor", "gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform"];
    let version: serde_json::Map<String, Value> =
        FIELDS.map(|field| (field.to_owned(), "".into())).into_iter().collect();
    Answer::json(200, &version.into())
}

/// What a server says to an account without the right.
fn forbidden(method: &Method, place: &Place<'_>) -> String {
    let verb = match method.as_str() {
        "GET" if place.name.is_empty() => "list",
        "POST" => "create",
        "PUT" => "update",
        other => &other.to_lowercase(),
    };
    let group = place.api_version.split_once('/').map_or("", |(group, _)| group);
    let scope = match place.namespace {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace \"{namespace}\""),
    };
    let plural = place.plural;
    format!(
        "{plural} is forbidden: User \"tester\" cannot {verb} resource \"{plural}\" in API group \"{group}\" {scope}"
    )
}
