//! Past runs: listed, reported, compared; with files that were cut off, of a newer version, or not to be written.

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Ended, Host};

/// A run of the reference suite.
const RUN: &str = include_str!("../../src/formats/run.jsonl");

/// A host with these runs: name, and file.
fn host(runs: &[(&str, &str)]) -> Host {
    let host = Host::bare();
    for (name, text) in runs {
        host.write(&format!("home/.local/state/kind-harness/.runs/{name}.jsonl"), text);
    }
    host
}

#[test]
fn no_runs_are_no_error_and_no_report() {
    let host = host(&[]);
    assert_eq!(host.run(&["runs"]).stdout, "no run is kept yet; `kind-harness up` makes one\n");
    assert_eq!(host.run(&["runs", "-o", "json"]).json("runs"), serde_json::json!({"runs": [], "errors": []}));
    host.run(&["report"]).failed_with(2, &["no run is kept yet"]);
    host.run(&["compare", "strategy=parallel", "strategy=sequential"]).failed_with(12, &[]);
    assert!(host.run(&["history"]).stdout.contains("no run brought a suite up yet"));
}

#[test]
fn a_run_is_listed_and_reported_by_the_beginning_of_its_name() {
    let host = host(&[("20260101T1-reference-1", RUN), ("20260102T1-reference-2", RUN)]);
    let listed = host.run(&["runs", "-o", "json"]).json("runs");
    assert_eq!(listed["runs"].as_array().map(Vec::len), Some(2));
    assert_eq!((&listed["runs"][0]["outcome"], &listed["runs"][0]["grade"]), (&"ready".into(), &"A".into()));
    assert!(host.run(&["runs"]).stdout.contains("parallel  ready"));
    let report = host.run(&["report", "20260101", "-o", "json"]).json("report");
    assert_eq!((&report["suite"], &report["strategy"]), (&"reference".into(), &"parallel".into()));
    assert_eq!(host.run(&["report"]).stdout, host.run(&["report", "20260101"]).stdout);
    host.run(&["report", "2026"]).failed_with(2, &["the beginning of 2 runs' names"]);
    host.run(&["report", "1999"]).failed_with(2, &["no run is called \"1999\""]);
    let page = host.run(&["report", "--format", "html", "--to", "page.html"]);
    assert_eq!((page.code, page.stdout.as_str()), (Some(0), ""));
    assert!(std::fs::read_to_string(host.path("suite/page.html")).unwrap().starts_with("<!doctype html>"));
}

#[test]
fn a_run_that_was_killed_and_one_that_is_damaged_are_reported_as_far_as_they_go() {
    let killed: String = RUN.split_inclusive('\n').take(20).collect();
    let host =
        host(&[("1", &killed), ("2", &RUN[..4000]), ("3", &RUN.replace("\"format\":1", "\"format\":9")), ("4", "x")]);
    let report = |run: &str| host.run(&["report", run]);
    assert!(report("1").stderr.contains("the run was killed, or has not ended yet"), "{}", report("1").stderr);
    assert!(
        report("2").stderr.contains("the run's file is damaged, and read up to there: line"),
        "{}",
        report("2").stderr
    );
    report("3").failed_with(2, &["has format 9; this version of kind-harness reads formats up to 1"]);
    report("4").failed_with(2, &["is not the file of a run"]);
    let listed = host.run(&["runs", "-o", "json"]).json("runs");
    assert_eq!(
        (listed["runs"].as_array().map(Vec::len), listed["errors"].as_array().map(Vec::len)),
        (Some(2), Some(2))
    );
    assert_eq!(listed["runs"][0]["outcome"], "did not end");
    assert_eq!(listed["runs"][0]["deployAndReady"], serde_json::Value::Null, "no figure of a run that did not end");
}

