//! Secrets by their shape, known or not: bearer and JSON web tokens, passwords in URLs, options and variables with
//! secret names.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::names::is_secret_option;

/// Start or part of each shape. The text is parsed further only where one of them occurs.
const SIGNS: [&str; 4] = ["bearer", "eyj", "://", "="];

/// Building these patterns cannot fail; if it did, nothing would be found by shape.
static AUTOMATON: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(SIGNS).ok());

/// Returns the ranges of these shapes in `text`, which may overlap.
pub(super) fn find(text: &str) -> impl Iterator<Item = Range<usize>> {
    let signs = AUTOMATON.iter().flat_map(move |automaton| automaton.find_iter(text));
    let found = signs.filter_map(move |sign| match sign.pattern().as_u32() {
        0 => bearer(text, sign.end()),
        1 => web_token(text, sign.start()),
        2 => user_info(text, sign.end()),
        _ => assigned(text, sign.start()),
    });
    // Masks are not masked again, and keep their width.
    found.filter(move |range| !text[range.clone()].bytes().all(|byte| byte == b'*'))
}

/// Finds the token after the word: `Bearer abcdef0123`, `bearer: "abcdef0123"`.
fn bearer(text: &str, after: usize) -> Option<Range<usize>> {
    let rest = &text[after..];
    let gap = rest.len() - rest.trim_start_matches([' ', '\t', ':', '=', '"', '\'', '\\']).len();
    let length = leading(&rest[gap..], |c| c.is_ascii_alphanumeric() || "-._~+/=".contains(c));
    // Not a token: "bearer of bad news".
    (gap > 0 && length >= 8).then(|| after + gap..after + gap + length)
}

/// Finds a JSON web token: three parts, of which the first two start as encoded JSON.
fn web_token(text: &str, start: usize) -> Option<Range<usize>> {
    let rest = &text[start..];
    let length = leading(rest, |c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let mut parts = rest[..length].split('.');
    let (head, body) = (parts.next()?, parts.next()?);
    (head.starts_with("eyJ") && head.len() >= 8 && body.starts_with("eyJ")).then(|| start..start + length)
}

/// Finds the password of `https://user:password@host`, or the token of `https://token@host`.
fn user_info(text: &str, after: usize) -> Option<Range<usize>> {
    let rest = &text[after..];
    let length = leading(rest, |c| !c.is_whitespace() && !c.is_control() && !"/?#\"'<>`".contains(c));
    let user_info = &rest[..rest[..length].rfind('@')?];
    let start = user_info.find(':').map_or(0, |colon| colon + 1);
    // A user without a password is not secret, unless it is as long as a token.
    let is_secret = start > 0 || user_info.len() >= 20;
    (is_secret && start < user_info.len()).then(|| after + start..after + user_info.len())
}

/// Finds the value after the equals sign: `--db-password=value`, `PGPASSWORD=value`.
fn assigned(text: &str, at: usize) -> Option<Range<usize>> {
    let before = &text[..at];
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name = &before[before.trim_end_matches(is_part).len()..];
    let is_variable =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if !(is_variable || name.starts_with('-')) || !is_secret_option(name) {
        return None;
    }
    let rest = &text[at + 1..];
    let (gap, length) = match rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        Some(quote) => (1, leading(&rest[1..], |c| c != quote && c != '\n')),
        None => (0, leading(rest, |c| !c.is_whitespace() && !"\"'`,;&|()]}".contains(c))),
    };
    (length > 0).then(|| at + 1 + gap..at + 1 + gap + length)
}

/// Returns the length of the prefix of `text` whose characters satisfy `is_part`.
fn leading(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}
