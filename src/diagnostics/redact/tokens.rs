//! What has the shape of a token, whoever's it is: bearer tokens and JSON web tokens, such as service accounts have.

use std::borrow::Cow;

use super::MASK;

/// `text` with every token masked.
pub(super) fn mask(text: &str) -> Cow<'_, str> {
    // Most text has neither.
    if !text.contains("eyJ") && !has_bearer(text) {
        return Cow::Borrowed(text);
    }
    let (mut clean, mut rest) = (String::with_capacity(text.len()), text);
    while !rest.is_empty() {
        if let Some(token) = after_bearer(rest) {
            let (word, after) = rest.split_at(token.start);
            clean.push_str(word);
            clean.push_str(MASK);
            rest = &after[token.length..];
        } else if let Some(length) = web_token(rest) {
            clean.push_str(MASK);
            rest = &rest[length..];
        } else {
            let length = rest.chars().next().map_or(1, char::len_utf8);
            clean.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    Cow::Owned(clean)
}

struct Token {
    start: usize,
    length: usize,
}

const BEARER: &str = "bearer";

fn has_bearer(text: &str) -> bool {
    text.as_bytes().windows(BEARER.len()).any(|word| word.eq_ignore_ascii_case(BEARER.as_bytes()))
}

/// `Bearer abcdef0123`, `bearer: "abcdef0123"`, at the beginning of `text`.
fn after_bearer(text: &str) -> Option<Token> {
    let is_bearer = text.get(..BEARER.len()).is_some_and(|word| word.eq_ignore_ascii_case(BEARER));
    let rest = is_bearer.then(|| &text[BEARER.len()..])?;
    let gap = rest.len() - rest.trim_start_matches([' ', '\t', ':', '=', '"', '\'', '\\']).len();
    let length = rest[gap..].find(|c: char| !is_token(c)).unwrap_or(rest.len() - gap);
    // A word after `bearer` that is no token: "bearer of bad news".
    (gap > 0 && length >= 8).then_some(Token { start: BEARER.len() + gap, length })
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '+' | '/' | '=')
}

/// The length of a JSON web token at the beginning of `text`: three parts, of which the first two begin as JSON does.
fn web_token(text: &str) -> Option<usize> {
    let length = text.starts_with("eyJ").then(|| {
        text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))).unwrap_or(text.len())
    })?;
    let mut parts = text[..length].split('.');
    let (head, body) = (parts.next()?, parts.next()?);
    (head.len() >= 8 && body.starts_with("eyJ")).then_some(length)
}
