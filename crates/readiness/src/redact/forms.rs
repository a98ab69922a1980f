//! The forms in which programs write a value: verbatim, line by line, in base64, escaped.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// The characters that URLs escape: all but letters, digits and `-._~`.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same for JavaScript's `encodeURIComponent` and others that escape fewer.
const LOOSE: &AsciiSet = &STRICT.remove(b'!').remove(b'\'').remove(b'(').remove(b')').remove(b'*');

/// Line lengths of wrapped base64.
const WRAPS: [usize; 2] = [76, 64];

/// Longer values, such as those of Helm releases, are searched for only verbatim, line by line and in base64.
const LONG: usize = 64 << 10;

/// Longer values are searched for in base64 of base64 only where nothing else is encoded with them.
const WITHIN: usize = 256;

/// Returns every form of `value`; some may be shorter than what is searched for.
pub(super) fn all(value: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut forms = BTreeSet::from([value.to_vec()]);
    for bytes in BTreeSet::from([value, value.trim_ascii()]) {
        forms.extend(wrapped(&STANDARD_NO_PAD.encode(bytes)));
        if bytes.len() <= LONG {
            forms.extend(base64_within(bytes));
        }
    }
    let Ok(text) = std::str::from_utf8(value) else { return forms };
    if value.len() <= LONG {
        forms.extend(escaped(text));
        forms.extend(escaped(text.trim()));
    }
    // Every PEM key starts and ends with a line of dashes.
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("-----") && line.len() < text.trim().len());
    for line in lines {
        forms.extend(escaped(line));
        forms.insert(STANDARD_NO_PAD.encode(line).into());
    }
    forms
}

/// Returns base64 of `bytes`, once and twice, alone and as part of something longer.
fn base64_within(bytes: &[u8]) -> BTreeSet<Vec<u8>> {
    let padded = [STANDARD.encode(bytes), STANDARD.encode([bytes, b"\n"].concat())];
    let mut forms = aligned(bytes);
    let within: Vec<_> = forms.iter().filter(|_| bytes.len() <= WITHIN).flat_map(|form| aligned(form)).collect();
    forms.extend(within);
    forms.extend(padded.iter().flat_map(|encoded| aligned(encoded.as_bytes())));
    let in_url = utf8_percent_encode(&padded[0], STRICT).to_string();
    forms.extend([lower_case(&in_url).into_bytes(), in_url.into_bytes()]);
    forms
}

/// Returns the base64 characters that do not depend on what precedes and follows `bytes`, for each of its three
/// possible offsets in a group of three bytes; and those of `bytes` alone.
fn aligned(bytes: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut forms = BTreeSet::new();
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        forms.insert(engine.encode(bytes).into_bytes());
        for before in 0..3 {
            let letters = engine.encode([&[0; 2][..before], bytes].concat()).into_bytes();
            // Characters of six bits that include bits of the neighbours are cut off.
            let (start, end) = ((before * 8).div_ceil(6), (before + bytes.len()) * 8 / 6);
            forms.extend(letters.get(start..end).map(<[u8]>::to_vec));
        }
    }
    forms
}

fn wrapped(base64: &str) -> Vec<Vec<u8>> {
    let lines = WRAPS.iter().flat_map(|width| base64.as_bytes().chunks(*width)).map(<[u8]>::to_vec);
    lines.chain([base64.into()]).collect()
}

/// Returns `text` with the escapes of JSON (once, twice, and Go's), Rust, URLs, forms and shells.
fn escaped(text: &str) -> BTreeSet<Vec<u8>> {
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) {
        return BTreeSet::from([text.into()]);
    }
    let json = json(text);
    let mut forms = BTreeSet::from([text.to_owned(), self::json(&json), go(&json), go(&self::json(&json)), json]);
    forms.insert(unquoted(&format!("{text:?}")));
    forms.insert(shlex::try_quote(text).unwrap_or_default().trim_matches(['\'', '"']).to_owned());
    let mut forms: BTreeSet<Vec<u8>> = forms.into_iter().map(String::into_bytes).collect();
    forms.extend(percent(text));
    forms
}

fn percent(text: &str) -> Vec<Vec<u8>> {
    let strict = utf8_percent_encode(text, STRICT).to_string();
    let loose = utf8_percent_encode(text, LOOSE).to_string();
    let form = strict.replace("%20", "+");
    let all = [lower_case(&strict), lower_case(&loose), lower_case(&form), strict, loose, form];
    all.into_iter().map(String::into_bytes).collect()
}

/// Converts escapes to lower case: `%2f` for `%2F`.
fn lower_case(escaped: &str) -> String {
    let mut parts = escaped.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_at(part.len().min(2));
        text.extend(["%", &code.to_lowercase(), rest]);
    }
    text
}

fn json(text: &str) -> String {
    unquoted(&Value::from(text).to_string())
}

fn unquoted(quoted: &str) -> String {
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// Adds the escapes of HTML characters in Go's JSON.
fn go(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}
