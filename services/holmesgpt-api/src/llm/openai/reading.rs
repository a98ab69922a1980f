//! From what the endpoint sends to what the model means, gathering everything that is wrong with it.

use serde::Deserialize;
use serde_json::{Map, Value};
use service_common::{fields::Fields, problem::FieldError};

use super::CatalogueEntry;
use crate::answer::Workflow;

/// Longest text that the model may write into one field, in characters.
pub(super) const TEXT_LIMIT: usize = 8000;

/// Longest list that the model may write.
const LIST_LIMIT: usize = 20;

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Said,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    content: Option<String>,
}

/// What the model said, out of the endpoint's answer.
pub(super) fn content(answer: &[u8]) -> Result<String, String> {
    let completion: Completion =
        serde_json::from_slice(answer).map_err(|error| format!("the endpoint's answer is no completion: {error}"))?;
    let choice = completion.choices.into_iter().next().ok_or("the endpoint's answer has no choices")?;
    if choice.finish_reason.as_deref() == Some("length") {
        return Err("the model's answer was cut off".to_owned());
    }
    choice.message.content.ok_or_else(|| "the model refused to answer".to_owned())
}

/// The JSON object that the model said; some put it between the marks of a code block whatever they are told.
pub(super) fn object(text: &str) -> Result<Map<String, Value>, Vec<String>> {
    let text = text.trim();
    let inside = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
    let text = inside.and_then(|text| text.strip_suffix("```")).unwrap_or(text);
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(vec!["the model's answer is JSON, but no object".to_owned()]),
        Err(error) => Err(vec![format!("the model's answer is not JSON: {error}")]),
    }
}

/// Reads an object with `read`, which may note errors of its own.
pub(super) fn read<T>(
    object: Map<String, Value>,
    read: impl FnOnce(&mut Fields) -> Option<T>,
) -> Result<T, Vec<String>> {
    let said = |errors: Vec<FieldError>| errors.into_iter().map(|error| format!("{}: {}", error.field, error.detail));
    let mut fields = Fields::new(Value::Object(object), "").map_err(|error| said(vec![error]).collect::<Vec<_>>())?;
    let value = read(&mut fields);
    let value = fields.finish_lenient(value).map_err(|errors| said(errors).collect::<Vec<_>>())?;
    value.ok_or_else(|| vec!["the model's answer is incomplete".to_owned()])
}

/// A number between 0 and 1 that must be there.
pub(super) fn fraction(fields: &mut Fields, name: &str) -> f64 {
    match fields.any(name).map(|value| value.as_f64()) {
        Some(Some(number)) if (0.0..=1.0).contains(&number) => return number,
        Some(_) => fields.reject(name, "must be a number between 0 and 1"),
        None => fields.reject(name, "is required"),
    }
    0.0
}

/// A list of texts, which may be absent.
pub(super) fn texts(fields: &mut Fields, name: &str) -> Vec<String> {
    let items = list(fields, name);
    let texts: Vec<_> = items.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if texts.len() < items.len() || texts.iter().any(|text| text.contains('\0') || text.chars().count() > TEXT_LIMIT) {
        fields.reject(name, format!("must be texts of at most {TEXT_LIMIT} characters, without NUL"));
    }
    texts
}

/// A list of objects, which may be absent.
pub(super) fn objects<T>(fields: &mut Fields, name: &str, read: impl Fn(&mut Fields) -> T) -> Vec<T> {
    let items = list(fields, name).into_iter().enumerate();
    items.filter_map(|(index, item)| nested(fields, item, &format!("{name}[{index}]"), &read)).collect()
}

/// An object in a field, which may be absent.
pub(super) fn object_in<T>(fields: &mut Fields, name: &str, read: impl Fn(&mut Fields) -> T) -> Option<T> {
    let value = fields.any(name)?;
    nested(fields, value, name, read)
}

/// An object in a field that must be there.
pub(super) fn must_object<T>(fields: &mut Fields, name: &str, read: impl Fn(&mut Fields) -> T) -> Option<T> {
    match fields.any(name) {
        Some(value) => nested(fields, value, name, read),
        None => {
            fields.reject(name, "is required");
            None
        }
    }
}

/// A boolean that must be there.
pub(super) fn must_flag(fields: &mut Fields, name: &str) -> bool {
    match fields.any(name) {
        Some(Value::Bool(flag)) => return flag,
        Some(_) => fields.reject(name, "must be true or false"),
        None => fields.reject(name, "is required"),
    }
    false
}

fn list(fields: &mut Fields, name: &str) -> Vec<Value> {
    match fields.any(name) {
        None => Vec::new(),
        Some(Value::Array(items)) if items.len() <= LIST_LIMIT => items,
        Some(_) => {
            fields.reject(name, format!("must be a list of at most {LIST_LIMIT}"));
            Vec::new()
        }
    }
}

/// What is wrong inside is wrong with the whole.
fn nested<T>(fields: &mut Fields, value: Value, name: &str, read: impl Fn(&mut Fields) -> T) -> Option<T> {
    let result = Fields::new(value, format!("{name}.")).map_err(|error| vec![error]).and_then(|mut inner| {
        let value = read(&mut inner);
        inner.finish_lenient(value)
    });
    match result {
        Ok(value) => Some(value),
        Err(errors) => {
            errors.into_iter().for_each(|error| fields.reject(&error.field, error.detail));
            None
        }
    }
}

/// The workflow that the model chose, as the catalogue has it.
pub(super) fn workflow(fields: &mut Fields, catalogue: &[CatalogueEntry]) -> Option<Workflow> {
    object_in(fields, "selected_workflow", |fields| {
        let workflow_id = workflow_id(fields, catalogue);
        let confidence = fraction(fields, "confidence");
        let rationale = fields.text_up_to("rationale", TEXT_LIMIT);
        let parameters = fields.optional_object("parameters").unwrap_or_default();
        let entry = catalogue.iter().find(|entry| entry.workflow_id == workflow_id)?;
        let CatalogueEntry { title, version, container_image, .. } = entry.clone();
        Some(Workflow { workflow_id, title, version, container_image, confidence, rationale, parameters })
    })
    .flatten()
}

/// The id of a workflow that is in the catalogue.
pub(super) fn workflow_id(fields: &mut Fields, catalogue: &[CatalogueEntry]) -> String {
    let ids: Vec<_> = catalogue.iter().map(|entry| entry.workflow_id.as_str()).collect();
    fields.word("workflow_id", &ids)
}
