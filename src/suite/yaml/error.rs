//! Converts the YAML library's errors into diagnostics.

use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error, MessageFormatter, UserMessageFormatter};

use super::{Source, Span, node};
use crate::suite::yaml::Diagnostic;

/// [`super::MAX_DEPTH`] is the limit for blocks; the parser has its own for brackets.
const TOO_DEEP: &str = "this is nested too deeply";

/// Returns `error` at its location in `source`.
pub(super) fn diagnostic(source: &Source, error: &Error) -> Diagnostic {
    let error = match error.without_snippet() {
        Error::AliasError { error, .. } => error.as_ref(),
        error => error,
    };
    let Some(location) = error.location() else {
        return Diagnostic::of_file(source.path(), words(error));
    };
    let known = node::span(location);
    let span = if location.span().byte_offset().is_some() {
        known
    } else {
        let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        let start = source.offset(number(location.line()), number(location.column()));
        Span { start, end: start }
    };
    let diagnostic = Diagnostic::at(source, span, words(error));
    match error {
        Error::NonFiniteFloat { .. } => diagnostic.help("if it is text, put it in quotes"),
        _ => diagnostic,
    }
}

fn words(error: &Error) -> String {
    match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("the key `{key}` is written twice"),
        Error::DuplicateMappingKey { key: None, .. } => "a key is written twice".into(),
        Error::UnknownAnchor { .. } => "this alias has no anchor in its document".into(),
        Error::NullIntoString { .. } => "a key must be text, not nothing".into(),
        Error::Unexpected { expected: "string scalar", .. } => "a key must be text".into(),
        Error::NonFiniteFloat { value, .. } => format!("`{value}` is not a finite number"),
        other => match UserMessageFormatter.format_message(other).as_ref() {
            "recursion limit exceeded" => TOO_DEEP.into(),
            _ if matches!(other, Error::Budget { breach: BudgetBreach::Depth { .. }, .. }) => TOO_DEEP.into(),
            text => format!("not valid YAML: {text}"),
        },
    }
}
