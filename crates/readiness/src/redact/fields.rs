//! Secrets in objects, by the names of their fields.

use serde_json::{Map, Value};

use super::names::{is_secret_name, is_secret_option};
use super::search::Search;
use super::{MASK, Redactor};

/// The annotation in which kubectl stores an object as it was applied, including variables and data of Secrets.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

impl Redactor {
    /// Masks secrets in a Kubernetes object, and removes fields that only make it long.
    pub fn object(&self, object: &mut Value) {
        if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                annotations.remove(LAST_APPLIED);
            }
        }
        if object.get("kind").and_then(Value::as_str) == Some("Secret") {
            for place in ["/data", "/stringData"] {
                let fields = object.pointer_mut(place).and_then(Value::as_object_mut);
                fields.into_iter().flatten().for_each(|(_, value)| *value = MASK.into());
            }
        }
        let search = self.search();
        Walk { redactor: self, search: &search, keeps: |_, _| false, keys: true }.value(object);
    }

    /// Masks secrets in the fields of an object, except for those for which `keeps` returns true. Keys are not masked.
    pub(crate) fn fields(&self, object: &mut Value, keeps: fn(&str, &Value) -> bool) {
        let search = self.search();
        Walk { redactor: self, search: &search, keeps, keys: false }.value(object);
    }

    /// Masks secrets in the strings of one of our reports, in which no field has a secret name.
    pub fn strings(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.mask(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.strings(item)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.strings(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Masks secrets in the texts of programs and controllers in an object: every field called `message`.
    pub fn messages(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.messages(item)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(text) if name == "message" => self.mask(text),
                        other => self.messages(other),
                    }
                }
            }
            _ => {}
        }
    }

    /// Masks secrets in a text in place.
    pub fn mask(&self, text: &mut String) {
        if let std::borrow::Cow::Owned(masked) = self.text(text) {
            *text = masked;
        }
    }
}

struct Walk<'a> {
    redactor: &'a Redactor,
    search: &'a Search,
    keeps: fn(&str, &Value) -> bool,
    /// Whether keys are masked too.
    keys: bool,
}

impl Walk<'_> {
    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.redactor.mask(text),
            Value::Array(items) => self.items(items),
            Value::Object(fields) => self.object(fields),
            // A secret may be an unquoted number.
            Value::Number(number) if self.search.is_value(&number.to_string()) => *value = MASK.into(),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Masks list items, including arguments: `--password`, followed by the password.
    fn items(&self, items: &mut [Value]) {
        let mut follows = false;
        for item in items {
            let is_option = item.as_str().is_some_and(|text| text.starts_with('-') && is_secret_option(text));
            if follows && item.as_str().is_some_and(|text| !text.starts_with('-')) {
                *item = MASK.into();
            } else {
                self.value(item);
            }
            follows = is_option;
        }
    }

    fn object(&self, fields: &mut Map<String, Value>) {
        if fields.get("name").and_then(Value::as_str).is_some_and(is_secret_name)
            && let Some(value @ Value::String(_)) = fields.get_mut("value")
        {
            *value = MASK.into();
        }
        let masked = std::mem::take(fields).into_iter().map(|(name, mut value)| {
            match &value {
                _ if (self.keeps)(&name, &value) => {}
                Value::String(text) if is_secret_option(&name) && !text.is_empty() => value = MASK.into(),
                _ => self.value(&mut value),
            }
            let name = if self.keys { self.redactor.text(&name).into_owned() } else { name };
            (name, value)
        });
        *fields = masked.collect();
    }
}
