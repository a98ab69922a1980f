//! Consent to installing software on a host.

use super::Finding;

/// The variable that answers the question for runs without a terminal.
const VARIABLE: &str = "KIND_HARNESS_YES";

/// The answer to whether the remedies of findings may be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// They may.
    Given,
    /// They may not.
    Refused,
    /// There is no terminal to ask at, and no variable or flag that answers.
    Unasked,
}

/// Returns the answer in the environment: `KIND_HARNESS_YES`, or else `CI`. For test runs, which have no flags and no
/// terminal.
#[must_use]
pub fn consent_of_environment(_: &[Finding]) -> Consent {
    answer(|name| std::env::var(name).ok())
}

fn answer(variable: impl Fn(&str) -> Option<String>) -> Consent {
    let said = |name| variable(name).filter(|value| !value.is_empty());
    let yes = match said(VARIABLE) {
        Some(value) => yes_or_no(&value),
        None => yes_or_no(&said("CI").unwrap_or_default()),
    };
    if yes == Ok(true) { Consent::Given } else { Consent::Unasked }
}

/// Parses the value of `KIND_HARNESS_YES`; an empty one is no consent.
///
/// # Errors
/// Names the accepted values.
pub fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "1" | "true" | "yes" => Ok(true),
        "" | "0" | "false" | "no" => Ok(false),
        _ => Err("it can be 1 or 0, also written as true or false".into()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[], Consent::Unasked)]
    #[case(&[("KIND_HARNESS_YES", "1")], Consent::Given)]
    #[case(&[("KIND_HARNESS_YES", "true")], Consent::Given)]
    #[case(&[("KIND_HARNESS_YES", "0")], Consent::Unasked)]
    #[case(&[("KIND_HARNESS_YES", "perhaps")], Consent::Unasked)]
    #[case(&[("CI", "true")], Consent::Given)]
    #[case(&[("CI", "1")], Consent::Given)]
    #[case(&[("CI", "false")], Consent::Unasked)]
    #[case(&[("CI", "")], Consent::Unasked)]
    #[case(&[("CI", "true"), ("KIND_HARNESS_YES", "")], Consent::Given)]
    #[case(&[("CI", "true"), ("KIND_HARNESS_YES", "0")], Consent::Unasked)]
    fn only_a_yes_is_a_yes(#[case] variables: &[(&str, &str)], #[case] expected: Consent) {
        let value = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        assert_eq!(answer(value), expected);
    }
}
