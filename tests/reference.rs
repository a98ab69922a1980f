//! The reference of every key in docs/e2e-yaml.md is generated from the schema of `e2e.yaml`.

use std::fmt::Write;
use std::path::Path;

use kind_harness::suite::config::json_schema;
use serde_json::Value;

const BEGIN: &str = "<!-- generated from schema/e2e.yaml.json: UPDATE=1 cargo test --test reference -->\n";
const END: &str = "<!-- end -->\n";

/// A table for each mapping of the file, and a list for each choice of words.
fn reference(schema: &Value) -> String {
    let mut text = String::new();
    section(&mut text, "The file", schema);
    let definitions = schema["definitions"].as_object().expect("definitions");
    definitions.iter().for_each(|(name, definition)| section(&mut text, name, definition));
    text
}

fn section(text: &mut String, name: &str, schema: &Value) {
    let _ = writeln!(text, "### {name}\n\n{}\n", description(schema));
    if let Some(properties) = schema["properties"].as_object() {
        text.push_str("| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
        let required: Vec<_> = schema["required"].as_array().into_iter().flatten().collect();
        for (key, property) in properties {
            let default = if required.iter().any(|it| *it == key) { "required".into() } else { default(property) };
            let _ = writeln!(text, "| `{key}` | {} | {default} | {} |", value(property), description(property));
        }
        text.push('\n');
    }
    let choices: Vec<_> =
        schema["oneOf"].as_array().into_iter().flatten().filter(|it| !it["description"].is_null()).collect();
    for choice in &choices {
        let _ = writeln!(text, "- {}: {}", value(choice), description(choice));
    }
    if !choices.is_empty() {
        text.push('\n');
    }
}

/// What a key's value is: a link to its section, a word, or a type.
fn value(schema: &Value) -> String {
    let parts = |key: &str| schema[key].as_array().into_iter().flatten().filter(|it| it["type"] != "null");
    if let Some(link) = schema["$ref"].as_str() {
        let name = link.rsplit('/').next().unwrap_or_default();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(word) = schema["const"].as_str() {
        return format!("`{word}`");
    }
    if let Some(inner) = parts("allOf").chain(parts("anyOf")).next() {
        return value(inner);
    }
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).filter(|it| *it != "null").collect(),
        _ => Vec::new(),
    };
    match types[..] {
        ["array"] => format!("list of {}", value(&schema["items"])),
        ["string"] if schema["examples"].is_array() => format!("text such as `{}`", plain(&schema["examples"][0])),
        _ => types.join(" or ").replace("string", "text"),
    }
}

fn default(schema: &Value) -> String {
    match &schema["default"] {
        Value::Null => String::new(),
        Value::Array(list) if list.is_empty() => String::new(),
        Value::Object(_) => "see there".into(),
        default => format!("`{}`", plain(default)),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn description(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace("\n\n", " ").replace('|', "\\|")
}

#[test]
fn the_reference_is_generated() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/e2e-yaml.md");
    let text = std::fs::read_to_string(&file).expect("a file of ours");
    let (before, rest) = text.split_once(BEGIN).expect("the mark at the beginning");
    let (published, after) = rest.split_once(END).expect("the mark at the end");
    // The keys of a value come in another order where another crate asks serde_json for theirs.
    let mut schema = json_schema().to_value();
    schema.sort_all_objects();
    let generated = format!("\n{}\n", reference(&schema).trim_end());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, format!("{before}{BEGIN}{generated}{END}{after}")).expect("a file of ours");
        return;
    }
    assert!(published == generated, "docs/e2e-yaml.md is behind; write it anew: UPDATE=1 cargo test --test reference");
}
