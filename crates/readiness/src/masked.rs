//! Masks secrets in the results and recordings of readiness.
//!
//! Verdicts are masked when they leave this module, never before: rules and waits use unmasked objects.

use serde_json::Value;

use super::kinds;
use super::recording::{Line, What};
use super::{ComponentStatus, Judgement, NotReady, Unready, Verdict, Want};
use crate::redact::{MASKED_BY_FIELD, Redactor};

/// Masks a verdict's texts.
pub fn verdict(redactor: &Redactor, verdict: &mut Verdict) {
    match verdict {
        Verdict::Ready => {}
        Verdict::Waiting { message, .. } => redactor.mask(message),
        Verdict::Failed { message, hint, .. } => [message, hint].into_iter().for_each(|text| redactor.mask(text)),
    }
}

/// Masks the reasons and log lines of components that are not ready.
pub fn unready(redactor: &Redactor, components: &mut [Unready]) {
    for object in components.iter_mut().flat_map(|unready| &mut unready.objects) {
        verdict(redactor, &mut object.verdict);
        if let Some(Want::Image { image: text, .. } | Want::NodeResource(text) | Want::Taint(text)) = &mut object.want {
            redactor.mask(text);
        }
        object.logs.iter_mut().flat_map(|tail| &mut tail.lines).for_each(|line| redactor.mask(line));
    }
}

/// Masks the error of a wait.
pub(super) fn not_ready(redactor: &Redactor, error: &mut NotReady) {
    match error {
        NotReady::Failed { failed, waiting, .. } => {
            unready(redactor, failed);
            unready(redactor, waiting);
        }
        NotReady::Deadline { waiting, .. } => unready(redactor, waiting),
        NotReady::Gone { error, .. } | NotReady::Forbidden { error, .. } => redactor.mask(error),
    }
}

/// Masks the status of a component.
pub(super) fn status(redactor: &Redactor, mut status: ComponentStatus) -> ComponentStatus {
    verdict(redactor, &mut status.verdict);
    status
}

/// Masks the judgement of an object.
pub(super) fn judgement(redactor: &Redactor, mut judgement: Judgement) -> Judgement {
    verdict(redactor, &mut judgement.verdict);
    judgement
}

/// Returns the consequence if a kind that no verdict depends on may not be watched.
pub(super) fn cost_of_refusal(kind: &str) -> &'static str {
    if kind == "Secret" { MASKED_BY_FIELD } else { "reasons will be less precise" }
}

/// Returns a line of a recording with secrets masked, and a line break. What rules compare is not masked, so that a
/// replay has the same verdicts: names, labels, types, phases, one-word reasons.
///
/// # Errors
/// When it cannot be serialized as JSON.
pub(super) fn line(line: &Line) -> std::io::Result<String> {
    if let What::Began { .. } = line.what {
        // Graces, and the suite's rules.
        return Ok(format!("{}\n", serde_json::to_string(line)?));
    }
    let (redactor, mut line) = (Redactor::global(), serde_json::to_value(line)?);
    let put = ["/update/is/put", "/update/is/removed"].into_iter().find(|place| line.pointer(place).is_some());
    match put.and_then(|place| line.pointer_mut(place)) {
        Some(object) => self::object(redactor, object),
        None => redactor.fields(&mut line, is_identity),
    }
    Ok(format!("{line}\n"))
}

fn object(redactor: &Redactor, object: &mut Value) {
    let api_version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let is_builtin = kinds::is_builtin(kinds::group_of(api_version));
    if is_builtin {
        return redactor.fields(object, is_identity);
    }
    // Rules read the identity and the conditions of a custom resource.
    for (name, value) in object.as_object_mut().into_iter().flatten() {
        match name.as_str() {
            "apiVersion" | "kind" | "metadata" => {}
            "status" => {
                let conditions = value.get_mut("conditions").map(Value::take);
                redactor.fields(value, |_, _| false);
                if let Some(mut conditions) = conditions {
                    redactor.fields(&mut conditions, is_identity);
                    value["conditions"] = conditions;
                }
            }
            _ => redactor.fields(value, |_, _| false),
        }
    }
}

/// Returns whether a field identifies an object, or is read by a rule.
fn is_identity(field: &str, value: &Value) -> bool {
    const NAMES: [&str; 17] = [
        "apiVersion",
        "api_version",
        "kind",
        "plural",
        "name",
        "namespace",
        "uid",
        "component",
        "nodeName",
        "claimName",
        "serviceName",
        "storageClassName",
        "volumeName",
        "restartPolicy",
        "how",
        "verdict",
        "scope",
    ];
    const WORDS: [&str; 4] = ["type", "status", "phase", "reason"];
    const TREES: [&str; 8] =
        ["metadata", "selector", "involvedObject", "ownerReferences", "targetRef", "watch", "settings", "components"];
    match value {
        Value::String(text) => {
            NAMES.contains(&field) || (WORDS.contains(&field) && text.chars().all(|c| c.is_ascii_alphabetic()))
        }
        Value::Number(_) => true,
        _ => TREES.contains(&field),
    }
}
