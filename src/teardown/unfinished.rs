//! The reports of a run that was killed: the reaper finishes them, because the run cannot.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::host::folders;
use crate::report::{EventKind, RecordedRun, failure_markdown, to_markdown};

/// Reports that are finished by the reaper if their run is killed. The paths are absolute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnfinishedReports {
    /// The JUnit report, and the id of the test run that it is of.
    pub junit: Option<(PathBuf, String)>,
    /// The summary of the step in GitHub Actions.
    pub summary: Option<PathBuf>,
    /// The file of the run.
    pub run: Option<PathBuf>,
}

impl UnfinishedReports {
    /// Finishes the reports, if the run was killed. Nobody reads a message of the reaper, so errors are dropped: the
    /// JUnit report says by itself that its last cases did not end.
    pub(super) fn finish(&self) {
        #[cfg(feature = "junit")]
        if let Some((path, run)) = &self.junit {
            let killed = |old: Option<&str>| crate::report::junit::finish_killed(old?, run, jiff::Timestamp::now());
            // Most runs end by themselves: nothing is locked then, and a report that was removed is not made again.
            let is_unfinished = fs_err::read_to_string(path).is_ok_and(|text| killed(Some(&text)).is_some());
            if is_unfinished {
                let _ = folders::update_output(path, killed);
            }
        }
        let run = self.run.as_deref().and_then(|run| RecordedRun::read(run).ok());
        if let Some((summary, run)) = self.summary.as_deref().zip(run.filter(|run| run.end.is_none())) {
            let _ = folders::append_output(summary, &summary_of(&run));
        }
    }
}

/// Returns the section of a run that was killed: its times, and what was in progress.
fn summary_of(run: &RecordedRun) -> String {
    let mut open: Vec<String> = Vec::new();
    for event in &run.events {
        let step = format!("{} {}", event.phase, event.step);
        match &event.kind {
            EventKind::Started => open.push(step),
            EventKind::Finished(_) => open.retain(|known| *known != step),
            _ => {}
        }
    }
    let text = to_markdown(&run.timeline(), &run.header, "killed");
    if open.is_empty() {
        return text;
    }
    text + &failure_markdown("In progress when the run was killed", &open.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Events, Phase, RunLine};

    /// The reports of a run with a spec that passed and one that is running.
    fn reports(home: &std::path::Path) -> UnfinishedReports {
        let run = home.join("run.jsonl");
        let (events, mut stream) = Events::channel();
        events.step(Phase::Specs, "passes").done();
        std::mem::forget(events.step(Phase::Specs, "hangs"));
        let header = serde_json::json!({"run": {
            "format": 1, "id": "1", "began": "2026-01-01T10:00:00Z", "version": "1", "suite": "shop", "cluster": "shop",
            "strategy": "parallel", "source": null, "host": {"cores": 2, "memoryGib": 8, "arch": "x86_64"},
            "limits": {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "warn": 5.0, "critical": 6.0}, "components": [],
        }});
        let mut lines = format!("{header}\n");
        while let Ok(event) = stream.try_recv() {
            lines.push_str(&format!("{}\n", serde_json::to_string(&RunLine::Event(event)).unwrap()));
        }
        std::fs::write(&run, lines).unwrap();
        UnfinishedReports { junit: None, summary: Some(home.join("summary")), run: Some(run) }
    }

    #[test]
    fn a_killed_run_has_a_summary_with_what_was_in_progress() {
        let home = tempfile::tempdir().unwrap();
        reports(home.path()).finish();
        let text = std::fs::read_to_string(home.path().join("summary")).unwrap();
        assert!(text.contains(": killed\n") && text.contains("specs hangs\n"), "{text}");
        assert!(!text.contains("specs passes"), "{text}");
    }

    #[test]
    fn a_run_that_ended_has_no_second_summary() {
        let home = tempfile::tempdir().unwrap();
        let reports = reports(home.path());
        let run = reports.run.clone().unwrap();
        let end = "{\"end\":{\"outcome\":\"ready\",\"leftOut\":0}}\n";
        let text = std::fs::read_to_string(&run).unwrap();
        std::fs::write(&run, text + end).unwrap();
        reports.finish();
        assert!(!home.path().join("summary").exists());
    }

    #[cfg(feature = "junit")]
    #[test]
    fn the_junit_report_of_a_killed_run_says_so_and_is_not_made_anew() {
        use crate::report::{CaseOutcome, CaseResult, SuiteResults};
        let home = tempfile::tempdir().unwrap();
        let (path, run) = (home.path().join("junit.xml"), "6d8c9a52-1f6e-8d0a-9c6e-0b6c1f6e8d0a");
        let junit = Some((path.clone(), run.to_owned()));
        let reports = UnfinishedReports { junit, ..UnfinishedReports::default() };
        reports.finish();
        assert!(!path.exists());
        let case = CaseResult {
            name: "hangs".into(),
            began: jiff::Timestamp::now(),
            time: std::time::Duration::ZERO,
            place: None,
            outcome: CaseOutcome::Running,
        };
        let results = SuiteResults { name: "e2e".into(), cases: vec![case], ..SuiteResults::default() };
        std::fs::write(&path, crate::report::junit::update(None, run, &results).unwrap()).unwrap();
        reports.finish();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("the run was killed while this was running"), "{text}");
    }
}
