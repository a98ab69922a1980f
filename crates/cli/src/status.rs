//! `status`: what the last run did with each component, and how it is now.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;

use super::inspect::{lines_of, print, print_json, silent};
use super::outputs::{Component, Status};
use super::{Cli, Exit, Failure, Output};
use kind_harness::cluster::{PortMap, Record};
use kind_harness::readiness::{self, ComponentStatus, Verdict};
use kind_harness::report::{ComponentStates, State, StateHistory};
use kind_harness::suite::plan::Plan;

impl Cli {
    pub(super) async fn status(&self, json: bool) -> Result<Exit, Failure> {
        let plan = self.plan()?;
        let (record, cluster) = self.running_masked(&plan).await?;
        let expectations = kind_harness::run::diagnostics::expected(&plan, &cluster);
        let settings = readiness::Settings::from(&plan.suite().ready);
        let survey = readiness::survey_with(&cluster.client, &record.namespace, &expectations, &settings).await;
        let survey = survey.map_err(|error| Failure::told(Exit::Cluster, silent(&record, &error)))?;
        let lives = ComponentStates::read(&self.folders()?.cluster(&record.name));
        let told: Vec<_> = survey.iter().map(|now| tell(now, &lives, &plan, &record.ports)).collect();
        if json || self.output == Output::Json {
            print_json(&Status { cluster: &record.name, components: &told });
        } else {
            print(&text(&record, &told));
        }
        let ready = survey.iter().all(|component| component.verdict.is_ready());
        Ok(if ready { Exit::Done } else { Exit::NotReady })
    }
}

fn tell<'a>(now: &'a ComponentStatus, lives: &'a ComponentStates, plan: &'a Plan, ports: &PortMap) -> Component<'a> {
    let name = now.component.as_str();
    let life = lives.get(name);
    let recorded = life.map(StateHistory::state);
    let state = state(recorded, &now.verdict);
    Component {
        name,
        state,
        since: life.filter(|life| life.state() == state).map(StateHistory::since),
        attempts: life.map_or(0, StateHistory::attempts),
        last_error: life.and_then(StateHistory::last_error),
        recorded,
        wave: plan.wave(name),
        needs: plan.component(name).map(|component| component.needed().collect()).unwrap_or_default(),
        ports: ports.0.get(name).cloned().unwrap_or_default(),
        now,
    }
}

/// The state that is true now. What is ready or has failed shows it; of what is neither, the record knows more.
fn state(recorded: Option<State>, now: &Verdict) -> State {
    match (now, recorded) {
        (Verdict::Ready, _) => State::Ready,
        (Verdict::Failed { .. }, _) => State::Failed,
        // It was ready, and is on its way again.
        (Verdict::Waiting { .. }, Some(State::Ready) | None) => State::Starting,
        (Verdict::Waiting { .. }, Some(recorded)) => recorded,
    }
}

fn text(record: &Record, components: &[Component<'_>]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header([
        "COMPONENT",
        "STATE",
        "SINCE",
        "ATTEMPTS",
        "PODS",
        "RESTARTS",
        "AGE",
        "WAVE",
        "NEEDS",
        "PORTS",
        "WHY",
    ]);
    for component in components {
        let number = |number: Option<usize>| number.map(|number| number.to_string()).unwrap_or_default();
        table.add_row([
            component.name.to_owned(),
            component.state.to_string(),
            component.since.map(since).unwrap_or_default(),
            component.attempts.to_string(),
            component.now.pods.len().to_string(),
            component.now.restarts.to_string(),
            component.now.age.map(age).unwrap_or_default(),
            number(component.wave),
            component.needs.join(","),
            ports(&component.ports),
            why(component),
        ]);
    }
    format!("cluster {}, namespace {}\n{}", record.name, record.namespace, lines_of(&table))
}

/// Why it is not ready, and what the record says that the survey does not.
fn why(component: &Component<'_>) -> String {
    let now = match &component.now.verdict {
        Verdict::Ready => return String::new(),
        Verdict::Waiting { message, .. } => message.clone(),
        Verdict::Failed { message, hint, .. } => format!("{message} ({hint})"),
    };
    match (component.recorded, component.last_error) {
        (Some(State::Ready), _) => format!("{now}; the last run left it ready"),
        (Some(_), Some(error)) => format!("{now}; the last run said: {error}"),
        _ => now,
    }
}

fn ports(ports: &BTreeMap<String, SocketAddr>) -> String {
    ports.iter().map(|(name, at)| format!("{name}={at}")).collect::<Vec<_>>().join(",")
}

/// How long ago that was.
fn since(at: Timestamp) -> String {
    age(Duration::try_from(Timestamp::now().duration_since(at)).unwrap_or_default())
}

fn age(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..=119 => format!("{seconds}s"),
        seconds @ 120..=7199 => format!("{}m", seconds / 60),
        seconds => format!("{}h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::as_the_run_left_it(Some(State::Ready), Verdict::Ready, State::Ready)]
    #[case::it_came_right_after_the_run(Some(State::Timeout), Verdict::Ready, State::Ready)]
    #[case::it_failed_after_the_run(
        Some(State::Ready),
        Verdict::failed("CrashLoopBackOff", "crashes", ""),
        State::Failed
    )]
    #[case::it_is_on_its_way_again(Some(State::Ready), Verdict::waiting("Progressing", "0 of 1"), State::Starting)]
    #[case::nothing_was_recorded(None, Verdict::waiting("Progressing", "0 of 1"), State::Starting)]
    #[case::it_was_refused(Some(State::Failed), Verdict::waiting("Missing", "it does not exist"), State::Failed)]
    #[case::it_was_late_and_still_is(Some(State::Timeout), Verdict::waiting("Progressing", "0 of 1"), State::Timeout)]
    #[case::it_was_taken_away(Some(State::Killed), Verdict::waiting("Missing", "it does not exist"), State::Killed)]
    #[case::it_never_began(Some(State::Pending), Verdict::waiting("Missing", "it does not exist"), State::Pending)]
    fn what_is_true_now_comes_first(#[case] recorded: Option<State>, #[case] now: Verdict, #[case] shown: State) {
        assert_eq!(state(recorded, &now), shown);
    }
}
