//! Switches: the environment variables of a test run, which has no flags.

use std::time::Duration;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer};
use thiserror::Error;

use super::{Overrides, Strategy, duration};
use crate::suite::config::Keep;

/// A switch, as listed in `docs/lifecycle.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// The variable.
    pub name: &'static str,
    /// The behaviour when it is not set.
    pub default: &'static str,
    /// Its effect.
    pub meaning: &'static str,
}

/// Every switch.
pub const SWITCHES: [Switch; 10] = [
    switch("KIND_HARNESS_PARALLEL", "true", "`false` starts and ends components one by one"),
    switch("KIND_HARNESS_PARALLEL_START", "as above", "the same for their start alone; `--strategy` wins"),
    switch("KIND_HARNESS_PARALLEL_KILL", "as above", "the same for their end alone"),
    switch(
        "KIND_HARNESS_START_TIMEOUT",
        "the suite's `deadline`",
        "seconds in which all must be ready; `--deadline` wins",
    ),
    switch(
        "KIND_HARNESS_MAX_RETRIES",
        "the suite's `retry`",
        "how often what fails for a passing cause is tried again",
    ),
    switch("KIND_HARNESS_KILL_TIMEOUT", "30", "seconds after which components that do not go are forced"),
    switch("KIND_HARNESS_VERIFY", "true", "look, after components were deleted, that nothing of them is left"),
    switch("KIND_HARNESS_KEEP", "never", "in tests: `never`, `on-failure` or `always` keep the environment"),
    switch("KIND_HARNESS_SHARE", "by runner", "in tests: `process` or `runner` share an environment"),
    switch("KIND_HARNESS_DEBUG", "false", "print every command before it is run"),
];

const fn switch(name: &'static str, default: &'static str, meaning: &'static str) -> Switch {
    Switch { name, default, meaning }
}

/// The values of the switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    /// Whether components are started at once; `None` for the suite's strategy.
    pub parallel_start: Option<bool>,
    /// Whether components are removed at once.
    pub parallel_kill: bool,
    /// Time limit for all to become ready; `None` for the suite's deadline.
    pub start_timeout: Option<Duration>,
    /// Maximum number of retries; `None` for the suite's setting.
    pub max_retries: Option<u32>,
    /// Time after which components are removed by force.
    pub kill_timeout: Duration,
    /// Whether to check that nothing is left.
    pub verify: bool,
    /// Whether an environment of tests is kept.
    pub keep: Keep,
    /// Which processes share an environment of tests; `None` to depend on the test runner.
    pub share: Option<Share>,
    /// Whether every command is printed.
    pub debug: bool,
}

/// Which processes share one environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// The threads of one test binary. Cargo runs binaries one after the other and does not report which is the last, so
    /// only this way the removal can be awaited, and reported.
    Process,
    /// All test processes started by one cargo or nextest. The environment is removed when that exits.
    Runner,
}

/// An environment variable has an invalid value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{name} is {value:?}; it can be {permitted}")]
pub struct WrongVariable {
    name: &'static str,
    value: String,
    permitted: &'static str,
}

impl Switches {
    /// Reads the switches from the environment.
    ///
    /// # Errors
    /// The first variable with an invalid value, and the permitted values.
    pub fn from_env() -> Result<Switches, WrongVariable> {
        Switches::from_variables(|name| Variable::of_process(name).value)
    }

