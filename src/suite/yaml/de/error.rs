//! Errors of serde as plain text, until their location is known.

use std::fmt::{self, Display};

use serde::de::{Expected, Unexpected};

use crate::suite::yaml::{Diagnostic, Source, Span, did_you_mean};

/// An error that gets its location while it is returned: the innermost one counts.
#[derive(Debug)]
pub(super) struct Error {
    message: String,
    help: Option<String>,
    span: Option<Span>,
    /// The missing key, if that is the error.
    pub(super) missing: Option<&'static str>,
    /// Whether it only follows from another error: a key was left out although it is there.
    pub(super) follows: bool,
}

impl Error {
    fn new(message: impl Into<String>) -> Error {
        Error { message: message.into(), help: None, span: None, missing: None, follows: false }
    }

    fn with_help(message: impl Into<String>, help: Option<String>) -> Error {
        Error { help, ..Error::new(message) }
    }

    /// Returns an error for a value that is not a string where one of `variants` is expected.
    pub(super) fn not_one_of(variants: &[&str]) -> Error {
        Error::new(format!("expected {}", one_of(variants)))
    }

    pub(super) fn at(mut self, span: Span) -> Error {
        self.span.get_or_insert(span);
        self
    }

    pub(super) fn diagnostic(self, source: &Source) -> Diagnostic {
        let diagnostic = Diagnostic::at(source, self.span.unwrap_or_default(), self.message);
        match self.help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }
}

fn one_of(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    format!("one of {}", words.join(", "))
}

/// Returns what was expected, without programmers' terms.
fn words(expected: &dyn Expected) -> String {
    match expected.to_string().as_str() {
        "u16" => "a number from 0 to 65535".into(),
        "u32" => "a whole number of 0 or more".into(),
        "f32" => "a number".into(),
        other => other.replace("a sequence", "a list"),
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: Display>(message: T) -> Error {
        Error::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Error {
        let expected = words(expected);
        let found = match found {
            Unexpected::Unit | Unexpected::Option => "nothing".into(),
            Unexpected::Map => "a mapping".into(),
            Unexpected::Seq => "a list".into(),
            Unexpected::Bool(value) => format!("the boolean `{value}`"),
            Unexpected::Signed(value) => format!("the number `{value}`"),
            Unexpected::Unsigned(value) => format!("the number `{value}`"),
            Unexpected::Float(value) => format!("the number `{value}`"),
            Unexpected::Str(value) => format!("the text `{value}`"),
            other => other.to_string(),
        };
        let scalar = found.starts_with("the boolean") || found.starts_with("the number");
        let help = (scalar && expected.contains("string")).then(|| "put it in quotes".to_owned());
        Error::with_help(format!("expected {expected}, found {found}"), help)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Error {
        let words = words(expected);
        match found {
            Unexpected::Signed(value) => Error::new(format!("`{value}` is out of range: expected {words}")),
            Unexpected::Unsigned(value) => Error::new(format!("`{value}` is out of range: expected {words}")),
            _ => Error::invalid_type(found, expected),
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Error {
        let message = format!("`{variant}` is not {}", one_of(expected));
        Error::with_help(message, did_you_mean(variant, expected.iter().copied()))
    }

    fn missing_field(field: &'static str) -> Error {
        Error { missing: Some(field), ..Error::new(format!("the key `{field}` is missing here")) }
    }
}
