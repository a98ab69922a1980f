//! Sources of secret values: Secrets, variables, kubeconfigs.

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use serde_json::Value;

use super::names::is_secret_option;
use super::{Redactor, SHORTEST};

/// Lenient base64: with and without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// How often a value is decoded: Secrets encoded by hand are encoded twice.
const DECODED: usize = 2;

impl Redactor {
    /// Learns the secrets in an object: the values of a Secret, and those of environment variables with secret names.
    pub fn learn_object(&self, object: &Value) {
        if object.get("kind").and_then(Value::as_str) == Some("Secret") {
            self.learn_secret(object);
        }
        self.learn_variables(object);
    }

    /// Learns the values of a Secret, regardless of its kind field.
    pub fn learn_secret(&self, secret: &Value) {
        for (_, encoded) in texts(secret, "data") {
            match decode(encoded) {
                Some(value) => self.learn_value(&value, DECODED),
                // The API server will reject it; it is a secret all the same.
                None => self.learn_value(encoded.as_bytes(), DECODED),
            }
        }
        texts(secret, "stringData").for_each(|(_, value)| self.learn_value(value.as_bytes(), DECODED));
    }

    /// Learns the credentials of a kubeconfig's user.
    pub fn learn_credentials(&self, config: &kube::Config) {
        let Ok(user) = serde_json::to_value(&config.auth_info) else { return };
        let named = ["token", "password"].into_iter().filter_map(|field| user.get(field)?.as_str());
        named.for_each(|value| self.learn_value(value.as_bytes(), 0));
        // Base64 of a key, as in a Secret.
        let key = user.get("client-key-data").and_then(Value::as_str).and_then(decode);
        key.iter().for_each(|key| self.learn_value(key, 0));
        let file = user.get("tokenFile").and_then(Value::as_str).and_then(|path| fs_err::read(path).ok());
        file.iter().for_each(|token| self.learn_value(token.trim_ascii(), 0));
        let plugin = user.pointer("/auth-provider/config").and_then(Value::as_object).into_iter().flatten();
        let plugin = plugin.filter(|(name, _)| is_secret_option(name)).filter_map(|(_, value)| value.as_str());
        plugin.for_each(|value| self.learn_value(value.as_bytes(), 0));
        self.learn_variables(&user);
    }

    /// Learns a value, its base64 decoding, and the passwords in it if it is JSON or a URL.
    fn learn_value(&self, value: &[u8], decodes: usize) {
        self.learn([value, value.trim_ascii()]);
        let Ok(text) = std::str::from_utf8(value) else { return };
        if let Ok(json @ Value::Object(_)) = serde_json::from_str::<Value>(text) {
            self.learn_fields(&json);
        }
        let in_urls = super::shapes::find(text).filter(|range| range.len() < text.len());
        in_urls.for_each(|range| self.learn([&text[range]]));
        let is_text = |bytes: &[u8]| {
            std::str::from_utf8(bytes).is_ok_and(|text| !text.contains(|c: char| c.is_control() && !c.is_whitespace()))
        };
        let decoded = decode(text).filter(|it| decodes > 0 && it.len() >= SHORTEST && is_text(it));
        decoded.iter().for_each(|value| self.learn_value(value, decodes - 1));
    }

    /// Learns the values of fields with secret names; `auth` is used in registry credentials.
    fn learn_fields(&self, json: &Value) {
        match json {
            Value::Array(items) => items.iter().for_each(|item| self.learn_fields(item)),
            Value::Object(fields) => fields.iter().for_each(|(name, value)| match value {
                Value::String(text) if name == "auth" || is_secret_option(name) => self.learn([text]),
                other => self.learn_fields(other),
            }),
            _ => {}
        }
    }

    /// Learns the arguments after options with secret names: `--password`, followed by the password.
    pub fn learn_arguments<'a>(&self, words: impl Iterator<Item = &'a str>) {
        let mut follows = false;
        for word in words {
            let is_option = word.starts_with('-');
            if follows && !is_option {
                self.learn_value(word.as_bytes(), 0);
            }
            super::shapes::find(word).for_each(|range| self.learn_value(&word.as_bytes()[range], 0));
            follows = is_option && is_secret_option(word);
        }
    }

    /// Learns the environment variables and the arguments in an object.
    fn learn_variables(&self, value: &Value) {
        match value {
            Value::Array(items) => {
                self.learn_arguments(items.iter().filter_map(Value::as_str));
                items.iter().for_each(|item| self.learn_variables(item));
            }
            Value::Object(fields) => {
                let text = |field: &str| fields.get(field).and_then(Value::as_str);
                if let (Some(name), Some(value)) = (text("name"), text("value"))
                    && is_secret_option(name)
                {
                    self.learn_value(value.as_bytes(), 0);
                }
                fields.values().for_each(|value| self.learn_variables(value));
            }
            _ => {}
        }
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let letters: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    LENIENT.decode(letters).ok()
}

fn texts<'a>(object: &'a Value, field: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let entries = object.get(field).and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}
