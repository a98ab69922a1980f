//! Reports for CI: the JUnit report of `up`, GitHub's annotations and summaries, shards, and merged reports.

use crate::guest::Guest;
use crate::support::{Ended, Host};

/// A cargo with nextest, which does nothing but write down how it is called and what it is told of reports.
const CARGO: &str =
    "#!/bin/sh\necho \"cargo $*; junit=$KIND_HARNESS_JUNIT run=$KIND_HARNESS_JUNIT_RUN\" >> \"$CALLS\"\n";

fn report(suite: &str, cases: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"r\" tests=\"1\" failures=\"0\" errors=\"0\">\n\
         <testsuite name=\"{suite}\" tests=\"1\" skipped=\"0\" errors=\"0\" failures=\"0\">{cases}</testsuite></testsuites>\n"
    )
}

#[track_caller]
fn assert_all_in(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in:\n{text}");
    }
}

fn read(host: &Host, path: &str) -> String {
    std::fs::read_to_string(host.path(path)).unwrap_or_default()
}

/// The variables of a job of GitHub Actions.
fn github(host: &Host) -> Vec<(String, String)> {
    let summary = host.path("summary.md").display().to_string();
    let workspace = host.path("suite").display().to_string();
    let variables =
        [("GITHUB_ACTIONS", "true".to_owned()), ("GITHUB_STEP_SUMMARY", summary), ("GITHUB_WORKSPACE", workspace)];
    variables.map(|(name, value)| (name.to_owned(), value)).into()
}

/// A command of a guest in that job.
fn in_github(guest: &Guest, args: &[&str]) -> duct::Expression {
    let command = duct::cmd(env!("CARGO_BIN_EXE_kind-harness"), args);
    // Of several settings of one variable duct takes the innermost.
    let command = github(&guest.host).into_iter().fold(command, |command, (name, value)| command.env(name, value));
    guest.host.here(&command).stdin_null().env("KUBECONFIG", guest.host.path("kubeconfig"))
}

#[test]
fn an_up_is_reported_with_its_components_and_phases() {
    let guest = Guest::new();
    let ended = guest.done(&["up", "--junit", "junit.xml"]);
    assert!(!ended.stderr.contains("::error"), "{}", ended.stderr);
    let junit = read(&guest.host, "suite/junit.xml");
    assert_all_in(
        &junit,
        &[
            "<testsuite name=\"environment guest\" tests=\"2\" skipped=\"0\" errors=\"0\" failures=\"0\"",
            "<testcase name=\"up\" classname=\"environment guest\"",
            "<testcase name=\"part0\" classname=\"environment guest\"",
            "<property name=\"phase.deploy\" value=\"",
            "<property name=\"strategy\" value=\"parallel\"/>",
        ],
    );
    guest.done(&["down"]);
}

#[test]
fn a_failed_up_is_annotated_and_summarized() {
    let guest = Guest::new();
    guest.host.write("suite/bad.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: refused}}");
    guest.suite("c", &["app.yaml", "bad.yaml"]);
    let ended = Ended::from(&in_github(&guest, &["up", "--junit", "junit.xml"]).run().unwrap());
    ended.failed_with(6, &["::error file=e2e.yaml,title=the environment did not come up::"]);
    ended.failed_with(6, &["configmap/refused was refused: refused by the test"]);
    let junit = read(&guest.host, "suite/junit.xml");
    assert_all_in(&junit, &["<testcase name=\"part1\"", "configmap/refused was refused", "failures=\"2\""]);
    let summary = read(&guest.host, "summary.md");
    assert_all_in(&summary, &[": failed\n", "| phase | start | time |", "#### Root cause\n", "refused by the test"]);
}

#[test]
fn the_reaper_finishes_the_reports_of_an_up_that_was_killed() {
    let guest = Guest::new();
    guest.host.write("suite/slow.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: unanswered}}");
    guest.suite("c", &["app.yaml", "slow.yaml"]);
    let running = in_github(&guest, &["up", "--junit", "junit.xml"]).start().unwrap();
    let request = "PATCH /api/v1/namespaces/tiny/configmaps/unanswered";
    guest.host.eventually(request, || guest.api.requests().iter().any(|it| it == request));
    assert_all_in(&read(&guest.host, "suite/junit.xml"), &["it has begun and has not ended"]);
    // Events are written by a task of their own, which may come after the request.
    let in_progress = |line: &str| ["\"started\"", "\"deploy\"", "\"part1\""].iter().all(|part| line.contains(part));
    let recorded = || {
        let runs = std::fs::read_dir(guest.host.path("home/.local/state/kind-harness/.runs")).unwrap();
        let texts = runs.map(|run| std::fs::read_to_string(run.unwrap().path()).unwrap());
        texts.into_iter().any(|text| text.lines().any(in_progress))
    };
    guest.host.eventually("the run's file has the step in progress", recorded);
    running.kill().unwrap();
    let _ = running.wait();
    let finished = || read(&guest.host, "suite/junit.xml").contains("the run was killed while this was running");
    guest.host.eventually("the JUnit report is finished", finished);
    let told = || read(&guest.host, "summary.md").contains(": killed\n");
    guest.host.eventually("the summary is finished", told);
    let summary = read(&guest.host, "summary.md");
    assert_all_in(&summary, &["In progress when the run was killed", "deploy part1\n"]);
}