#[test]
fn runs_are_compared_by_strategy_and_only_when_there_are_enough() {
    let slower = RUN.replace("\"strategy\":\"parallel\"", "\"strategy\":\"sequential\"");
    let mut runs = Vec::new();
    let names: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    for (n, name) in names.iter().enumerate() {
        runs.push((name.as_str(), if n < 5 { RUN } else { slower.as_str() }));
    }
    let enough = host(&runs);
    let compared = enough.run(&["compare", "strategy=parallel", "strategy=sequential", "-o", "json"]).json("compare");
    assert_eq!((&compared["change"], &compared["baseRuns"]), (&"same".into(), &5.into()));
    assert_eq!(compared["figures"][0]["name"], "deploy + ready");
    enough
        .run(&["compare", "colour=blue", "strategy=parallel"])
        .failed_with(2, &["runs have no \"colour\" to choose by"]);
    enough.run(&["compare", "nothing", "strategy=parallel"]).failed_with(2, &["neither a file, nor a folder"]);
    let too_few = host(&runs[..9]).run(&["compare", "strategy=parallel", "strategy=sequential"]);
    assert_eq!(too_few.code, Some(12), "{}", too_few.stderr);
    let history = enough.run(&["history", "-o", "json"]).json("history");
    assert_eq!(history["series"].as_array().map(Vec::len), Some(2), "one of each strategy");
    assert_eq!(history["series"][0]["runs"].as_array().map(Vec::len), Some(5));
}

#[test]
fn a_run_that_cannot_be_kept_is_made_all_the_same() {
    let host = Host::ready();
    host.write("home/.local/state/kind-harness/.runs", "a file");
    let up = host.run(&["up"]);
    assert!(up.stderr.contains("warning: this run is not kept"), "{}", up.stderr);
}

#[test]
fn a_failed_up_is_a_run_too() {
    let host = Host::ready();
    host.program(
        "kind",
        "#!/bin/sh\n[ \"$1\" != version ] || { echo 'kind v0.33.0 go1.26 linux/amd64'; exit; }\nexit 1\n",
    );
    assert_ne!(host.run(&["up"]).code, Some(0));
    let listed = host.run(&["runs", "-o", "json"]).json("runs");
    assert_eq!((&listed["runs"][0]["suite"], &listed["runs"][0]["outcome"]), (&"tiny".into(), &"failed".into()));
}

/// Passes, fails, and passes from then on: with what every shell has by itself.
const ROUNDS: &str = "[ -f one ] || { : > one; exit; }; [ -f two ] || { : > two; echo that was wrong >&2; exit 3; }";

#[test]
fn a_soak_counts_the_rounds_that_failed() {
    let host = Host::ready();
    let ended = host.run(&["soak", "--runs", "3", "--", "sh", "-c", ROUNDS]);
    ended.failed_with(10, &["round 1 of 3: passed", "round 2 of 3: FAILED", "that was wrong", "round 3 of 3: passed"]);
    assert!(
        ended.stdout.starts_with("1 of 3 rounds failed; 95 % interval of the rate: 6.1 to 79.2 %"),
        "{}",
        ended.stdout
    );
    let again = host.run(&["soak", "--runs", "2", "-o", "json", "--", "sh", "-c", ROUNDS]);
    assert_eq!(again.code, Some(0), "a finished soak is not gone on with: {}", again.stderr);
    let told = again.json("soak");
    assert_eq!((&told["rounds"], &told["failed"]), (&2.into(), &0.into()));
}

#[test]
fn an_interrupted_soak_goes_on_where_it_was() {
    let host = Host::ready();
    let slow = "[ ! -f go ] || exit 0; [ -f one ] || { : > one; exit; }; : > waiting; sleep 60";
    let soak = ["soak", "--runs", "3", "--", "sh", "-c", slow];
    let running = host.command(&soak).start().unwrap();
    host.eventually("the second round has begun", || host.path("suite/waiting").exists());
    let pid = i32::try_from(running.pids()[0]).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    Ended::from(running.wait().unwrap()).failed_with(130, &["interrupted after 1 of 3 rounds"]);
    host.write("suite/go", "");
    let ended = host.run(&soak);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("going on after round 1 of 3") && !ended.stderr.contains("round 1 of 3: "),
        "{}",
        ended.stderr
    );
}
