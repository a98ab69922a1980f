//! What CI shows of the specs of this process: the JUnit report, GitHub's annotations, the summary of the step.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::registry::lock;
use super::runner::runner;
use crate::cluster::Owner;
use crate::host::folders::append_output;
use crate::readiness::redact::Redactor;
use crate::report::console::write;
use crate::report::{
    CaseOutcome, CaseResult, GitHub, Outcome, Phase, RunHeader, SuiteResults, Timeline, environment_results,
    failure_markdown, to_markdown,
};
use crate::run::junit_file::{JUNIT, JUNIT_RUN, JunitFile};
use crate::teardown::UnfinishedReports;

/// The reports of this process.
#[derive(Debug)]
struct Reports {
    junit: Option<JunitFile>,
    github: Option<GitHub>,
    /// The name of the test target.
    target: String,
    /// Specs that failed in an environment that was up: its suite, the spec, and why.
    failed: Mutex<Vec<(PathBuf, String, String)>>,
    /// Whether a report could not be written. It is said once.
    broken: Mutex<bool>,
}

/// Returns the reports of this process, as its environment variables ask for them.
fn reports() -> &'static Reports {
    static REPORTS: OnceLock<Reports> = OnceLock::new();
    REPORTS.get_or_init(|| {
        let path = std::env::var_os(JUNIT).filter(|path| !path.is_empty());
        // Processes of one test runner write one report.
        let owner = || runner().or_else(|_| Owner::current().map_err(|error| error.to_string()));
        let junit = path.and_then(|path| {
            let file = JunitFile::of(Path::new(&path), &owner().ok()?);
            let run = std::env::var(JUNIT_RUN).ok().filter(|run| !run.is_empty());
            Some(JunitFile { run: run.unwrap_or(file.run), path: file.path })
        });
        let github = GitHub::of_environment();
        Reports { junit, github, target: target(), failed: Mutex::default(), broken: Mutex::default() }
    })
}

impl Reports {
    fn write(&self, results: &SuiteResults) {
        let Some(junit) = &self.junit else { return };
        let Err(why) = junit.update(results) else { return };
        let mut broken = lock(&self.broken);
        if !std::mem::replace(&mut *broken, true) {
            write(&format!("warning: {why}\n"));
        }
    }

    /// Annotates a place in GitHub.
    fn annotate(&self, place: Option<(&str, Option<u32>)>, title: &str, why: &str) {
        let Some(github) = &self.github else { return };
        let folder = std::env::current_dir().unwrap_or_default();
        let mut why = why.to_owned();
        // Before characters are escaped.
        Redactor::global().mask(&mut why);
        // A line of its own, also where the test runner has begun one.
        write(&format!("\n{}", github.annotation(&folder, place, title, &why)));
    }

    fn append(&self, text: &str) {
        let Some(summary) = self.github.as_ref().and_then(|github| github.summary.as_deref()) else { return };
        if let Err(error) = append_output(summary, &Redactor::global().text(text)) {
            write(&format!("warning: the summary of the step could not be written: {error}\n"));
        }
    }
}

/// Returns the reports that the reaper finishes if this process is killed.
pub(super) fn unfinished() -> UnfinishedReports {
    let Reports { junit, github, .. } = reports();
    UnfinishedReports {
        junit: junit.clone().map(|junit| (junit.path, junit.run)),
        summary: github.as_ref().and_then(|github| github.summary.clone()),
        run: None,
    }
}

