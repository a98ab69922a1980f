//! The files that CI runs: workflows, the action, their scripts, and the examples of docs/ci.md.
//!
//! Every `run:` block runs in a clean checkout where cargo, go, docker and kind-harness are stand-ins that write down how they
//! are called; what they were called with must exist. What needs neither time nor network runs for real.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its place has failed")]

mod action;
mod blocks;
mod calls;
mod checkout;
mod nightly;

use std::collections::BTreeSet;

use blocks::{Block, code, read, workflows};
use checkout::Checkout;
use rstest::rstest;

/// Returns the lines that a script of ours prints.
fn lines(line: &str) -> Vec<String> {
    let ended = Checkout::of(&[".ci", "ci"]).run(line, &[]);
    assert_eq!(ended.code, Some(0), "{line}: {}", ended.said);
    ended.said.lines().map(str::to_owned).collect()
}

#[rstest]
#[case::workflows(workflows(), 15)]
#[case::action(blocks::action(), 4)]
#[case::documented(blocks::documented(), 3)]
fn every_run_block_is_a_script_that_runs_in_a_clean_checkout(#[case] blocks: Vec<Block>, #[case] at_least: usize) {
    assert!(blocks.len() >= at_least, "only {} blocks were found", blocks.len());
    let (checkout, mut problems) = (Checkout::whole(), Vec::new());
    for block in blocks {
        let (place, script) = (&block.place, block.script());
        assert!(!script.contains("${{"), "{place}: the test does not know all of {script}");
        let parsed = checkout.parse(&script);
        assert_eq!(parsed.code, Some(0), "{place}: {}", parsed.said);
        let ended = checkout.run_in(&block.folder(&checkout), &script, &block.variables(&checkout));
        assert_eq!(ended.code, Some(0), "{place}: {script}: {}", ended.said);
        let of_call = |call: &Vec<String>| calls::problems(call);
        problems
            .extend(checkout.calls().iter().flat_map(of_call).map(|problem| format!("{place}: {script}: {problem}")));
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn the_workflow_runs_every_step_of_ci_run() {
    let scripts: Vec<String> = workflows().iter().map(|block| block.script()).collect();
    for step in lines(".ci/run --list") {
        assert!(scripts.contains(&format!(".ci/run {step}")), "no workflow runs the step {step}");
    }
    let unknown = Checkout::of(&[".ci"]).run(".ci/run format nothing", &[]);
    assert!(unknown.code == Some(2) && unknown.said.contains("no step is called nothing"), "{}", unknown.said);
}

#[test]
fn the_steps_of_ci_run_are_those_of_just_ci() {
    let justfile = read("justfile");
    let ci = justfile.lines().find_map(|line| line.strip_prefix("ci: ")).expect("the recipe ci");
    let recipes: BTreeSet<&str> = ci.split([' ', '(']).filter(|word| word.starts_with(char::is_alphabetic)).collect();
    let expected = ["doc", "fmt-check", "lint", "outside", "package", "test"];
    assert_eq!(recipes, BTreeSet::from(expected), "a recipe of `just ci` needs a step in .ci/run");
}

#[test]
fn the_nightly_workflow_runs_every_part() {
    let scripts: Vec<String> = workflows().iter().map(|block| block.script()).collect();
    for part in lines("ci/nightly.sh --list") {
        assert!(scripts.contains(&format!("ci/nightly.sh {part}")), "no workflow runs the part {part}");
    }
}

#[test]
fn the_format_check_runs_for_real() {
    let checkout = Checkout::whole().with_real_programs();
    let ended = checkout.run(".ci/run format", &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.said.contains("==> format: cargo fmt --all --check"), "{}", ended.said);
}

#[test]
fn actionlint_accepts_the_workflows_and_the_documented_one() {
    let checkout = Checkout::of(&[".github", "action.yml", "ci"]).with_real_programs();
    let version = checkout.run("ci/lint-workflows -version", &[("GOPROXY", "off")]);
    if version.code != Some(0) {
        println!(
            "skipped: there is no Go, or actionlint has not been downloaded yet (`.ci/run workflows`): {}",
            version.said
        );
        return;
    }
    checkout.write(".github/workflows/documented.yml", &code("yaml", "# .github/workflows/e2e.yml"));
    let ended = checkout.run("git init --quiet . && ci/lint-workflows", &[("GOPROXY", "off")]);
    assert_eq!((ended.code, ended.said.trim()), (Some(0), ""));
    checkout
        .write(".github/workflows/wrong.yml", "on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [{use: ./}]}}\n");
    assert_eq!(checkout.run("ci/lint-workflows", &[("GOPROXY", "off")]).code, Some(1));
}

#[test]
fn commands_that_the_page_names_exist() {
    let page = read("docs/ci.md");
    let commands: Vec<_> =
        page.split('`').skip(1).step_by(2).filter(|code| code.starts_with("kind-harness ")).collect();
    assert!(commands.len() >= 2, "{commands:?}");
    for command in commands {
        let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
        assert_eq!(calls::problems(&words), [] as [String; 0], "docs/ci.md: {command}");
    }
}
