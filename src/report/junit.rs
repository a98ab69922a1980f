//! The JUnit report: read, changed and written as a whole, so that the file on disk is valid at any time.
//!
//! A case that has begun is in it as an error. The file of a run that was killed therefore names the specs that did not
//! end, whatever killed it; [`finish_killed`] says so in words.

mod masked;

use std::time::Duration;

use jiff::Timestamp;
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestRerun, TestSuite, XmlString};
use thiserror::Error;

use super::results::ENVIRONMENT;
use super::{CaseOutcome, CaseResult, SuiteResults};

/// The type of the error of a case that has begun, and has not ended.
const RUNNING: &str = "running";

/// A file that is not a JUnit report, or one that cannot be written.
#[derive(Debug, Error)]
pub enum JunitError {
    /// It cannot be read.
    #[error("it is not a JUnit report")]
    Read(#[from] quick_junit::DeserializeError),
    /// It cannot be written.
    #[error("the JUnit report cannot be written")]
    Write(#[from] quick_junit::SerializeError),
}

/// Returns the report `old` with `results` added, or in the place of what it has of the same name. A report of another
/// test run than `run`, which is a UUID, or of another program is replaced.
///
/// Without any results the report is begun: one of an earlier run is replaced.
///
/// A case that failed before in the same run counts as repeated: its earlier failure is kept beside the new result.
///
/// # Errors
/// When the report cannot be written as XML.
pub fn update(old: Option<&str>, run: &str, results: &SuiteResults) -> Result<String, JunitError> {
    let known = old.and_then(|old| Report::deserialize_from_str(old).ok()).filter(|old| is_of(old, run));
    let mut report = known.unwrap_or_else(|| {
        let mut report = Report::new("kind-harness");
        report.uuid = run.parse().ok();
        report.timestamp = Timestamp::now().to_string().parse().ok();
        report
    });
    if *results == SuiteResults::default() {
        return written(report);
    }
    let at = report.test_suites.iter().position(|suite| suite.name.as_str() == results.name);
    let at = at.unwrap_or_else(|| {
        report.test_suites.push(TestSuite::new(results.name.as_str()));
        report.test_suites.len() - 1
    });
    let suite = &mut report.test_suites[at];
    for (name, value) in &results.properties {
        suite.properties.retain(|property| property.name.as_str() != name);
        suite.properties.push(Property::new(name.as_str(), value.as_str()));
    }
    for result in &results.cases {
        let mut case = case(&results.name, result);
        match suite.test_cases.iter_mut().find(|known| known.name.as_str() == result.name) {
            Some(known) => {
                case.status.add_reruns(earlier_runs(known));
                *known = case;
            }
            None => suite.test_cases.push(case),
        }
    }
    written(report)
}

/// Returns the report `old` of test run `run` with the cases that had begun and not ended as killed; `None` when it has
/// none, or is the report of another run.
#[must_use]
pub fn finish_killed(old: &str, run: &str, now: Timestamp) -> Option<String> {
    let mut report = Report::deserialize_from_str(old).ok().filter(|report| is_of(report, run))?;
    let cases = report.test_suites.iter_mut().flat_map(|suite| &mut suite.test_cases);
    let mut unfinished: Vec<_> = cases.filter(|case| is_running(case)).collect();
    if unfinished.is_empty() {
        return None;
    }
    for case in &mut unfinished {
        case.status.set_message("the run was killed while this was running").set_type("killed");
        let began = case.timestamp.and_then(|began| Timestamp::from_millisecond(began.timestamp_millis()).ok());
        case.time = began.and_then(|began| Duration::try_from(now.duration_since(began)).ok());
    }
    written(report).ok()
}

/// Returns one report with the suites and cases of all `reports`. Suites of the same name become one, with the
/// properties of all; cases are never dropped.
///
/// # Errors
/// The index of the report that cannot be read, and why.
pub fn merge(reports: &[String]) -> Result<String, (usize, JunitError)> {
    let mut merged = Report::new("kind-harness");
    for (index, text) in reports.iter().enumerate() {
        let report = Report::deserialize_from_str(text).map_err(|error| (index, error.into()))?;
        merged.timestamp = [merged.timestamp, report.timestamp].into_iter().flatten().min();
        for suite in report.test_suites {
            let Some(known) = merged.test_suites.iter_mut().find(|known| known.name == suite.name) else {
                merged.test_suites.push(suite);
                continue;
            };
            for property in suite.properties {
                if !known.properties.contains(&property) {
                    known.properties.push(property);
                }
            }
            known.test_cases.extend(suite.test_cases);
        }
    }
    written(merged).map_err(|error| (0, error))
}

/// The time of a test, as a report has it.
#[derive(Debug, Clone, PartialEq)]
pub struct TestTime {
    /// The test target.
    pub suite: String,
    /// The test.
    pub name: String,
    /// How long it took.
    pub time: Duration,
}

/// Returns the tests of a report that ran, with their times.
///
/// # Errors
/// When it cannot be read.
pub fn times(report: &str) -> Result<Vec<TestTime>, JunitError> {
    let report = Report::deserialize_from_str(report)?;
    let suites = report.test_suites.into_iter().filter(|suite| !is_environment(suite));
    let tests = suites.flat_map(|suite| {
        let name = suite.name.into_string();
        let cases = suite.test_cases.into_iter();
        cases.filter_map(move |case| {
            Some(TestTime { suite: name.clone(), name: case.name.as_str().to_owned(), time: case.time? })
        })
    });
    Ok(tests.collect())
}

/// The counts of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All cases.
    pub cases: usize,
    /// Those that failed, or did not end.
    pub failed: usize,
    /// Those that did not run.
    pub skipped: usize,
}

/// Counts the cases of a report: all, or only the specs, without the components of environments.
///
/// # Errors
/// When it cannot be read.
pub fn counts(report: &str, only_specs: bool) -> Result<Counts, JunitError> {
    let report = Report::deserialize_from_str(report)?;
    let mut counts = Counts::default();
    let suites = report.test_suites.iter().filter(|suite| !(only_specs && is_environment(suite)));
    for case in suites.flat_map(|suite| &suite.test_cases) {
        counts.cases += 1;
        counts.failed += usize::from(matches!(case.status, TestCaseStatus::NonSuccess { .. }));
        counts.skipped += usize::from(matches!(case.status, TestCaseStatus::Skipped { .. }));
    }
    Ok(counts)
}

fn is_of(report: &Report, run: &str) -> bool {
    report.uuid.is_some_and(|uuid| uuid.to_string() == run)
}

fn is_environment(suite: &TestSuite) -> bool {
    suite.name.starts_with(ENVIRONMENT)
}

fn is_running(case: &TestCase) -> bool {
    matches!(&case.status, TestCaseStatus::NonSuccess { ty: Some(ty), .. } if ty.as_str() == RUNNING)
}

fn case(suite: &str, result: &CaseResult) -> TestCase {
    let status = match &result.outcome {
        CaseOutcome::Passed => TestCaseStatus::success(),
        CaseOutcome::Skipped => TestCaseStatus::skipped(),
        CaseOutcome::Running => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status
                .set_message("it has begun and has not ended: it is running, or its process was killed")
                .set_type(RUNNING);
            status
        }
        CaseOutcome::Failed { why } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(why.trim().lines().next().unwrap_or_default()).set_description(why.trim());
            status
        }
    };
    let mut case = TestCase::new(result.name.as_str(), status);
    case.set_classname(suite).set_time(result.time);
    case.timestamp = result.began.to_string().parse().ok();
    if let Some((file, line)) = &result.place {
        case.extra.insert(XmlString::new("file"), XmlString::new(file));
        case.extra.insert(XmlString::new("line"), XmlString::new(line.to_string()));
    }
    case
}

