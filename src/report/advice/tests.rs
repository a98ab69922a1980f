//! Each rule, by a run in which it speaks and one in which it does not.

use super::*;
use crate::readiness::ProbeSchedule;
use crate::report::run_file::tests::header;
use crate::report::timeline::tests::timeline;
use crate::report::{ComponentMoment, LargestLayer, Moment, PartUsage, PlannedComponent, Retry};

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
    advice_of(&timeline, strategy, None)
}

fn advice_of(timeline: &Timeline, strategy: &str, usage: Option<&StartupUsage>) -> Vec<(Rule, f64, String)> {
    let component = |name: &str| PlannedComponent {
        name: name.into(),
        needs: Vec::new(),
        until: Vec::new(),
        image_steps: vec![format!("{name}:1")],
    };
    let header =
        RunHeader { strategy: strategy.into(), components: vec![component("db"), component("web")], ..header() };
    let what_if = WhatIf::new(timeline, &header.components, strategy);
    let found = advise(timeline, &header, &what_if, usage);
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

    let mut with_layers = timeline(&late);
    let layer =
        |bytes, made_by: &str| LargestLayer { image: "web:1".into(), bytes, of: 90_000_000, made_by: made_by.into() };
    with_layers.layers = vec![
        ("db".into(), layer(85_000_000, "COPY data")),
        ("web".into(), layer(5, "COPY web")),
        ("web".into(), layer(80_000_000, "RUN apt-get install web")),
    ];
    let (rule, _, evidence) = advice_of(&with_layers, "parallel", None).remove(0);
    let expected = "loading it took 18.0 s, and the components waited for it; 80 of 90 MB of web:1 are one layer: RUN \
                    apt-get install web";
    assert_eq!((rule, evidence.as_str()), (Rule::ImageLoad, expected));
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
fn a_component_that_until_holds_back_is_named_with_what_that_costs() {
    let spans = [
        (Phase::Cluster, "kind", 0, 10),
        (Phase::Deploy, "db", 10, 11),
        (Phase::Ready, "db", 11, 14),
        (Phase::Deploy, "web", 14, 15),
        (Phase::Ready, "web", 15, 19),
    ];
    let rules = |until: &[&str]| {
        let timeline = timeline(&spans);
        let component = |name: &str, until: &[&str]| PlannedComponent {
            name: name.into(),
            needs: until.iter().map(|it| (*it).into()).collect(),
            until: until.iter().map(|it| (*it).into()).collect(),
            image_steps: Vec::new(),
        };
        let components = vec![component("db", &[]), component("web", until)];
        let header = RunHeader { strategy: "parallel".into(), components, ..header() };
        let what_if = WhatIf::new(&timeline, &header.components, "parallel");
        let found = advise(&timeline, &header, &what_if, None);
        let found = found.into_iter().filter(|advice| advice.rule == Rule::UntilSerialises);
        found.map(|advice| (advice.saves, advice.evidence)).collect::<Vec<_>>()
    };
    // It needs db all the same: its own 4 s begin when that is ready.
    assert_eq!(rules(&["db"]), [(1.0, "`until` held it back for 4.0 s, when its images were there".to_owned())]);
    assert!(rules(&[]).is_empty());
}

#[test]
fn a_busy_host_is_named_with_its_figures() {
    let part = |cpu| PartUsage { cpu, memory_high_water: 1, disk: 0, network: 0 };
    let usage = |saturated| StartupUsage {
        cores: 2,
        node: Some(part(7.0)),
        harness: Some(part(1.0)),
        host_cpu: Some(9.0),
        saturated: Some(saturated),
        busy_efficiency: Some(0.8),
    };
    let told = advice_of(&timeline(&BASE), "parallel", Some(&usage(4.0)));
    let evidence =
        "all 2 cores were busy for 4.0 of 5.0 s: 9.0 CPU seconds, 7.0 of them by the nodes and 1.0 by the harness";
    assert_eq!(told[0], (Rule::CpuSaturated, 2.0, evidence.to_owned()));
    let told = advice_of(&timeline(&BASE), "parallel", Some(&usage(0.0)));
    assert!(told.iter().all(|(rule, ..)| *rule != Rule::CpuSaturated), "{told:?}");
}

#[test]
fn a_readiness_probe_that_is_asked_late_is_named_with_its_schedule() {
    let moment = |kind, at, probe| Moment {
        component: "web".into(),
        moment: ComponentMoment { kind, object: "web-1".into(), container: None, at: Duration::from_millis(at), probe },
    };
    let told = |initial_delay, period, failed: bool| {
        let probe = Some(ProbeSchedule { initial_delay, period });
        let mut run = timeline(&BASE);
        run.moments = vec![moment(MomentKind::Started, 11_500, probe), moment(MomentKind::PodReady, 14_900, None)];
        if failed {
            run.moments.insert(1, moment(MomentKind::ProbeFailed, 11_600, None));
        }
        let told = advice_of(&run, "parallel", None).into_iter();
        told.filter(|(rule, ..)| *rule == Rule::ProbeSchedule).map(|(_, saves, why)| (saves, why)).next()
    };
    let evidence = |what| format!("{what}; its container ran for 3.4 s until pod web-1 was ready");
    // web was ready at 15 s; without it, the run would have ended with db, at 14 s.
    assert_eq!(told(3, 10, false), Some((1.0, evidence("initialDelaySeconds is 3"))));
    assert_eq!(told(0, 3, true), Some((1.0, evidence("periodSeconds is 3"))));
    assert_eq!(told(0, 10, false), None, "asked at once");
    assert_eq!(told(1, 1, true), None, "asked each second");
}

#[test]
fn a_run_that_deployed_nothing_gets_no_advice() {
    assert_eq!(advice(&BASE[..1], "parallel", Vec::new()), []);
}
