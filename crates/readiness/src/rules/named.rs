//! Kinds with rules in the suite.

use serde_json::Value;

use crate::finding::Finding;
use crate::settings::{Field, KindRule};
use crate::view::View;

/// Returns the finding of the suite's own rule; `None` when the conditions decide.
pub(super) fn judge(view: &View, rule: &KindRule) -> Option<Finding> {
    if let Some(failed) = rule.failed.as_ref().filter(|failed| holds(failed, view)) {
        let reason = format!("{} is {}", failed.path, failed.value);
        return Some(Finding::failed(view, "Failed", reason, "see what its controller says"));
    }
    let ready = rule.ready.as_ref()?;
    if holds(ready, view) {
        return Some(Finding::Ready);
    }
    let found = ready.find(&view.json).map_or_else(|| "not set".to_owned(), text);
    Some(Finding::waiting("NotReady", format!("{} is {found}, not {} yet", ready.path, ready.value)))
}

fn holds(field: &Field, view: &View) -> bool {
    field.find(&view.json).is_some_and(|value| text(value) == field.value)
}

/// Returns a value as text; numbers and booleans equal their texts.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
