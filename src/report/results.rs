//! Test cases and their results, as reports for CI have them: the specs of a test target, or the components of an
//! environment.

use std::time::Duration;

use jiff::Timestamp;

use super::{Phase, RunHeader, StartupMetrics, State, Timeline};

/// What the names of the results of environments begin with.
pub(super) const ENVIRONMENT: &str = "environment ";

/// The results of a test target, or of an environment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SuiteResults {
    /// Its name.
    pub name: String,
    /// Names and values.
    pub properties: Vec<(String, String)>,
    /// The test cases.
    pub cases: Vec<CaseResult>,
}

/// A test case.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseResult {
    /// Its name.
    pub name: String,
    /// When it began.
    pub began: Timestamp,
    /// How long it took.
    pub time: Duration,
    /// The file and line of its source, if it has any.
    pub place: Option<(String, u32)>,
    /// Its result.
    pub outcome: CaseOutcome,
}

/// The result of a test case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseOutcome {
    /// It has begun, and has not ended.
    Running,
    /// It passed.
    Passed,
    /// It did not run.
    Skipped,
    /// It failed.
    Failed {
        /// The root cause. Its first line is the message.
        why: String,
    },
}

/// Returns the results of bringing an environment up: a case for the whole, one for each component, and the times of
/// the phases as properties. `outcome` is that of the case for the whole.
#[must_use]
pub fn environment_results(timeline: &Timeline, header: &RunHeader, outcome: CaseOutcome) -> SuiteResults {
    let seconds = |duration: Duration| format!("{:.3}", duration.as_secs_f64());
    let mut properties = vec![
        ("run".to_owned(), header.id.clone()),
        ("cluster".into(), header.cluster.clone()),
        ("strategy".into(), header.strategy.clone()),
        ("host".into(), header.host.to_string()),
    ];
    let phases = Phase::ALL.iter().filter_map(|phase| Some((phase, timeline.phase(*phase)?)));
    properties
        .extend(phases.map(|(phase, (start, end))| (format!("phase.{phase}"), seconds(end.saturating_sub(start)))));
    if let Some(metrics) = StartupMetrics::of(timeline, header) {
        properties.push(("deployAndReady".into(), format!("{:.3}", metrics.total)));
        properties.extend(metrics.grade.map(|grade| ("grade".into(), grade.to_string())));
    }
    let case = |name: &str, time: Duration, outcome| CaseResult {
        name: name.to_owned(),
        began: timeline.began.unwrap_or(header.began),
        time,
        place: None,
        outcome,
    };
    let times = timeline.components();
    let components = timeline.lives.iter().map(|(name, states)| {
        let time = times.iter().find(|(it, _)| it == &name).map_or(Duration::ZERO, |(_, time)| *time);
        // Those of a failed run may have been removed since.
        let was_ready = states.history().iter().any(|(state, _)| *state == State::Ready);
        let outcome = match states.last_error() {
            _ if states.state() == State::Ready => CaseOutcome::Passed,
            Some(why) => CaseOutcome::Failed { why: why.to_owned() },
            None if was_ready => CaseOutcome::Passed,
            None => CaseOutcome::Skipped,
        };
        case(name, time, outcome)
    });
    // What removing the environment takes is not the time of bringing it up.
    let up = timeline.spans.iter().filter(|span| !matches!(span.phase, Phase::Specs | Phase::Teardown));
    let wall = up.clone().map(|span| span.end).max().zip(up.map(|span| span.start).min());
    let wall = wall.map_or(Duration::ZERO, |(end, start)| end.saturating_sub(start));
    let cases = std::iter::once(case("up", wall, outcome)).chain(components).collect();
    SuiteResults { name: format!("{ENVIRONMENT}{}", header.suite), properties, cases }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readiness::Missed;
    use crate::report::Events;
    use crate::report::run_file::tests::header;

    #[test]
    fn an_environment_has_a_case_for_each_component_and_its_phases_as_properties() {
        let (events, mut stream) = Events::channel();
        ["a", "b", "c"].iter().for_each(|name| events.pending(name));
        events.step(Phase::Deploy, "a").done();
        events.step(Phase::Ready, "a").done();
        events.step(Phase::Deploy, "b").fail(Missed::Failed, "b.yaml:1: was refused");
        let mut timeline = Timeline::default();
        while let Ok(event) = stream.try_recv() {
            timeline.record(&event);
        }
        let results = environment_results(&timeline, &header(), CaseOutcome::Failed { why: "b was refused".into() });
        let cases: Vec<_> = results.cases.iter().map(|case| (case.name.as_str(), case.outcome.clone())).collect();
        let failed = |why: &str| CaseOutcome::Failed { why: why.into() };
        let expected = [
            ("up", failed("b was refused")),
            ("a", CaseOutcome::Passed),
            ("b", failed("b.yaml:1: was refused")),
            ("c", CaseOutcome::Skipped),
        ];
        assert_eq!(cases, expected);
        let names: Vec<_> = results.properties.iter().map(|(name, _)| name.as_str()).collect();
        assert!(names.contains(&"phase.deploy") && names.contains(&"phase.ready"), "{names:?}");
        assert!(!names.contains(&"phase.teardown"), "{names:?}");
    }
}
