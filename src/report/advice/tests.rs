//! Each rule, by a run in which it speaks and one in which it does not.

use super::*;
use crate::report::run_file::tests::header;
use crate::report::timeline::tests::timeline;
use crate::report::{PlannedComponent, Retry};

const BASE: [(Phase, &str, u64, u64); 5] = [
    (Phase::Cluster, "kind", 0, 10),
    (Phase::Deploy, "db", 10, 11),
    (Phase::Deploy, "web", 10, 11),
    (Phase::Ready, "db", 11, 14),
    (Phase::Ready, "web", 11, 15),
];

fn advice(spans: &[(Phase, &str, u64, u64)], strategy: &str, retries: Vec<Retry>) -> Vec<(Rule, f64, String)> {
    let mut timeline = timeline(spans);
    timeline.retries = retries;
    let component =
        |name: &str| PlannedComponent { name: name.into(), needs: Vec::new(), image_steps: vec![format!("{name}:1")] };
    let header =
        RunHeader { strategy: strategy.into(), components: vec![component("db"), component("web")], ..header() };
    let what_if = WhatIf::new(&timeline, &header.components, strategy);
    let found = advise(&timeline, &header, &what_if);
    found.into_iter().map(|advice| (advice.rule, advice.saves, advice.evidence)).collect()
}

#[test]
fn a_run_in_which_nothing_waits_for_an_image_or_a_retry_hears_of_its_longest_component() {
    let told = advice(&BASE, "parallel", Vec::new());
    assert_eq!(told, [(Rule::OneComponent, 1.0, "4.0 s of 5.0 s are its own, after everything that it needs".into())]);
}

#[test]
fn an_image_counts_only_where_the_run_waits_for_it() {
    let load = |end| [&BASE[..], &[(Phase::Images, "web:1", 0, 2), (Phase::Load, "web", 2, end)]].concat();
    let rules = |told: Vec<(Rule, f64, String)>| told.into_iter().map(|(rule, ..)| rule).collect::<Vec<_>>();
    assert_eq!(rules(advice(&load(9), "parallel", Vec::new())), [Rule::OneComponent]);
    // web waits for its image until 20 s.
    let mut late = load(20);
    (late[2], late[4]) = ((Phase::Deploy, "web", 20, 21), (Phase::Ready, "web", 21, 22));
    let told = advice(&late, "parallel", Vec::new());
    let expected = (Rule::ImageLoad, 8.0, "loading it took 18.0 s, and the components waited for it".to_owned());
    assert_eq!(told[0], expected, "{told:?}");
    assert_eq!((told[1].0, told[1].1), (Rule::ImageBuild, 2.0), "{told:?}");
}

#[test]
fn retries_count_by_their_pauses() {
    let retry = |step: &str| Retry {
        phase: Phase::Ready,
        step: step.into(),
        at: Duration::from_secs(12),
        attempt: 2,
        of: 5,
        cause: "timeout (pull)".into(),
        after: Duration::from_secs(1),
    };
    let told = advice(&BASE, "parallel", vec![retry("web"), retry("web")]);
    let evidence = "2 retries with pauses of 2.0 s; the last one: timeout (pull)".to_owned();
    // Then db is the last one.
    assert!(told.contains(&(Rule::RetryPauses, 1.0, evidence)), "{told:?}");
    assert!(!advice(&BASE, "parallel", vec![retry("db")]).iter().any(|(rule, ..)| *rule == Rule::RetryPauses));
}

#[test]
fn an_order_that_nothing_asks_for_is_named() {
    let serial = [
        (Phase::Cluster, "kind", 0, 10),
        (Phase::Deploy, "db", 10, 11),
        (Phase::Ready, "db", 11, 14),
        (Phase::Deploy, "web", 14, 15),
        (Phase::Ready, "web", 15, 18),
    ];
    let told = advice(&serial, "sequential", Vec::new());
    let evidence = "sequential took 8.0 s; the longest chain of needs takes 4.0 s".to_owned();
    assert_eq!(told[0], (Rule::OrderSerialises, 4.0, evidence));
    assert!(advice(&serial, "parallel", Vec::new()).iter().all(|(rule, ..)| *rule != Rule::OrderSerialises));
}

#[test]
fn a_run_that_deployed_nothing_gets_no_advice() {
    assert_eq!(advice(&BASE[..1], "parallel", Vec::new()), []);
}
