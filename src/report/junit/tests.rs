use super::*;

const RUN: &str = "6d8c9a52-1f6e-8d0a-9c6e-0b6c1f6e8d0a";

fn result(name: &str, outcome: CaseOutcome) -> SuiteResults {
    let case = CaseResult {
        name: name.into(),
        began: "2026-01-01T10:00:00Z".parse().unwrap(),
        time: Duration::from_millis(1500),
        place: Some(("tests/e2e.rs".into(), 7)),
        outcome,
    };
    SuiteResults { name: "shop::e2e".into(), properties: Vec::new(), cases: vec![case] }
}

fn failed(why: &str) -> CaseOutcome {
    CaseOutcome::Failed { why: why.into() }
}

fn status(report: &str, name: &str) -> TestCaseStatus {
    let report = Report::deserialize_from_str(report).unwrap();
    let cases = report.test_suites.into_iter().flat_map(|suite| suite.test_cases);
    cases.into_iter().find(|case| case.name.as_str() == name).unwrap().status
}

#[test]
fn a_report_has_every_case_once_and_counts_them() {
    let mut text = None;
    for results in [
        result("a", CaseOutcome::Running),
        result("b", CaseOutcome::Running),
        result("b", failed("the database is <gone>\nbundle: /tmp/b")),
        result("a", CaseOutcome::Passed),
        result("c", CaseOutcome::Skipped),
    ] {
        text = Some(update(text.as_deref(), RUN, &results).unwrap());
    }
    let text = text.unwrap();
    snapbox::assert_data_eq!(
        text.split_once("timestamp=").unwrap().1,
        snapbox::str![[r#"
"[..]" time="4.500">
    <testsuite name="shop::e2e" tests="3" skipped="1" errors="0" failures="1" timestamp="2026-01-01T10:00:00.000+00:00" time="4.500">
        <testcase name="a" classname="shop::e2e" timestamp="2026-01-01T10:00:00.000+00:00" time="1.500" file="tests/e2e.rs" line="7"/>
        <testcase name="b" classname="shop::e2e" timestamp="2026-01-01T10:00:00.000+00:00" time="1.500" file="tests/e2e.rs" line="7">
            <failure message="the database is &lt;gone&gt;">the database is &lt;gone&gt;
bundle: /tmp/b</failure>
        </testcase>
        <testcase name="c" classname="shop::e2e" timestamp="2026-01-01T10:00:00.000+00:00" time="1.500" file="tests/e2e.rs" line="7">
            <skipped/>
        </testcase>
    </testsuite>
</testsuites>

"#]]
    );
    assert_eq!(counts(&text, false).unwrap(), Counts { cases: 3, failed: 1, skipped: 1 });
}

#[test]
fn a_report_of_another_run_or_another_program_is_replaced() {
    let first = update(None, RUN, &result("a", CaseOutcome::Passed)).unwrap();
    let other = RUN.replace("6d", "7d");
    for old in [first.as_str(), "<html/>", "", "{}"] {
        let second = update(Some(old), &other, &result("b", CaseOutcome::Passed)).unwrap();
        assert_eq!(counts(&second, false).unwrap().cases, 1, "{old}: {second}");
    }
}

#[test]
fn a_case_that_passes_after_a_failure_is_flaky() {
    let first = update(None, RUN, &result("a", failed("refused"))).unwrap();
    let again = update(Some(&first), RUN, &result("a", CaseOutcome::Running)).unwrap();
    let passed = update(Some(&again), RUN, &result("a", CaseOutcome::Passed)).unwrap();
    let TestCaseStatus::Success { flaky_runs } = status(&passed, "a") else { panic!("{passed}") };
    let messages: Vec<_> = flaky_runs.iter().filter_map(|run| run.message.as_deref()).collect();
    assert_eq!(messages, ["refused"]);
}

#[test]
fn the_cases_that_were_running_when_the_run_was_killed_are_errors_with_their_time() {
    let one = update(None, RUN, &result("a", CaseOutcome::Passed)).unwrap();
    let both = update(Some(&one), RUN, &result("b", CaseOutcome::Running)).unwrap();
    let now = "2026-01-01T10:00:09Z".parse().unwrap();
    assert_eq!(finish_killed(&both, &RUN.replace("6d", "7d"), now), None, "the file is of a later run");
    let finished = finish_killed(&both, RUN, now).unwrap();
    let TestCaseStatus::NonSuccess { kind, message, .. } = status(&finished, "b") else { panic!("{finished}") };
    assert_eq!((kind, message.as_deref()), (NonSuccessKind::Error, Some("the run was killed while this was running")));
    assert!(finished.contains("time=\"9.000\""), "{finished}");
    assert!(matches!(status(&finished, "a"), TestCaseStatus::Success { .. }));
    assert_eq!(finish_killed(&finished, RUN, now), None, "it is finished");
}

#[test]
fn merged_reports_have_the_cases_of_all_and_suites_once() {
    let one = update(None, RUN, &result("a", CaseOutcome::Passed)).unwrap();
    let other = update(None, &RUN.replace("6d", "7d"), &result("b", failed("late"))).unwrap();
    let merged = merge(&[one, other]).unwrap();
    assert_eq!(counts(&merged, false).unwrap(), Counts { cases: 2, failed: 1, skipped: 0 });
    assert_eq!(merged.matches("<testsuite ").count(), 1, "{merged}");
    let up = SuiteResults { name: "environment shop".into(), ..result("up", CaseOutcome::Passed) };
    let with_up = update(Some(&merged), RUN, &up).unwrap();
    assert_eq!(counts(&with_up, true).unwrap().cases, 0, "a merged report is of no run, so it is replaced");
    let with_up = merge(&[merged.clone(), with_up]).unwrap();
    assert_eq!((counts(&with_up, true).unwrap().cases, counts(&with_up, false).unwrap().cases), (2, 3));
    let names: Vec<_> = times(&merged).unwrap().into_iter().map(|test| (test.suite, test.name)).collect();
    assert_eq!(names, [("shop::e2e".into(), "a".into()), ("shop::e2e".into(), "b".into())]);
    let (index, _) = merge(&[merged, "<x".into()]).unwrap_err();
    assert_eq!(index, 1);
}

#[test]
fn a_secret_that_becomes_known_later_is_masked_too() {
    let why = "the password is hunter2&co-junit";
    let one = update(None, RUN, &result("a", failed(why))).unwrap();
    assert!(one.contains("hunter2&amp;co-junit"), "{one}");
    crate::readiness::redact::Redactor::global().learn(["hunter2&co-junit"]);
    let both = update(Some(&one), RUN, &result("b", failed(why))).unwrap();
    assert!(!both.contains("hunter2"), "{both}");
}