#[test]
fn a_junit_report_that_cannot_be_written_is_an_error() {
    let guest = Guest::new();
    guest.host.write("suite/folder/file", "");
    guest.run(&["up", "--junit", "folder"]).failed_with(1, &["the JUnit report", "could not be written"]);
    guest.done(&["down"]);
}

#[test]
fn a_shard_is_divided_by_name_and_its_clusters_divide_it_further() {
    let host = Host::bare();
    host.program("cargo", CARGO);
    let ended = host.run(&["test", "--shard", "2/5", "--junit", "junit.xml", "--", "--test", "e2e"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let calls = host.calls();
    let junit = host.path("suite/junit.xml").display().to_string();
    assert_all_in(
        &calls,
        &[
            "cargo nextest run --no-run --test e2e; ",
            &format!("cargo nextest run --no-tests pass --partition hash:2/5 --test e2e; junit={junit} run="),
        ],
    );
    assert_all_in(&read(&host, "suite/junit.xml"), &["tests=\"0\""]);
    assert_all_in(&ended.stderr, &["tiny, shard 2/5: 0 specs passed, 0 failed; "]);

    let host = Host::bare();
    host.program("cargo", CARGO);
    host.run(&["test", "--shard", "2/3", "--clusters", "2", "--", "--archive-file", "a.tar.zst"]);
    let calls = host.calls();
    assert_all_in(&calls, &["--partition hash:3/6 --archive-file", "--partition hash:4/6 --archive-file"]);
    assert!(!calls.contains("--no-run"), "an archive is compiled already:\n{calls}");
    host.run(&["test", "--shard", "6/5"]).failed_with(2, &["--shard"]);
}

#[test]
fn shards_with_times_take_about_as_long_and_have_every_test_once() {
    let host = Host::bare();
    host.program("cargo", CARGO);
    let case = |name: &str, time: u32| format!("<testcase name=\"{name}\" time=\"{time}\"></testcase>");
    let cases = case("slow", 9) + &case("quick", 4) + &case("it(1,2)", 3);
    host.write("suite/times.xml", &report("shop::e2e", &cases));
    for shard in ["1/2", "2/2"] {
        let ended =
            host.run(&["test", "--shard", shard, "--times", "times.xml", "--", "-E", "test(a)", "--no-fail-fast"]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
    let calls = host.calls();
    let of = |filterset: &str| format!("run --no-tests pass -E ((test(a))) & ({filterset}) --no-fail-fast; ");
    assert_all_in(&calls, &[&of("test(=slow)"), &of("not (test(=slow))")]);
    host.run(&["test", "--shard", "1/2", "--times", "no.xml"]).failed_with(2, &["no.xml"]);
    host.write("suite/empty.xml", &report("shop::e2e", ""));
    host.run(&["test", "--shard", "1/2", "--times", "empty.xml"]).failed_with(2, &["has no times of tests"]);
}

#[test]
fn the_reports_of_shards_are_merged_into_one() {
    let host = Host::bare();
    host.write("suite/1.xml", &report("shop::e2e", "<testcase name=\"a\" time=\"1\"></testcase>"));
    let failed = "<testcase name=\"b\" time=\"2\"><failure message=\"late\">late</failure></testcase>";
    host.write("suite/2.xml", &report("shop::e2e", failed));
    let ended = host.run(&["report", "merge", "1.xml", "2.xml", "--to", "all.xml"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{}", ended.stderr);
    assert_all_in(&ended.stderr, &["all.xml: 2 cases, 1 failed, 0 skipped\n"]);
    let merged = read(&host, "suite/all.xml");
    assert_all_in(&merged, &["tests=\"2\" skipped=\"0\" failures=\"1\"", "name=\"a\"", "name=\"b\"", "time=\"3.000\""]);
    assert_eq!(host.run(&["report", "merge", "1.xml", "2.xml"]).stdout, merged);
    host.write("suite/bad.xml", "<testsuites");
    host.run(&["report", "merge", "1.xml", "bad.xml"]).failed_with(2, &["bad.xml: it is not a JUnit report"]);
    host.run(&["report", "merge", "absent.xml"]).failed_with(2, &["absent.xml"]);
    host.run(&["report", "merge"]).failed_with(2, &["REPORT"]);
}
