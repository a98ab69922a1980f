//! The host's rules of iptables, which an engine of the tests changes and which are restored when it ends.

use anyhow::{Context, Result};
use duct::cmd;

/// The rules before an engine started, each with its table.
pub(crate) struct Rules {
    before: Vec<(String, String)>,
    /// Texts of which each of the engine's own rules contains one.
    marks: &'static [&'static str],
}

impl Rules {
    /// Reads the rules before an engine starts whose own rules contain one of `marks`.
    ///
    /// # Errors
    /// When iptables is not installed.
    pub(crate) fn before(marks: &'static [&'static str]) -> Result<Rules> {
        Ok(Rules { before: list()?, marks })
    }

    /// Removes every rule and chain of the engine that was not there before, and sets the policies as they were.
    ///
    /// # Errors
    /// When iptables cannot be run.
    pub(crate) fn restore(&self) -> Result<()> {
        let new = || -> Result<Vec<(String, String)>> {
            let is_marked = |rule: &str| self.marks.iter().any(|mark| rule.contains(mark));
            let is_new = |it: &(String, String)| !self.before.contains(it) && is_marked(&it.1);
            Ok(list()?.into_iter().filter(is_new).collect())
        };
        for (table, rule) in new()?.iter().filter(|(_, rule)| rule.starts_with("-A")) {
            run(table, &rule.replacen("-A", "-D", 1))?;
        }
        for (table, rule) in new()?.iter().filter(|(_, rule)| rule.starts_with("-N")) {
            run(table, &rule.replacen("-N", "-F", 1))?;
            run(table, &rule.replacen("-N", "-X", 1))?;
        }
        for (table, policy) in self.before.iter().filter(|(_, rule)| rule.starts_with("-P")) {
            run(table, policy)?;
        }
        Ok(())
    }
}

fn list() -> Result<Vec<(String, String)>> {
    let mut rules = Vec::new();
    for table in ["filter", "nat", "raw", "mangle"] {
        let listed = cmd!("iptables", "-t", table, "-S").stderr_null().unchecked().read().context("iptables")?;
        rules.extend(listed.lines().map(|line| (table.to_owned(), line.to_owned())));
    }
    Ok(rules)
}

/// Runs one command of iptables; a rule that no longer exists is not an error. iptables-restore is used because it takes
/// quoted comments as iptables prints them.
fn run(table: &str, rule: &str) -> Result<()> {
    let input = format!("*{table}\n{rule}\nCOMMIT\n");
    cmd!("iptables-restore", "--wait", "--noflush").stdin_bytes(input).stderr_null().unchecked().run()?;
    Ok(())
}
