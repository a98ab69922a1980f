//! How components are taken away: the settings, and the variables that they are read from.

use std::time::Duration;

use thiserror::Error;

/// How components are taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill {
    /// All at once; else wave by wave, those first that nobody needs.
    pub parallel: bool,
    /// How long they, or each wave of them, may take by themselves. Then their pods are ended without grace.
    pub deadline: Duration,
    /// Whether to look, at the end, that nothing is left.
    pub verify: bool,
    /// Whether finalizers are removed that keep an object when even that has not helped.
    pub force: bool,
}

impl Default for Kill {
    fn default() -> Kill {
        Kill { parallel: true, deadline: Duration::from_secs(30), verify: true, force: false }
    }
}

/// A variable has a value that it cannot have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{name} is {value:?}; it can be {permitted}")]
pub struct WrongVariable {
    name: &'static str,
    value: String,
    permitted: &'static str,
}

impl Kill {
    /// What `KIND_HARNESS_PARALLEL_KILL`, `KIND_HARNESS_KILL_TIMEOUT` and `KIND_HARNESS_VERIFY` say; the usual where they
    /// are not set or empty.
    ///
    /// # Errors
    /// The first of them that has a value that it cannot have, and which it can.
    pub fn from_env() -> Result<Kill, WrongVariable> {
        Kill::from_variables(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    fn from_variables(variable: impl Fn(&'static str) -> Option<String>) -> Result<Kill, WrongVariable> {
        let variable = |name| variable(name).filter(|value| !value.is_empty()).map(|value| (name, value));
        let usual = Kill::default();
        Ok(Kill {
            parallel: variable("KIND_HARNESS_PARALLEL_KILL").map_or(Ok(usual.parallel), flag)?,
            deadline: variable("KIND_HARNESS_KILL_TIMEOUT").map_or(Ok(usual.deadline), seconds)?,
            verify: variable("KIND_HARNESS_VERIFY").map_or(Ok(usual.verify), flag)?,
            force: usual.force,
        })
    }
}

fn flag((name, value): (&'static str, String)) -> Result<bool, WrongVariable> {
    match value.as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(WrongVariable { name, value, permitted: "true or false, also written as 1 or 0" }),
    }
}

fn seconds((name, value): (&'static str, String)) -> Result<Duration, WrongVariable> {
    match value.parse() {
        Ok(seconds @ 0..=3600) => Ok(Duration::from_secs(seconds)),
        _ => Err(WrongVariable { name, value, permitted: "a whole number of seconds, from 0 to 3600" }),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Kill, String> {
        let value = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Kill::from_variables(value).map_err(|error| error.to_string())
    }

    #[test]
    fn variables_are_put_over_the_usual() {
        assert_eq!(read(&[]), Ok(Kill::default()));
        assert_eq!(read(&[("KIND_HARNESS_VERIFY", "")]), Ok(Kill::default()));
        let all =
            [("KIND_HARNESS_PARALLEL_KILL", "false"), ("KIND_HARNESS_KILL_TIMEOUT", "5"), ("KIND_HARNESS_VERIFY", "0")];
        let expected = Kill { parallel: false, deadline: Duration::from_secs(5), verify: false, force: false };
        assert_eq!(read(&all), Ok(expected));
    }

    #[rstest]
    #[case("KIND_HARNESS_PARALLEL_KILL", "yes", "true or false, also written as 1 or 0")]
    #[case("KIND_HARNESS_VERIFY", "TRUE ", "true or false, also written as 1 or 0")]
    #[case("KIND_HARNESS_KILL_TIMEOUT", "30s", "a whole number of seconds, from 0 to 3600")]
    #[case("KIND_HARNESS_KILL_TIMEOUT", "-1", "a whole number of seconds, from 0 to 3600")]
    #[case("KIND_HARNESS_KILL_TIMEOUT", "99999999999999999999", "a whole number of seconds, from 0 to 3600")]
    fn a_wrong_value_names_the_variable_and_what_it_can_be(
        #[case] name: &'static str,
        #[case] value: &str,
        #[case] permitted: &str,
    ) {
        assert_eq!(read(&[(name, value)]), Err(format!("{name} is {value:?}; it can be {permitted}")));
    }
}
