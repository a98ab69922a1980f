//! Keeps secrets out of what is shown and stored: by place, by name, by shape, and by value.

mod base64;
mod tokens;

use serde_json::Value;

use crate::ready::Lenient;

/// What stands where a secret stood. Shorter than any value that is looked for, so that replacing comes to an end.
const MASK: &str = "***";

/// Shorter values are not looked for: they would be found everywhere.
const SHORTEST: usize = 6;

/// The annotation in which kubectl keeps an object as it was applied, env values and Secret data included.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Parts of the names of variables whose literal values are secret.
const NAMES: [&str; 10] =
    ["PASSWORD", "PASSWD", "TOKEN", "KEY", "SECRET", "CREDENTIAL", "PASSPHRASE", "DSN", "AUTHORIZATION", "COOKIE"];

/// Takes secrets out of objects and texts.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    /// Longest first.
    values: Vec<String>,
}

impl Redactor {
    /// Knows the values of these Secrets, of six bytes or more, and how they look in base64, in JSON and in a URL.
    #[must_use]
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Value>) -> Redactor {
        let mut values = Vec::new();
        for secret in secrets {
            for (_, encoded) in secret.texts("/data") {
                values.push(encoded.trim().trim_end_matches('=').to_owned());
                values.extend(base64::decode(encoded).and_then(|bytes| String::from_utf8(bytes).ok()));
            }
            values.extend(secret.texts("/stringData").map(|(_, value)| value.to_owned()));
        }
        Redactor::of_values(values)
    }

    /// Knows these values.
    #[must_use]
    pub fn of_values(values: impl IntoIterator<Item = String>) -> Redactor {
        let mut all: Vec<String> = values.into_iter().flat_map(|value| forms(&value)).collect();
        all.retain(|value| value.len() >= SHORTEST);
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        Redactor { values: all }
    }

    /// Also knows what `other` knows.
    #[must_use]
    pub fn and(self, other: Redactor) -> Redactor {
        Redactor::of_values(self.values.into_iter().chain(other.values))
    }

    /// `text` without known values and without anything that has the shape of a token.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let mut text = self.without_values(&tokens::mask(text));
        // What was cut may have brought the two ends of another value together; each round makes the text shorter.
        while self.values.iter().any(|value| text.contains(value)) {
            text = self.without_values(&text);
        }
        text
    }

    /// Takes out of an object what is secret in it, and what only makes it long.
    pub fn object(&self, object: &mut Value) {
        if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                annotations.remove(LAST_APPLIED);
            }
        }
        if object.text("/kind") == Some("Secret") {
            for place in ["/data", "/stringData"] {
                let fields = object.pointer_mut(place).and_then(Value::as_object_mut);
                fields.into_iter().flatten().for_each(|(_, value)| *value = MASK.into());
            }
        }
        self.value(object);
    }

    /// Takes secrets out of what programs and controllers say in an object: everything that is called `message`.
    pub(super) fn messages(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.messages(item)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(text) if name == "message" => *text = self.text(text),
                        other => self.messages(other),
                    }
                }
            }
            _ => {}
        }
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(fields) => {
                if fields.get("name").and_then(Value::as_str).is_some_and(is_secret_name)
                    && let Some(value @ Value::String(_)) = fields.get_mut("value")
                {
                    *value = MASK.into();
                }
                let renamed = std::mem::take(fields).into_iter().map(|(name, mut value)| {
                    self.value(&mut value);
                    (self.text(&name), value)
                });
                *fields = renamed.collect();
            }
            // A secret may be a number that somebody left without quotes.
            Value::Number(number) if self.values.contains(&number.to_string()) => *value = MASK.into(),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Replaces every known value; where values overlap or touch, all of them at once.
    fn without_values(&self, text: &str) -> String {
        let mut found: Vec<(usize, usize)> = Vec::new();
        for value in &self.values {
            // Occurrences of one value may overlap each other too.
            let mut from = 0;
            while let Some(at) = text[from..].find(value.as_str()) {
                let start = from + at;
                found.push((start, start + value.len()));
                from = start + text[start..].chars().next().map_or(1, char::len_utf8);
            }
        }
        if found.is_empty() {
            return text.to_owned();
        }
        found.sort_unstable();
        let (mut clean, mut end) = (String::with_capacity(text.len()), 0);
        for (start, stop) in found {
            if start > end || end == 0 {
                clean.push_str(&text[end..start]);
                clean.push_str(MASK);
            }
            end = end.max(stop);
        }
        clean.push_str(&text[end..]);
        clean
    }
}

/// Whether a variable of that name holds a secret.
fn is_secret_name(name: &str) -> bool {
    let name = name.to_uppercase();
    NAMES.iter().any(|part| name.contains(part))
}

/// A value as programs write it: as it is, line by line, in base64, with JSON's escapes, with a URL's.
fn forms(value: &str) -> Vec<String> {
    let json = Value::from(value).to_string();
    let escaped = value.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    });
    let mut forms = vec![
        value.to_owned(),
        value.trim().to_owned(),
        json.trim_matches('"').to_owned(),
        escaped.collect(),
        base64::encode(value.as_bytes()),
    ];
    let lines = value.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
    forms.extend(lines.map(str::to_owned));
    forms
}

#[cfg(test)]
mod tests;
