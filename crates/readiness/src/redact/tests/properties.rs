//! For any text, no value is left in any of its encodings.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::knowing;
use crate::redact::{Redactor, SHORTEST};

/// Collects every text of an object, including keys.
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

/// Generates values of any letters, and values of so few letters that they overlap with each other and with the mask.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[ab*]{6,12}", "[ -~]{6,40}", "[a-z]{6,9}\n[A-Za-z0-9+/]{6,64}\n"]
}

/// Returns a value as programs write it, and the part that must be masked.
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
        // Inside a longer text, like a password after a user's name.
        8 => (STANDARD.encode(format!("{before}{value}:x")), encoded),
        // Split by another value: the rest must not form a third one.
        _ => (format!("{}{value}{value}", &value[..value.chars().next().map_or(0, char::len_utf8)]), value.to_owned()),
    }
}

fn percent(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let byte = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(byte).collect()
}

/// Returns whether base64 of any alignment in `text` still contains six bytes of `value`.
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
