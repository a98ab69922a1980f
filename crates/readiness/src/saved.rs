//! Judges saved objects, without a cluster.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::view::View;
use super::world::World;
use super::{Settings, Verdict, evaluate, masked};
use crate::object::ObjectRef;
use crate::redact::Redactor;

/// The judgement of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The object.
    pub object: ObjectRef,
    /// The verdict.
    pub verdict: Verdict,
    /// The blamed object if it is another one, such as a pod of the judged Deployment.
    pub cause: Option<ObjectRef>,
}

impl Judgement {
    /// Returns why it is not ready, starting with the blamed object if it is another one; `None` when it is ready.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        let message = self.verdict.message()?;
        Some(self.cause.as_ref().map_or_else(|| message.to_owned(), |cause| format!("{cause}: {message}")))
    }
}

/// A judgement in JSON; missing values are null.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    /// `group/version`, or `version` in the core group.
    api_version: &'a str,
    /// The kind, such as `Deployment`.
    kind: &'a str,
    /// The namespace; null for cluster-scoped objects.
    namespace: Option<&'a str>,
    /// The name.
    name: &'a str,
    /// The verdict.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["ready", "waiting", "failed"])))]
    verdict: &'a str,
    /// The reason as a word for programs: `CrashLoopBackOff`; `Ready` when it is ready.
    reason: &'a str,
    /// The reason as a sentence; null when it is ready.
    message: Option<String>,
    /// The suggested fix; null when there is none.
    hint: Option<&'a str>,
    /// The blamed object if it is another one, such as a pod of the judged Deployment.
    cause: Option<&'a ObjectRef>,
}

/// Serializes as `{apiVersion, kind, namespace, name, verdict, reason, message, hint, cause}`; missing values are null.
impl Serialize for Judgement {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = Fields {
            api_version: &self.object.api_version,
            kind: &self.object.kind,
            namespace: self.object.namespace.as_deref(),
            name: &self.object.name,
            verdict: self.verdict.name(),
            reason: self.verdict.reason(),
            message: self.message(),
            hint: self.verdict.hint(),
            cause: self.cause.as_ref(),
        };
        fields.serialize(serializer)
    }
}

/// The schema of the serialized form.
#[cfg(feature = "schema")]
impl schemars::JsonSchema for Judgement {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Judgement".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Fields::json_schema(generator)
    }
}

/// Judges saved objects: any JSON, including lists, which count as their items. Events among the objects and in
/// `events` are used to judge the others, and are not judged themselves. Objects are related by their owner references.
///
/// Values of the Secrets among the objects are masked in the results of the others.
///
/// A cause of failure counts as final when, at `now`, the blamed object is older than that cause's grace, or of unknown
/// age.
#[must_use]
pub fn judge_saved(
    objects: impl IntoIterator<Item = Value>,
    events: impl IntoIterator<Item = Value>,
    settings: &Settings,
    now: Timestamp,
) -> Vec<Judgement> {
    let mut flat = Vec::new();
    let mut evidence = Vec::new();
    for object in objects {
        items(object, &mut flat);
    }
    for event in events {
        items(event, &mut evidence);
    }
    let redactor = Redactor::global();
    flat.iter().for_each(|object| redactor.learn_object(object));
    let (told, flat): (Vec<_>, Vec<_>) = flat.into_iter().partition(is_event);
    evidence.extend(told);
    evidence.retain(is_event);
    let views: Vec<_> = adopted(flat).into_iter().map(View::new).collect();
    let mut world = World::saved(views.iter().cloned());
    for event in evidence {
        world.put(View::new(event));
    }
    let judged = views.iter().map(|view| {
        let (found, verdict) = evaluate::judge(view, &world, settings, now);
        let cause = found.fault().map(|fault| fault.object.clone()).filter(|cause| *cause != view.object);
        let found = Judgement { object: view.object.clone(), verdict, cause };
        masked::judgement(redactor, found)
    });
    judged.collect()
}

fn is_event(object: &Value) -> bool {
    object.get("kind").and_then(Value::as_str) == Some("Event")
}

/// Adds the objects of a document: its items if it is a list, which need not have a kind.
fn items(document: Value, into: &mut Vec<Value>) {
    match document {
        Value::Array(documents) => documents.into_iter().for_each(|document| items(document, into)),
        Value::Object(mut list) => {
            let kind = list.get("kind").and_then(Value::as_str).and_then(|kind| kind.strip_suffix("List"));
            let kind = kind.filter(|_| list.get("items").is_some_and(|items| items.is_array() || items.is_null()));
            let Some(kind) = kind.map(str::to_owned) else { return into.push(list.into()) };
            let version = list.get("apiVersion").cloned();
            let Some(Value::Array(objects)) = list.remove("items") else { return };
            for mut object in objects {
                if let (Some(fields), false) = (object.as_object_mut(), kind.is_empty()) {
                    named(fields, &kind, version.as_ref());
                }
                items(object, into);
            }
        }
        // Anything else is not an object, and is ignored.
        _ => {}
    }
}

fn named(fields: &mut Map<String, Value>, kind: &str, version: Option<&Value>) {
    fields.entry("kind").or_insert_with(|| kind.into());
    if let Some(version) = version {
        fields.entry("apiVersion").or_insert_with(|| version.clone());
    }
}

/// Returns the objects, with missing uids of owners taken from their children's references.
fn adopted(mut objects: Vec<Value>) -> Vec<Value> {
    let mut owners: HashMap<(String, String, String), Value> = HashMap::new();
    for object in &objects {
        let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let namespace = text(object, "/metadata/namespace").unwrap_or_default();
        for owner in object.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten() {
            if let (Some(kind), Some(name), Some(uid)) = (text(owner, "/kind"), text(owner, "/name"), owner.get("uid"))
            {
                owners.insert((namespace.clone(), kind, name), uid.clone());
            }
        }
    }
    for object in &mut objects {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let uid = owners.get(&(text("/metadata/namespace"), text("/kind"), text("/metadata/name")));
        let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
        if let (Some(uid), Some(metadata)) = (uid, metadata) {
            metadata.entry("uid").or_insert_with(|| uid.clone());
        }
    }
    objects
}