/// A spec that has begun.
#[derive(Debug)]
pub(super) struct SpecReport {
    suite: PathBuf,
    name: String,
    place: (&'static str, u32),
    began: Mutex<(Timestamp, Instant)>,
    /// How long the body took.
    took: OnceLock<Duration>,
}

impl SpecReport {
    /// Writes that the spec has begun.
    pub(super) fn begin(suite: &Path, name: &str, place: (&'static str, u32)) -> SpecReport {
        let began = Mutex::new((Timestamp::now(), Instant::now()));
        let report = SpecReport { suite: suite.into(), name: name.to_owned(), place, began, took: OnceLock::new() };
        report.write(CaseOutcome::Running);
        report
    }

    /// Counts the spec's time from now, without the start of the environment and the wait for a namespace.
    pub(super) fn body_begins(&self) {
        *lock(&self.began) = (Timestamp::now(), Instant::now());
    }

    /// Counts no more time, such as that of a bundle.
    pub(super) fn body_ended(&self) {
        let _ = self.took.set(lock(&self.began).1.elapsed());
    }

    /// Writes that the spec could not run. The annotation and the summary are those of the environment.
    pub(super) fn has_no_environment(&self, why: &str) {
        self.write(CaseOutcome::Failed { why: why.to_owned() });
    }

    /// Writes how the spec ended: `why` it failed, if it did.
    pub(super) fn end(&self, why: Option<String>) {
        let Some(why) = why else { return self.write(CaseOutcome::Passed) };
        let (file, line) = self.place;
        reports().annotate(Some((file, Some(line))), &self.name, &why);
        lock(&reports().failed).push((file_of(&self.suite), self.name.clone(), why.clone()));
        self.write(CaseOutcome::Failed { why });
    }

    fn write(&self, outcome: CaseOutcome) {
        let reports = reports();
        let (began, started) = *lock(&self.began);
        let place = Some((self.place.0.to_owned(), self.place.1));
        let time = self.took.get().copied().unwrap_or_else(|| started.elapsed());
        let case = CaseResult { name: self.name.clone(), began, time, place, outcome };
        reports.write(&SuiteResults { name: reports.target.clone(), properties: Vec::new(), cases: vec![case] });
    }
}

/// Writes how an environment came up: `why` it did not, if so.
pub(super) fn environment_came_up(timeline: &Timeline, header: &RunHeader, why: Option<&str>) {
    let outcome = why.map_or(CaseOutcome::Passed, |why| CaseOutcome::Failed { why: why.to_owned() });
    reports().write(&environment_results(timeline, header, outcome));
}

/// Annotates the suite at `path`, whose environment did not come up.
pub(super) fn annotate_environment(path: &Path, why: &str) {
    reports().annotate(Some((&path.to_string_lossy(), None)), "the test environment did not come up", why);
}

/// Reports a suite at `path` for which nothing was begun, such as one with a mistake.
pub(super) fn never_began(path: &Path, why: &str) {
    annotate_environment(path, why);
    reports().append(&failure_markdown(&format!("{} did not come up", path.display()), why));
}

/// Returns the file that a path of a suite leads to, however it is written.
fn file_of(suite: &Path) -> PathBuf {
    suite.canonicalize().unwrap_or_else(|_| suite.to_owned())
}

/// The processes that use an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UsedBy {
    /// This one alone.
    ThisProcess,
    /// All of the test runner; this one brought it up.
    Runner,
    /// All of the test runner; another one brought it up, and reports that.
    RunnerAlready,
}

/// Appends an environment that has ended to the summary of the step: its times, `why` it did not come up if so, and the
/// specs that failed in it.
pub(super) fn summarize(path: &Path, timeline: &Timeline, header: &RunHeader, why: Option<&str>, used_by: UsedBy) {
    let reports = reports();
    if reports.github.is_none() {
        return;
    }
    let (path, failed) = (file_of(path), lock(&reports.failed));
    let failed = failed.iter().filter(|(suite, ..)| *suite == path).map(|(_, name, why)| (name.as_str(), why.as_str()));
    let text = section(timeline, header, why, used_by, failed);
    if !text.is_empty() {
        reports.append(&text);
    }
}

fn section<'a>(
    timeline: &Timeline,
    header: &RunHeader,
    why: Option<&str>,
    used_by: UsedBy,
    failed: impl Iterator<Item = (&'a str, &'a str)>,
) -> String {
    let specs = |outcome: Outcome| {
        let specs = timeline.spans.iter().filter(|span| span.phase == Phase::Specs);
        specs.filter(|span| span.outcome == outcome).count()
    };
    let mut text = match (used_by, why) {
        (UsedBy::RunnerAlready, _) => String::new(),
        (_, Some(_)) => to_markdown(timeline, header, "did not come up"),
        // The specs of this process are not those of the run.
        (UsedBy::Runner, None) => to_markdown(timeline, header, "ready"),
        (UsedBy::ThisProcess, None) => {
            let outcome = format!("{} specs passed, {} failed", specs(Outcome::Done), specs(Outcome::Failed));
            to_markdown(timeline, header, &outcome)
        }
    };
    text.extend(why.map(|why| failure_markdown("Root cause", why)));
    text.extend(failed.map(|(name, why)| failure_markdown(name, why)));
    text
}

/// Returns the name of the test target: nextest's, or else that of the package and the program, which is the same.
fn target() -> String {
    if let Ok(name) = std::env::var("NEXTEST_BINARY_ID") {
        return name;
    }
    let program = std::env::current_exe().unwrap_or_default();
    let program = program.file_stem().unwrap_or_default().to_string_lossy();
    target_of(std::env::var("CARGO_PKG_NAME").ok().as_deref(), &program)
}

fn target_of(package: Option<&str>, program: &str) -> String {
    let is_hash = |text: &str| text.len() == 16 && text.chars().all(|c| c.is_ascii_hexdigit());
    let target = program.rsplit_once('-').filter(|(_, hash)| is_hash(hash)).map_or(program, |(name, _)| name);
    match package {
        Some(package) if package.replace('-', "_") == target => package.to_owned(),
        Some(package) => format!("{package}::{target}"),
        None => target.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Events;

    #[test]
    fn a_target_is_called_as_nextest_calls_it() {
        assert_eq!(target_of(Some("shop"), "e2e-0123456789abcdef"), "shop::e2e");
        assert_eq!(target_of(Some("my-shop"), "my_shop-0123456789abcdef"), "my-shop");
        assert_eq!(target_of(None, "own-main"), "own-main");
    }

    #[test]
    fn each_process_of_a_runner_summarizes_what_no_other_one_does() {
        let header = serde_json::from_value(serde_json::json!({
            "format": 1, "id": "1", "began": "2026-01-01T10:00:00Z", "version": "1", "suite": "shop", "cluster": "shop",
            "strategy": "parallel", "source": null, "host": {"cores": 2, "memoryGib": 8, "arch": "x86_64"},
            "limits": {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "warn": 5.0, "critical": 6.0}, "components": [],
        }));
        let header: RunHeader = header.unwrap();
        let (events, mut stream) = Events::channel();
        events.step(Phase::Specs, "a").done();
        drop(events.step(Phase::Specs, "b"));
        let mut timeline = Timeline::default();
        while let Ok(event) = stream.try_recv() {
            timeline.record(&event);
        }
        let section = |why, used_by| section(&timeline, &header, why, used_by, [("b", "it was late")].into_iter());
        let alone = section(None, UsedBy::ThisProcess);
        assert!(alone.contains(": 1 specs passed, 1 failed\n") && alone.contains("#### b\n"), "{alone}");
        let first = section(None, UsedBy::Runner);
        assert!(first.contains(": ready\n") && first.contains("it was late"), "{first}");
        assert!(section(None, UsedBy::RunnerAlready).trim().starts_with("#### b"));
        let failed = section(Some("db/0: image not found"), UsedBy::ThisProcess);
        assert!(failed.contains(": did not come up\n") && failed.contains("#### Root cause\n"), "{failed}");
    }
}