    fn from_variables(variable: impl Fn(&'static str) -> Option<String>) -> Result<Switches, WrongVariable> {
        let set = |name: &'static str| Variable { name, value: variable(name).filter(|value| !value.is_empty()) };
        let parallel = set("KIND_HARNESS_PARALLEL").flag()?;
        Ok(Switches {
            parallel_start: set("KIND_HARNESS_PARALLEL_START").flag()?.or(parallel),
            parallel_kill: set("KIND_HARNESS_PARALLEL_KILL").flag()?.or(parallel).unwrap_or(true),
            start_timeout: set("KIND_HARNESS_START_TIMEOUT")
                .number(1..=3600, "a whole number of seconds, from 1 to 3600")?
                .map(seconds),
            max_retries: set("KIND_HARNESS_MAX_RETRIES").number(0..=19, "a whole number from 0 to 19")?,
            kill_timeout: set("KIND_HARNESS_KILL_TIMEOUT")
                .number(0..=3600, "a whole number of seconds, from 0 to 3600")?
                .map_or(Duration::from_secs(30), seconds),
            verify: set("KIND_HARNESS_VERIFY").flag()?.unwrap_or(true),
            keep: set("KIND_HARNESS_KEEP").parse_keep()?,
            share: set("KIND_HARNESS_SHARE").read("process or runner", |value| match value {
                "process" => Some(Share::Process),
                "runner" => Some(Share::Runner),
                _ => None,
            })?,
            debug: set("KIND_HARNESS_DEBUG").flag()?.unwrap_or(false),
        })
    }

    /// Sets the fields of `overrides` that are not set yet.
    pub fn complete(&self, overrides: &mut Overrides) {
        let strategy =
            self.parallel_start.map(|at_once| if at_once { Strategy::Parallel } else { Strategy::Sequential });
        overrides.strategy = overrides.strategy.or(strategy);
        overrides.deadline = overrides.deadline.or(self.start_timeout);
        overrides.attempts = self.max_retries.map(|retries| retries + 1);
    }
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

/// An environment variable and its value; an empty value counts as none.
pub(super) struct Variable {
    name: &'static str,
    value: Option<String>,
}

impl Variable {
    /// Returns the variable of this process.
    pub(super) fn of_process(name: &'static str) -> Variable {
        let value = std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        Variable { name, value: value.filter(|value| !value.is_empty()) }
    }

    pub(super) fn text(self) -> Option<String> {
        self.value
    }

    /// Parses a value that the suite file has under the same name.
    pub(super) fn one_of<T: DeserializeOwned>(self, permitted: &'static str) -> Result<Option<T>, WrongVariable> {
        let read = |value: &str| {
            let value: StrDeserializer<'_, serde::de::value::Error> = value.into_deserializer();
            T::deserialize(value).ok()
        };
        self.read(permitted, read)
    }

    pub(super) fn duration(self) -> Result<Option<Duration>, WrongVariable> {
        self.read("a duration such as 90s or 2m", |value| duration::parse(value).ok())
    }

    fn read<T>(
        self,
        permitted: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, WrongVariable> {
        let Variable { name, value } = self;
        let Some(value) = value else { return Ok(None) };
        read(&value).map(Some).ok_or(WrongVariable { name, value, permitted })
    }

    pub(super) fn flag(self) -> Result<Option<bool>, WrongVariable> {
        self.read("true or false, also written as 1 or 0", |value| match value {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        })
    }

    fn number(
        self,
        range: std::ops::RangeInclusive<u32>,
        permitted: &'static str,
    ) -> Result<Option<u32>, WrongVariable> {
        self.read(permitted, |value| value.parse().ok().filter(|number| range.contains(number)))
    }

    fn parse_keep(self) -> Result<Keep, WrongVariable> {
        let keep = self.read("never, on-failure or always", |value| match value {
            "0" | "never" => Some(Keep::Never),
            "on-failure" => Some(Keep::OnFailure),
            "1" | "always" => Some(Keep::Always),
            _ => None,
        })?;
        Ok(keep.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Switches, String> {
        let value = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Switches::from_variables(value).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_set_or_empty_is_as_usual() {
        let usual = Switches {
            parallel_start: None,
            parallel_kill: true,
            start_timeout: None,
            max_retries: None,
            kill_timeout: Duration::from_secs(30),
            verify: true,
            keep: Keep::Never,
            share: None,
            debug: false,
        };
        assert_eq!(read(&[]), Ok(usual));
        assert_eq!(read(&SWITCHES.map(|switch| (switch.name, ""))), Ok(usual));
    }

    #[test]
    fn one_switch_for_both_ends_and_one_for_each() {
        let both = read(&[("KIND_HARNESS_PARALLEL", "false")]).unwrap();
        assert_eq!((both.parallel_start, both.parallel_kill), (Some(false), false));
        let end = read(&[("KIND_HARNESS_PARALLEL", "0"), ("KIND_HARNESS_PARALLEL_START", "1")]).unwrap();
        assert_eq!((end.parallel_start, end.parallel_kill), (Some(true), false));
    }

    #[test]
    fn a_flag_wins_over_a_switch() {
        let switches = read(&[
            ("KIND_HARNESS_PARALLEL", "false"),
            ("KIND_HARNESS_START_TIMEOUT", "60"),
            ("KIND_HARNESS_MAX_RETRIES", "0"),
        ]);
        let (mut silent, mut said) =
            (Overrides::default(), Overrides { strategy: Some(Strategy::Waves), ..Overrides::default() });
        let switches = switches.unwrap();
        switches.complete(&mut silent);
        assert_eq!((silent.strategy, silent.attempts), (Some(Strategy::Sequential), Some(1)));
        assert_eq!(silent.deadline, Some(Duration::from_secs(60)));
        switches.complete(&mut said);
        assert_eq!(said.strategy, Some(Strategy::Waves));
    }

    #[rstest]
    #[case("KIND_HARNESS_PARALLEL", "yes", "true or false, also written as 1 or 0")]
    #[case("KIND_HARNESS_VERIFY", "TRUE ", "true or false, also written as 1 or 0")]
    #[case("KIND_HARNESS_KILL_TIMEOUT", "30s", "a whole number of seconds, from 0 to 3600")]
    #[case("KIND_HARNESS_KILL_TIMEOUT", "-1", "a whole number of seconds, from 0 to 3600")]
    #[case("KIND_HARNESS_START_TIMEOUT", "0", "a whole number of seconds, from 1 to 3600")]
    #[case("KIND_HARNESS_START_TIMEOUT", "3601", "a whole number of seconds, from 1 to 3600")]
    #[case("KIND_HARNESS_SHARE", "all", "process or runner")]
    #[case("KIND_HARNESS_MAX_RETRIES", "99999999999999999999", "a whole number from 0 to 19")]
    #[case("KIND_HARNESS_KEEP", "maybe", "never, on-failure or always")]
    fn a_wrong_value_names_the_variable_and_what_it_can_be(
        #[case] name: &'static str,
        #[case] value: &str,
        #[case] permitted: &str,
    ) {
        assert_eq!(read(&[(name, value)]), Err(format!("{name} is {value:?}; it can be {permitted}")));
    }

    #[test]
    fn the_page_on_the_life_cycle_lists_every_switch() {
        let page = include_str!("../../../docs/lifecycle.md");
        let table = page.split_once("## Switches").map_or("", |(_, table)| table);
        let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| `KIND_HARNESS_")).collect();
        let expected = SWITCHES.map(|Switch { name, default, meaning }| {
            let default = if default.contains(' ') { default.into() } else { format!("`{default}`") };
            format!("| `{name}` | {default} | {meaning} |")
        });
        assert_eq!(rows, expected);
    }
}
