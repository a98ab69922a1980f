//! The JUnit report of a test run, which all its processes write to.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::cluster::Owner;
use crate::report::SuiteResults;

/// The variable that names the JUnit report.
pub const JUNIT: &str = "KIND_HARNESS_JUNIT";
/// The variable with the id of the test run, for processes of several test runners that write one report.
pub const JUNIT_RUN: &str = "KIND_HARNESS_JUNIT_RUN";

/// A JUnit report. Processes of the same test run add to it; that of an earlier test run is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JunitFile {
    /// Its absolute path.
    pub path: PathBuf,
    /// The id of the test run: a UUID.
    pub run: String,
}

impl JunitFile {
    /// Returns the report at `path` of the test run that belongs to `owner`, such as cargo's process.
    #[must_use]
    pub fn of(path: &Path, owner: &Owner) -> JunitFile {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        JunitFile { path, run: run_of(owner) }
    }

    /// Adds results to the report, or replaces those of the same names.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn update(&self, results: &SuiteResults) -> Result<(), String> {
        let path = self.path.display();
        self.write(results).map_err(|why| format!("the JUnit report {path} could not be written: {why}"))
    }

    #[cfg(feature = "junit")]
    fn write(&self, results: &SuiteResults) -> Result<(), String> {
        let mut failed = None;
        let change = |old: Option<&str>| {
            let new = crate::report::junit::update(old, &self.run, results);
            new.map_err(|error| failed = Some(crate::readiness::errors::chain(&error))).ok()
        };
        crate::host::folders::update_output(&self.path, change).map_err(|error| error.to_string())?;
        failed.map_or(Ok(()), Err)
    }

    #[cfg(not(feature = "junit"))]
    fn write(&self, _: &SuiteResults) -> Result<(), String> {
        Err("enable the feature `junit` of kind-harness".into())
    }
}

/// Returns the id of the test run of `owner`.
#[must_use]
pub fn run_of(owner: &Owner) -> String {
    let Owner { machine, boot, pids, pid, started, .. } = owner;
    let hash = Sha256::digest(format!("{machine} {boot} {pids} {pid} {started}"));
    // RFC 9562: version 8, whose bits are the application's own.
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    id[6] = id[6] & 0x0f | 0x80;
    id[8] = id[8] & 0x3f | 0x80;
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{CaseOutcome, CaseResult};

    fn result(name: &str) -> SuiteResults {
        let case = CaseResult {
            name: name.into(),
            began: jiff::Timestamp::now(),
            time: std::time::Duration::ZERO,
            place: None,
            outcome: CaseOutcome::Passed,
        };
        SuiteResults { name: "e2e".into(), cases: vec![case], ..SuiteResults::default() }
    }

    #[test]
    fn processes_of_one_test_run_share_the_report_and_the_next_run_begins_anew() {
        let home = tempfile::tempdir().unwrap();
        let owner = Owner::current().unwrap();
        let path = home.path().join("target/junit.xml");
        let first = JunitFile::of(&path, &owner);
        assert_eq!(first, JunitFile::of(&path, &owner));
        let names: Vec<String> = (0..8).map(|n| format!("spec_{n}")).collect();
        std::thread::scope(|scope| {
            for name in &names {
                scope.spawn(|| first.update(&result(name)).unwrap());
            }
        });
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(names.iter().all(|name| text.contains(&format!("\"{name}\""))), "{text}");
        assert!(text.contains(&format!("uuid=\"{}\"", first.run)), "{text}");
        let later = JunitFile::of(&path, &Owner { started: 1, ..owner });
        later.update(&result("other")).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("other") && !text.contains("spec_0"), "{text}");
        let why = JunitFile { path: home.path().into(), ..later }.update(&result("x")).unwrap_err();
        assert!(why.contains("could not be written") && why.contains("is a folder"), "{why}");
    }
}
