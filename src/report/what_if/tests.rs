use std::time::Instant;

use rstest::rstest;

use super::*;
use crate::report::run_file::tests::header;
use crate::report::timeline::tests::timeline;
use crate::report::{RunHeader, StartupMetrics, to_table};

fn component(name: &str, needs: &[&str]) -> PlannedComponent {
    let owned = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect();
    PlannedComponent {
        name: name.into(),
        needs: owned(needs),
        until: Vec::new(),
        image_steps: owned(&[&format!("{name}:1")]),
    }
}

/// A chain of db ← api, a component that nobody needs, and a slow image of it.
fn example(strategy: &str, then: impl FnOnce(WhatIf<'_>)) {
    let parallel = [
        (Phase::Setup, "host", 0, 1),
        (Phase::Images, "db:1", 1, 2),
        (Phase::Images, "web:1", 1, 5),
        (Phase::Cluster, "kind", 1, 11),
        (Phase::Load, "db", 2, 4),
        (Phase::Load, "web", 5, 12),
        (Phase::Deploy, "db", 11, 12),
        (Phase::Deploy, "api", 11, 12),
        (Phase::Deploy, "web", 12, 13),
        (Phase::Ready, "db", 12, 15),
        (Phase::Ready, "api", 12, 18),
        (Phase::Ready, "web", 13, 14),
    ];
    let timeline = timeline(&parallel);
    let components = [component("db", &[]), component("api", &["db"]), component("web", &[])];
    then(WhatIf::new(&timeline, &components, strategy));
}

/// What the run would have been shorter by without the one step that `is` names.
fn saved(it: &WhatIf<'_>, is: impl Fn(&Span) -> bool) -> Duration {
    let (index, _) = it.steps().find(|(_, step)| is(step.span)).unwrap();
    it.saved(index, 0.0)
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

#[test]
fn nothing_shorter_is_the_run_as_it_was() {
    example("parallel", |it| assert_eq!(seconds(it.end()), 18.0));
}

#[test]
fn a_step_that_something_waits_for_shortens_the_run_and_others_do_not() {
    let without = |phase, step: &str| {
        let mut end = 0.0;
        example("parallel", |it| {
            end = seconds(it.end() - saved(&it, |span| span.phase == phase && span.step == step));
        });
        end
    };
    assert_eq!(without(Phase::Ready, "web"), 18.0);
    assert_eq!(without(Phase::Load, "db"), 18.0, "it was loaded while the cluster was made");
    assert_eq!(without(Phase::Ready, "db"), 15.0, "api took 3 s of its own after db");
    assert_eq!(without(Phase::Ready, "api"), 15.0);
    // Then db and api are applied at 1 s, and ready at 8; web still waits for its image until 12.
    assert_eq!(without(Phase::Cluster, "kind"), 14.0);
    assert_eq!(without(Phase::Setup, "host"), 17.0);
}

#[test]
fn the_lower_bound_is_the_longest_chain_of_own_times() {
    // db: applied in 1 s and ready after 3; api: 3 s of its own after that.
    example("parallel", |it| assert_eq!(seconds(it.lower_bound()), 7.0));
}

#[test]
fn one_after_the_other_each_start_waits_for_the_one_before() {
    let serial = timeline(&[
        (Phase::Cluster, "kind", 0, 10),
        (Phase::Deploy, "db", 10, 11),
        (Phase::Ready, "db", 11, 15),
        (Phase::Deploy, "web", 15, 16),
        (Phase::Ready, "web", 16, 18),
    ]);
    let components = [component("db", &[]), component("web", &[])];
    let it = WhatIf::new(&serial, &components, "sequential");
    assert_eq!(seconds(it.end()), 18.0);
    assert_eq!(seconds(it.replay(|at| f64::from(it.steps[at].span.step != "db"))), 13.0);
    assert_eq!(seconds(it.lower_bound()), 5.0);
    // The same steps, started at once: nobody waits for db.
    let it = WhatIf::new(&serial, &components, "parallel");
    assert_eq!(seconds(it.replay(|at| f64::from(it.steps[at].span.step != "db"))), 18.0);
}

#[test]
fn a_component_of_a_wave_waits_for_every_component_of_the_wave_before() {
    let waves = timeline(&[
        (Phase::Deploy, "a", 0, 1),
        (Phase::Deploy, "b", 0, 1),
        (Phase::Ready, "a", 1, 3),
        (Phase::Ready, "b", 1, 5),
        (Phase::Deploy, "c", 5, 6),
        (Phase::Deploy, "d", 6, 7),
        (Phase::Ready, "c", 6, 8),
        (Phase::Ready, "d", 7, 9),
        (Phase::Deploy, "e", 9, 10),
        (Phase::Ready, "e", 10, 11),
    ]);
    let it = WhatIf::new(&waves, &["a", "b", "c", "d", "e"].map(|name| component(name, &[])), "waves");
    let without = |name: &str| seconds(it.replay(|at| f64::from(it.steps[at].span.step != name)));
    assert_eq!(seconds(it.end()), 11.0);
    assert_eq!(without("a"), 11.0, "b was waited for");
    assert_eq!(without("b"), 9.0, "then a was");
    // The pause before d was applied stays.
    assert_eq!((without("c"), without("d"), without("e")), (11.0, 10.0, 9.0));
}

/// How long a report takes must not grow with the cube of the components: then this takes hours.
#[rstest]
#[case("parallel")]
#[case("sequential")]
fn a_thousand_components_are_reported(#[case] strategy: &str) {
    let names: Vec<String> = (0..1000).map(|n| format!("c{n}")).collect();
    let serial = if strategy == "parallel" { 0 } else { 1 };
    let mut spans = vec![(Phase::Cluster, "kind", 0, 10)];
    for (name, n) in names.iter().zip(0_u64..) {
        let start = 10 + 3 * n * serial;
        spans.extend([
            (Phase::Load, name.as_str(), 1, 2),
            (Phase::Deploy, name, start, start + 1),
            (Phase::Ready, name, start + 1, start + 3),
        ]);
    }
    let (timeline, components): (_, Vec<_>) =
        (timeline(&spans), names.iter().map(|name| component(name, &[])).collect());
    let header = RunHeader { strategy: strategy.into(), components, ..header() };
    let began = Instant::now();
    let metrics = StartupMetrics::of(&timeline, &header).unwrap();
    println!("{strategy}: {:?}", began.elapsed());
    assert_eq!((metrics.components, metrics.total), (1000, if serial == 0 { 3.0 } else { 3000.0 }));
    assert!(to_table(&timeline, &header).lines().count() > 3000);
    println!("{strategy}, with its table: {:?}", began.elapsed());
}

#[test]
fn a_run_without_steps_takes_no_time() {
    let empty = Timeline::default();
    let it = WhatIf::new(&empty, &[], "parallel");
    assert_eq!((it.end(), it.lower_bound()), (Duration::ZERO, Duration::ZERO));
}
