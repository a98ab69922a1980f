//! Masks everything that an assertion prints.

use serde_json::Value;

use crate::redact::Redactor;

/// Masks secrets in an object, and removes fields that only make it long.
pub(super) fn object(object: &mut Value) {
    Redactor::global().object(object);
}

/// Masks secrets in a text.
pub(super) fn text(text: &str) -> String {
    Redactor::global().text(text).into_owned()
}
