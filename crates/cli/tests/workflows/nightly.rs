//! ci/nightly.sh with stand-ins: which commands its parts run, what it leaves, and how it ends.

use crate::checkout::Checkout;

/// Returns the calls as lines.
fn called(checkout: &Checkout) -> Vec<String> {
    checkout.calls().iter().map(|call| call.join(" ")).collect()
}

#[test]
fn every_part_runs_after_one_has_failed_and_the_end_says_so() {
    let checkout = Checkout::of(&["ci"]);
    let ended = checkout.run("ci/nightly.sh --artifacts out all", &[("FAIL", "--test e2e"), ("RUNS", "3")]);
    assert_eq!(ended.code, Some(1), "{}", ended.said);
    let called = called(&checkout);
    let has = |words: &str| called.iter().filter(|call| call.contains(words)).count();
    assert_eq!(has("cargo test --locked --test e2e"), 2, "both strategies: {called:#?}");
    for words in [
        "-- bench --runs 3 ",
        "-- compare ",
        "matrix::kill_matrix",
        "--test faults",
        "--test snapshots",
        "--test engines -- --include-ignored",
        "--test engines -- with docker",
    ] {
        assert_eq!(has(words), 1, "{words}: {called:#?}");
    }
    for line in
        ["==> strategies: FAILED, ", "==> bench: passed, ", "==> snapshots: passed, ", "  summary.md", "  faults.log"]
    {
        assert!(ended.said.contains(line), "{line:?} is not in:\n{}", ended.said);
    }
    let summary = checkout.read("summary");
    assert!(summary.contains("| strategies | FAILED | ") && summary.contains("| faults | passed | "), "{summary}");
    let junit = checkout.read("repository/out/part-strategies.xml");
    assert!(junit.contains(r#"failures="1""#) && junit.contains("exit code 1: see strategies.log"), "{junit}");
    assert!(checkout.read("repository/out/part-bench.xml").contains(r#"failures="0""#));
}

#[test]
fn what_is_asked_for_must_exist() {
    for (line, said) in [("ci/nightly.sh", "Usage: "), ("ci/nightly.sh bench nothing", "no part is called nothing")] {
        let checkout = Checkout::of(&["ci"]);
        let ended = checkout.run(line, &[]);
        assert!(ended.code == Some(2) && ended.said.contains(said), "{line}: {}", ended.said);
        assert_eq!(called(&checkout), [] as [String; 0], "nothing has run");
    }
}

/// Adds the file of a run that ends at this moment to the user's state folder.
fn add_run(checkout: &Checkout, name: &str, cluster: &str) {
    let folder = checkout.path("home/.local/state/kind-harness/.runs");
    std::fs::create_dir_all(&folder).unwrap();
    let header = format!(r#"{{"run":{{"cluster":"{cluster}","strategy":"parallel","suite":"reference"}}}}"#);
    std::fs::write(folder.join(name).with_extension("jsonl"), header).unwrap();
}

/// A cargo that makes a run of a bench, and one of something else, when it is told to bench.
const BENCHING: &str = r#"#!/bin/sh
printf 'cargo\n' >>"$CALLS"
case "$*" in
    *" bench "*) cp "$HOME"/later/* "$HOME/.local/state/kind-harness/.runs/" ;;
    *" compare "*) exit "$COMPARED" ;;
esac
"#;

fn bench(compared: &str) -> (Checkout, Option<i32>) {
    let checkout = Checkout::of(&["ci"]);
    for (name, cluster) in [("2-new", "reference-1-bench"), ("3-other", "reference-1")] {
        add_run(&checkout, name, cluster);
    }
    std::fs::rename(checkout.path("home/.local/state/kind-harness/.runs"), checkout.path("home/later")).unwrap();
    add_run(&checkout, "1-old", "reference-1-bench");
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    let old =
        std::fs::File::options().write(true).open(checkout.path("home/.local/state/kind-harness/.runs/1-old.jsonl"));
    old.unwrap().set_modified(long_ago).unwrap();
    std::fs::create_dir(checkout.path("base")).unwrap();
    std::fs::write(checkout.path("base/0-earlier.jsonl"), "").unwrap();
    std::fs::write(checkout.path("bin/cargo"), BENCHING).unwrap();
    let base = checkout.path("base").display().to_string();
    let code = checkout.run("ci/nightly.sh bench", &[("COMPARED", compared), ("BASE", &base)]).code;
    (checkout, code)
}

fn names(checkout: &Checkout, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(checkout.path(folder)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn tonights_benches_join_those_of_earlier_nights_unless_they_are_slower() {
    for (compared, code, base) in [
        ("0", Some(0), &["0-earlier.jsonl", "2-new.jsonl"][..]),
        ("12", Some(0), &["0-earlier.jsonl", "2-new.jsonl"]),
        ("11", Some(1), &["0-earlier.jsonl"]),
    ] {
        let (checkout, ended) = bench(compared);
        assert_eq!(ended, code, "compare ended with {compared}");
        assert_eq!(names(&checkout, "base"), base, "compare ended with {compared}");
        assert_eq!(names(&checkout, "repository/target/nightly/runs"), ["2-new.jsonl", "3-other.jsonl"]);
    }
}
