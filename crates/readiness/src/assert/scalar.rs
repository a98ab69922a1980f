//! Equality of scalars in Kubernetes.

use serde_json::{Number, Value};

use super::path::Path;

/// Mappings whose values are quantities.
const QUANTITIES: [&str; 6] = ["limits", "requests", "capacity", "allocatable", "hard", "used"];

/// The factors of quantities' suffixes.
const SUFFIXES: [(&str, f64); 15] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
];

/// Returns whether two scalars at `path` are the same: equal, a number and its decimal string, or one quantity in two
/// notations.
pub(super) fn equal(path: &Path<'_>, one: &Value, other: &Value) -> bool {
    let is_same = match (one, other) {
        (Value::Number(number), Value::String(text)) | (Value::String(text), Value::Number(number)) => {
            *text == number.to_string()
        }
        (Value::Number(one), Value::Number(other)) => one == other || same_number(one, other),
        (one, other) => one == other,
    };
    is_same || (QUANTITIES.contains(&path.parent()) && same_quantity(one, other))
}

/// Compares numbers such as `1` and `1.0` exactly; two large integers are not compared as floats.
fn same_number(one: &Number, other: &Number) -> bool {
    (one.is_f64() || other.is_f64()) && one.as_f64() == other.as_f64()
}

fn same_quantity(one: &Value, other: &Value) -> bool {
    let (Some(one), Some(other)) = (quantity(one), quantity(other)) else { return false };
    (one - other).abs() <= 1e-12 * one.abs().max(other.abs())
}

fn quantity(value: &Value) -> Option<f64> {
    let text = match value {
        Value::Number(number) => return number.as_f64(),
        Value::String(text) => text.as_str(),
        _ => return None,
    };
    let suffix = SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, factor)));
    let (digits, factor) = suffix.unwrap_or((text, &1.0));
    digits.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number * factor)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!(80), json!("80"), true)]
    #[case(json!("80"), json!(80), true)]
    #[case(json!(80), json!("080"), false)]
    #[case(json!(1), json!(1.0), true)]
    #[case(json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992_i64), false)]
    #[case(json!(true), json!("true"), false)]
    #[case(json!("500m"), json!("0.5"), false)]
    fn scalars_are_compared_strictly(#[case] one: Value, #[case] other: Value, #[case] expected: bool) {
        assert_eq!(equal(&Path::Field(&Path::Root, "x"), &one, &other), expected);
    }

    #[rstest]
    #[case(json!("500m"), json!(0.5), true)]
    #[case(json!("1Gi"), json!("1024Mi"), true)]
    #[case(json!("1G"), json!("1Gi"), false)]
    #[case(json!("100n"), json!("0.1u"), true)]
    #[case(json!("1"), json!("2"), false)]
    #[case(json!("inf"), json!("infinity"), false)]
    #[case(json!("a"), json!("b"), false)]
    fn quantities_are_compared_by_amount(#[case] one: Value, #[case] other: Value, #[case] expected: bool) {
        let limits = Path::Field(&Path::Root, "limits");
        assert_eq!(equal(&Path::Field(&limits, "cpu"), &one, &other), expected);
    }
}
