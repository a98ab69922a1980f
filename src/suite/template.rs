//! Templates in `e2e.yaml`: `{{ env.NAME }}`, `{{ run }}`, `{{ images['name'] }}` and `{{ ports['component.port'] }}`.
//!
//! The variables of the environment are known before anything runs. The images and ports of a run are not: they stand as
//! place-holders in rendered objects, and are filled in when the objects are applied.

use serde_json::Value;

use super::hash::hex;

/// What a template refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference {
    /// An environment variable.
    Env(String),
    /// The reference of an image in the cluster, by its name in the suite.
    Image(String),
    /// The host's port of a component's port, written `component.port`.
    Port(String),
    /// The id of the run, by which the namespaces of several runs in one cluster differ.
    Run,
    /// A text that stands for itself, such as `{{ '{{' }}`.
    Text(String),
}

/// Why a template cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    /// `{{` without `}}`.
    #[error("`{{{{` is never closed by `}}}}`")]
    Open,
    /// Something else than a reference is between the braces.
    #[error(
        "`{{{{{0}}}}}` is not known here; write `{{{{ env.NAME }}}}`, `{{{{ run }}}}`, `{{{{ images['name'] }}}}` or `{{{{ ports['component.port'] }}}}`"
    )]
    Unknown(String),
    /// What it refers to is not there.
    #[error("{0}")]
    Missing(String),
}

/// Returns `text` with each template replaced by what `value` returns for it.
pub(crate) fn expand(
    text: &str,
    mut value: impl FnMut(&Reference) -> Result<String, TemplateError>,
) -> Result<String, TemplateError> {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once("{{") {
        let (inside, next) = closed(after).ok_or(TemplateError::Open)?;
        out.push_str(before);
        out.push_str(&value(&reference(inside)?)?);
        rest = next;
    }
    out.push_str(rest);
    Ok(out)
}

/// Returns a namespace with `id` for `{{ run }}`.
///
/// # Errors
/// When it has another template, or one that is never closed.
pub(crate) fn of_run(namespace: &str, id: &str) -> Result<String, TemplateError> {
    let only = || TemplateError::Missing("a namespace can have `{{ run }}`, and no other template".into());
    expand(namespace, |reference| match reference {
        Reference::Run => Ok(id.to_owned()),
        _ => Err(only()),
    })
}

/// Splits at the `}}` that is not in quotes.
fn closed(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), character) if open == character => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, '}') if text[at..].starts_with("}}") => return Some((&text[..at], &text[at + 2..])),
            _ => {}
        }
    }
    None
}

fn reference(inside: &str) -> Result<Reference, TemplateError> {
    let unknown = || TemplateError::Unknown(inside.to_owned());
    let text = inside.trim();
    let quoted = |text: &str| {
        let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote).filter(|it| !it.contains(quote));
        inner('\'').or_else(|| inner('"')).map(str::to_owned)
    };
    let item = |list: &str| quoted(text.strip_prefix(list)?.trim().strip_prefix('[')?.strip_suffix(']')?.trim());
    if let Some(name) = text.strip_prefix("env.") {
        let is_name = name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_') && !name.is_empty();
        return if is_name { Ok(Reference::Env(name.to_owned())) } else { Err(unknown()) };
    }
    if text == "run" {
        return Ok(Reference::Run);
    }
    let found = item("images").map(Reference::Image).or_else(|| item("ports").map(Reference::Port));
    found.or_else(|| quoted(text).map(Reference::Text)).ok_or_else(unknown)
}

/// Returns the place-holder of something that is known when objects are applied. Its only characters are those of names
/// of images, so that charts which take an image apart, or check it, accept it. The `x` ends it: no place-holder is the
/// beginning of another.
pub(crate) fn placeholder(reference: &Reference) -> String {
    match reference {
        Reference::Image(name) => format!("image.kind-harness.invalid/{}x", hex(name.as_bytes())),
        Reference::Port(name) => format!("port.kind-harness.invalid/{}x", hex(name.as_bytes())),
        Reference::Env(text) | Reference::Text(text) => text.clone(),
        // Known before anything is rendered.
        Reference::Run => String::new(),
    }
}

/// Returns whether there is a place-holder in `text`.
pub(crate) fn is_placeholder(text: &str) -> bool {
    text.contains("kind-harness.invalid/")
}

/// Replaces place-holders in every text of `value`, by pairs of place-holders and what stands for them.
pub(crate) fn fill(value: &mut Value, pairs: &[(String, String)]) {
    match value {
        Value::String(text) if is_placeholder(text) => {
            *text = pairs.iter().fold(std::mem::take(text), |text, (from, to)| text.replace(from, to));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, pairs)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill(field, pairs)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn told(text: &str) -> Result<String, String> {
        let value = |reference: &Reference| match reference {
            Reference::Env(name) if name == "GONE" => Err(TemplateError::Missing("GONE is not set".into())),
            Reference::Text(text) => Ok(text.clone()),
            other => Ok(format!("{other:?}")),
        };
        expand(text, value).map_err(|error| error.to_string())
    }

    #[rstest]
    #[case("no template } {", "no template } {")]
    #[case("a {{ env.HOME }} b", "a Env(\"HOME\") b")]
    #[case("{{images[\"a/b:1\"]}}{{ ports [ 'api.http' ] }}", "Image(\"a/b:1\")Port(\"api.http\")")]
    #[case("{{ '{{ .Values.x }}' }}", "{{ .Values.x }}")]
    #[case("shop-{{run}}", "shop-Run")]
    fn templates_are_replaced(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(told(text).unwrap(), expected);
    }

    #[rstest]
    #[case("{{ env.HOME", "`{{` is never closed by `}}`")]
    #[case("{{ envs.HOME }}", "`{{ envs.HOME }}` is not known here; ")]
    #[case("{{ images['a] }}", "`{{` is never closed")]
    #[case("{{ .Values.x }}", "`{{ .Values.x }}` is not known here; ")]
    #[case("{{ env.GONE }}", "GONE is not set")]
    fn what_is_no_template_is_refused(#[case] text: &str, #[case] expected: &str) {
        let error = told(text).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn place_holders_are_filled_in_wherever_they_stand() {
        let image = Reference::Image("shop/agent".into());
        let mut object =
            json!({"spec": {"image": placeholder(&image), "args": [format!("--image={}", placeholder(&image))]}});
        fill(&mut object, &[(placeholder(&image), "localhost/agent:1".into())]);
        assert_eq!(object, json!({"spec": {"image": "localhost/agent:1", "args": ["--image=localhost/agent:1"]}}));
    }
}
