//! A lenient view of an object: accepts any JSON, and reads missing or invalid fields as absent.

use std::borrow::Cow;

use serde_json::Value;

use crate::object::ObjectRef;

/// Reads from arbitrary JSON.
pub trait Lenient {
    /// Returns a text; `None` when it is empty or not a text.
    fn text(&self, pointer: &str) -> Option<&str>;
    /// Returns a number, also one written as text.
    fn int(&self, pointer: &str) -> Option<i64>;
    /// Returns whether it is `true`, also as text.
    fn flag(&self, pointer: &str) -> bool;
    /// Returns the elements of a list; empty for anything else.
    fn list(&self, pointer: &str) -> &[Value];
    /// Returns the entries of a map of texts; empty for anything else.
    fn texts(&self, pointer: &str) -> impl Iterator<Item = (&str, &str)>;
}

impl Lenient for Value {
    fn text(&self, pointer: &str) -> Option<&str> {
        self.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    fn int(&self, pointer: &str) -> Option<i64> {
        let number = match self.pointer(pointer)? {
            Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        // Sums and differences of such numbers cannot overflow.
        number.map(|number| number.clamp(-MOST, MOST))
    }

    fn flag(&self, pointer: &str) -> bool {
        match self.pointer(pointer) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            _ => false,
        }
    }

    fn list(&self, pointer: &str) -> &[Value] {
        self.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn texts(&self, pointer: &str) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
        entries.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }
}

/// No count in Kubernetes is larger.
const MOST: i64 = 1 << 53;

/// Returns a number without a fraction as an integer.
fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "casts of floats saturate, and the fraction is nothing")]
    (number.fract() == 0.0).then_some(number as i64)
}

/// Identifies an object across versions of its API.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) group: String,
    pub(crate) kind: String,
    /// Empty for cluster-scoped objects.
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl From<&ObjectRef> for Key {
    fn from(object: &ObjectRef) -> Key {
        let group = object.api_version.split_once('/').map_or("", |(group, _)| group);
        Key {
            group: group.into(),
            kind: object.kind.clone(),
            namespace: object.namespace.clone().unwrap_or_default(),
            name: object.name.clone(),
        }
    }
}

/// An object as rules read it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    /// Its name.
    pub(crate) object: ObjectRef,
    /// Its uid; derived from its name when it has none.
    pub(crate) uid: String,
    /// Its trimmed JSON.
    pub(crate) json: Value,
}

/// One of an object's conditions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Condition<'a> {
    pub(crate) kind: &'a str,
    pub(crate) status: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) message: &'a str,
    pub(crate) observed: Option<i64>,
}

impl Condition<'_> {
    pub(crate) fn is_true(&self) -> bool {
        self.status.eq_ignore_ascii_case("true")
    }

    pub(crate) fn is_false(&self) -> bool {
        self.status.eq_ignore_ascii_case("false")
    }

    /// Returns `reason: message`, or one of them.
    pub(crate) fn why(&self) -> String {
        match (self.reason, self.message) {
            ("", "") => format!("{} is {}", self.kind, if self.status.is_empty() { "unknown" } else { self.status }),
            ("", text) | (text, "") => text.into(),
            (reason, message) => format!("{reason}: {message}"),
        }
    }
}

/// Returns a uid for an object without one.
pub(crate) fn made_up(key: &Key) -> String {
    format!("{key:?}")
}

impl View {
    /// Returns a view of any JSON.
    pub(crate) fn new(json: Value) -> View {
        let text = |pointer: &str| json.text(pointer).unwrap_or_default().to_owned();
        let object = ObjectRef {
            api_version: text("/apiVersion"),
            kind: text("/kind"),
            namespace: json.text("/metadata/namespace").map(str::to_owned),
            name: text("/metadata/name"),
        };
        let uid = json.text("/metadata/uid").map_or_else(|| made_up(&Key::from(&object)), str::to_owned);
        View { object, uid, json }
    }

    pub(crate) fn key(&self) -> Key {
        Key::from(&self.object)
    }

    /// Returns the API group; empty for the core group.
    pub(crate) fn group(&self) -> &str {
        self.object.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    pub(crate) fn namespace(&self) -> &str {
        self.object.namespace.as_deref().unwrap_or_default()
    }

    pub(crate) fn generation(&self) -> Option<i64> {
        self.json.int("/metadata/generation")
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.json.pointer("/metadata/deletionTimestamp").is_some_and(|at| !at.is_null() && at != "")
    }

    /// Returns the uids of its owners; derived like those of objects if a reference has none.
    pub(crate) fn owners(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.json.list("/metadata/ownerReferences").iter().filter_map(|owner| {
            if let Some(uid) = owner.text("/uid") {
                return Some(uid.into());
            }
            let version = owner.text("/apiVersion").unwrap_or_default();
            let owner = ObjectRef {
                api_version: version.to_owned(),
                kind: owner.text("/kind")?.to_owned(),
                namespace: self.object.namespace.clone(),
                name: owner.text("/name")?.to_owned(),
            };
            Some(made_up(&Key::from(&owner)).into())
        })
    }

    pub(crate) fn conditions(&self) -> impl Iterator<Item = Condition<'_>> {
        conditions(self.json.list("/status/conditions"))
    }

    pub(crate) fn condition(&self, kind: &str) -> Option<Condition<'_>> {
        self.conditions().find(|condition| condition.kind == kind)
    }
}

/// Returns the conditions in a list; other values are skipped.
pub(crate) fn conditions(list: &[Value]) -> impl Iterator<Item = Condition<'_>> {
    list.iter().filter_map(|condition| {
        Some(Condition {
            kind: condition.text("/type")?,
            status: match condition.get("status") {
                Some(Value::Bool(true)) => "True",
                Some(Value::Bool(false)) => "False",
                _ => condition.text("/status").unwrap_or_default(),
            },
            reason: condition.text("/reason").unwrap_or_default(),
            message: condition.text("/message").unwrap_or_default().trim(),
            observed: condition.int("/observedGeneration"),
        })
    })
}
