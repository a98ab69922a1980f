//! Formats values, durations and objects for a failure.

use std::time::Duration;

use serde_json::Value;

/// The maximum number of characters of a value.
const WIDEST: usize = 100;

/// The number of characters kept before the first difference of two long values.
const BEFORE: usize = 20;

/// The maximum number of lines of an object.
const TALLEST: usize = 30;

/// Returns a value as JSON, on one line, truncated to a readable length.
pub(super) fn value(value: &Value) -> String {
    cut(&value.to_string(), 0)
}

/// Returns two different values as JSON; long ones from shortly before their first difference.
pub(super) fn differing(one: &Value, other: &Value) -> (String, String) {
    let (one, other) = (one.to_string(), other.to_string());
    let is_long = |text: &str| text.chars().nth(WIDEST).is_some();
    let same = if is_long(&one) && is_long(&other) {
        one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count()
    } else {
        0
    };
    let from = same.saturating_sub(BEFORE);
    (cut(&one, from), cut(&other, from))
}

/// Returns `text` from the character `from` on, with an ellipsis for what is left out.
fn cut(text: &str, from: usize) -> String {
    let mut characters = text.chars().skip(from);
    let mut cut: String = if from > 0 { "…".into() } else { String::new() };
    cut.extend(characters.by_ref().take(WIDEST));
    if characters.next().is_some() {
        cut.push('…');
    }
    cut
}

/// Formats a duration: `12.4 s`.
pub(super) fn seconds(duration: Duration) -> String {
    let text = format!("{:.3}", duration.as_secs_f64());
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Returns a value as lines of YAML, truncated to a readable number.
pub(super) fn yaml(value: &Value) -> Vec<String> {
    // Every JSON value can be serialized; otherwise print JSON.
    let text = serde_saphyr::to_string(value).unwrap_or_else(|_| value.to_string());
    let mut lines: Vec<String> = text.trim_end().lines().map(|line| cut(line, 0)).collect();
    if lines.len() > TALLEST {
        let more = lines.len() - TALLEST;
        lines.truncate(TALLEST);
        lines.push(format!("… and {more} more lines"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let rendered = value(&json!("ä".repeat(200)));
        assert_eq!(rendered.chars().count(), WIDEST + 1);
        assert!(rendered.starts_with("\"ä") && rendered.ends_with("ä…"), "{rendered}");
        assert_eq!(value(&json!({"a": [1, "b"]})), r#"{"a":[1,"b"]}"#);
    }

    #[test]
    fn long_values_are_shown_where_they_differ() {
        let common = "x".repeat(300);
        let (one, other) = differing(&json!(format!("{common}1")), &json!(format!("{common}2")));
        assert!(one.starts_with("…x") && one.ends_with("x1\""), "{one}");
        assert!(other.ends_with("x2\""), "{other}");
    }

    #[test]
    fn durations_have_no_idle_digits() {
        assert_eq!(seconds(Duration::from_secs(30)), "30 s");
        assert_eq!(seconds(Duration::from_millis(1250)), "1.25 s");
        assert_eq!(seconds(Duration::ZERO), "0 s");
    }

    #[test]
    fn a_tall_object_is_cut() {
        let lines = yaml(&json!((0..50).collect::<Vec<_>>()));
        assert_eq!((lines.len(), lines[0].as_str(), lines[TALLEST].as_str()), (31, "- 0", "… and 20 more lines"));
    }
}