/// Returns the failures of a case in earlier attempts of the same run.
fn earlier_runs(case: &TestCase) -> Vec<TestRerun> {
    match &case.status {
        TestCaseStatus::Success { flaky_runs } => flaky_runs.clone(),
        TestCaseStatus::Skipped { .. } => Vec::new(),
        TestCaseStatus::NonSuccess { kind, message, ty, description, reruns } => {
            let failed = (!is_running(case)).then(|| TestRerun {
                timestamp: case.timestamp,
                time: case.time,
                message: message.clone(),
                ty: ty.clone(),
                description: description.clone(),
                ..TestRerun::new(*kind)
            });
            reruns.runs.iter().cloned().chain(failed).collect()
        }
    }
}

/// Counts the cases, masks secrets and writes the report.
fn written(mut report: Report) -> Result<String, JunitError> {
    for suite in &mut report.test_suites {
        let count = |is: fn(&TestCaseStatus) -> bool| suite.test_cases.iter().filter(|case| is(&case.status)).count();
        suite.tests = suite.test_cases.len();
        suite.skipped = count(|status| matches!(status, TestCaseStatus::Skipped { .. }));
        suite.failures =
            count(|status| matches!(status, TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, .. }));
        suite.errors = count(|status| matches!(status, TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, .. }));
        suite.time = Some(suite.test_cases.iter().filter_map(|case| case.time).sum());
        suite.timestamp = suite.test_cases.iter().filter_map(|case| case.timestamp).min();
    }
    let sum = |count: fn(&TestSuite) -> usize| report.test_suites.iter().map(count).sum();
    (report.tests, report.failures) = (sum(|suite| suite.tests), sum(|suite| suite.failures));
    (report.errors, report.skipped) = (sum(|suite| suite.errors), sum(|suite| suite.skipped));
    report.time = Some(report.test_suites.iter().filter_map(|suite| suite.time).sum());
    masked::mask(&mut report);
    Ok(report.to_string()?)
}

#[cfg(test)]
mod tests;
