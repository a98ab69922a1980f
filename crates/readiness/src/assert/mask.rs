//! The masking of everything an assertion shows.

use serde_json::Value;

use crate::redact::Redactor;

/// Masks what is secret in an object, and removes what only makes it long.
pub(super) fn object(object: &mut Value) {
    Redactor::global().object(object);
}

/// Masks what is secret in a text.
pub(super) fn text(text: &str) -> String {
    Redactor::global().text(text).into_owned()
}
