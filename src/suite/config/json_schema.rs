//! The JSON schema of `e2e.yaml`: derived from its types, with patterns for the strings that have a syntax of their own.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::image::WrittenCargo;
use super::need::WrittenNeed;
use super::source::WrittenManifest;
use super::{HostPort, ManifestSpec, Need, ServicePort, Suite};

/// Matches one or more numbers with a unit, not all of them 0: `90s`, `1m 30s`, `2 minutes`. The parser also accepts
/// ISO 8601 durations and clock times, which are not documented.
const POSITIVE: &str = r"^(?=.*[1-9])([0-9]+(\.[0-9]+)? ?[a-zµ]+,? ?)+$";

/// Returns the JSON schema of `e2e.yaml`, published as `schema/e2e.yaml.json`.
///
/// It is written in draft 7, which every editor supports. A suite that matches it can still be refused by
/// [`load`](super::load), which also compares values with each other and checks that files exist.
#[must_use]
pub fn json_schema() -> Schema {
    let settings = SchemaSettings::draft07().for_deserialize();
    let settings =
        settings.with_transform(RecursiveTransform(unwrap_lines)).with_transform(RecursiveTransform(no_nulls));
    let mut schema = settings.into_generator().into_root_schema_for::<Suite>();
    schema.insert("title".into(), "e2e.yaml".into());
    schema
}

/// Joins the lines of a description, which are those of a doc comment; paragraphs stay apart.
fn unwrap_lines(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        let paragraphs: Vec<_> = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
        *text = paragraphs.join("\n\n");
    }
}

/// Removes defaults that are `null`, and the `null`s in other defaults: they only mean that a key is optional.
fn no_nulls(schema: &mut Schema) {
    fn is_nothing(value: &mut Value) -> bool {
        match value {
            Value::Null => true,
            Value::Object(fields) => {
                fields.retain(|_, value| !is_nothing(value));
                fields.is_empty()
            }
            _ => false,
        }
    }

    if schema.get_mut("default").is_some_and(is_nothing) {
        schema.remove("default");
    }
}

/// Returns the schema of a DNS label.
pub(super) fn label(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "maxLength": 63, "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"})
}

/// Returns the schema of a DNS label that may have `{{ run }}` in it.
pub(super) fn namespace(_: &mut SchemaGenerator) -> Schema {
    const PART: &str = r"([a-z0-9]|\{\{ *run *\}\})";
    json_schema!({"type": "string", "pattern": format!("^{PART}(-*{PART})*$"), "examples": ["shop", "shop-{{ run }}"]})
}

/// Returns the schema of a positive duration.
pub(super) fn duration(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": POSITIVE, "examples": ["90s", "2m", "1m 30s"]})
}

/// Returns the schema of a duration that may also be `0s`.
pub(super) fn duration_or_nothing(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": format!("^0s$|{POSITIVE}"), "examples": ["10s", "0s"]})
}

/// Returns the schema of a cargo image.
pub(super) fn cargo(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({"anyOf": [{"type": "string"}, generator.subschema_for::<WrittenCargo>()]})
}

/// Requires exactly one key of a source of objects.
pub(super) fn one_source(source: &mut Schema) {
    one_of(source, &["kustomize", "url", "command", "inline"]);
}

/// Requires exactly one key of a task.
pub(super) fn one_task(task: &mut Schema) {
    one_of(task, &["job", "command"]);
}

fn one_of(schema: &mut Schema, keys: &[&str]) {
    let each = keys.iter().map(|key| json!({"required": [key]}));
    schema.insert("oneOf".into(), each.collect());
}

/// Requires exactly one target of a check: a port with a path, a Service, or a command.
pub(super) fn one_target(check: &mut Schema) {
    let targets = [&["port", "path"][..], &["service"], &["exec"]];
    check.insert("oneOf".into(), targets.map(|keys| json!({"required": keys})).to_vec().into());
}

impl JsonSchema for ManifestSpec {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ManifestSpec".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [
            {"description": "A path relative to `e2e.yaml`.", "type": "string"},
            generator.subschema_for::<WrittenManifest>(),
        ]})
    }
}

impl JsonSchema for Need {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Need".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [
            {"description": "Name of the component.", "type": "string"},
            generator.subschema_for::<WrittenNeed>(),
        ]})
    }
}

impl JsonSchema for HostPort {
    fn schema_name() -> Cow<'static, str> {
        "HostPort".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A port on the host.",
            "oneOf": [
                {"description": "This port; a run is refused when it is taken.", "type": "integer", "minimum": 1, "maximum": u16::MAX},
                {"description": "Any free port, chosen when the cluster is created.", "const": "auto"},
            ],
        })
    }
}

impl JsonSchema for ServicePort {
    fn schema_name() -> Cow<'static, str> {
        "ServicePort".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A Service and one of its own ports, written `redis:6379`.",
            "type": "string",
            "pattern": "^.+:[0-9]+$",
            "examples": ["redis:6379"],
        })
    }
}
