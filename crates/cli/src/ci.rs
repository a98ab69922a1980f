//! What CI shows of `up`: the JUnit report, an annotation in GitHub, the summary of the step.

use std::path::{Path, PathBuf};

use kind_harness::cluster::Owner;
use kind_harness::host::folders::append_output;
use kind_harness::readiness::redact::Redactor;
use kind_harness::report::console::write;
use kind_harness::report::{
    CaseOutcome, GitHub, RunHeader, Timeline, environment_results, failure_markdown, to_markdown,
};
use kind_harness::run::junit_file::JunitFile;
use kind_harness::teardown::UnfinishedReports;

use super::{Exit, Failure};

/// The reports of `up` for CI.
#[derive(Debug)]
pub(super) struct CiReports {
    junit: Option<JunitFile>,
    github: Option<GitHub>,
    suite: PathBuf,
}

impl CiReports {
    /// Returns the reports of the suite at `suite`, with the JUnit report at `junit` if there is to be one.
    pub(super) fn of(junit: Option<&Path>, suite: &Path) -> Result<CiReports, Failure> {
        let owner = Owner::current().map_err(|error| Failure::new(Exit::Host, &error))?;
        let junit = junit.map(|path| JunitFile::of(path, &owner));
        Ok(CiReports { junit, github: GitHub::of_environment(), suite: suite.into() })
    }

    /// Returns the reports that the reaper finishes if the command is killed.
    pub(super) fn unfinished(&self) -> UnfinishedReports {
        UnfinishedReports {
            junit: self.junit.clone().map(|junit| (junit.path, junit.run)),
            summary: self.github.as_ref().and_then(|github| github.summary.clone()),
            run: None,
        }
    }

    /// Writes that the run has begun. What cannot be written is an error at the end.
    pub(super) fn begin(&self, header: &RunHeader) {
        let running = environment_results(&Timeline::default(), header, CaseOutcome::Running);
        let _ = self.junit.as_ref().map(|junit| junit.update(&running));
    }

    /// Writes how the run ended: up, whether `unchanged` or not, or failed.
    pub(super) fn end(
        &self,
        timeline: &Timeline,
        header: &RunHeader,
        unchanged: Result<bool, &Failure>,
    ) -> Result<(), Failure> {
        let (word, why) = match unchanged {
            Ok(true) => ("unchanged", None),
            Ok(false) => ("ready", None),
            Err(failure) if failure.exit == Exit::Interrupted => ("interrupted", Some(failure.text.as_str())),
            Err(failure) => ("failed", Some(failure.text.as_str())),
        };
        if let Some(github) = &self.github {
            self.tell_github(github, &to_markdown(timeline, header, word), why);
        }
        let Some(junit) = &self.junit else { return Ok(()) };
        let outcome = why.map_or(CaseOutcome::Passed, |why| CaseOutcome::Failed { why: why.to_owned() });
        let results = environment_results(timeline, header, outcome);
        junit.update(&results).map_err(|why| Failure::told(Exit::Internal, why))
    }

    fn tell_github(&self, github: &GitHub, summary: &str, why: Option<&str>) {
        let why = why.map(|why| Redactor::global().text(why));
        if let Some(why) = &why {
            let folder = std::env::current_dir().unwrap_or_default();
            let place = self.suite.to_string_lossy();
            write(&github.annotation(&folder, Some((&place, None)), "the environment did not come up", why));
        }
        let Some(file) = &github.summary else { return };
        let mut text = Redactor::global().text(summary).into_owned();
        text.extend(why.map(|why| failure_markdown("Root cause", &why)));
        if let Err(error) = append_output(file, &text) {
            write(&format!("warning: the summary of the step could not be written: {error}\n"));
        }
    }
}
