//! action.yml, and what ci/action.sh does for it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::blocks::{code, read, yaml};
use crate::checkout::{Checkout, Ended};

const ACTION: &str = "\"$GITHUB_ACTION_PATH/ci/action.sh\"";

/// Returns what the action's script needs.
fn checkout() -> Checkout {
    Checkout::of(&["Cargo.toml", "Cargo.lock", "ci", "crates/cli/src", "images/base", "schema/up.json", "src/run"])
}

fn step(checkout: &Checkout, step: &str, variables: &[(&str, &str)]) -> Ended {
    let variables: Vec<_> = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    checkout.run_in(&checkout.path("project"), &format!("{ACTION} {step}"), &variables)
}

/// Returns the calls since this was asked before, a line each.
fn called(checkout: &Checkout) -> String {
    checkout.calls().iter().map(|call| call.join(" ") + "\n").collect()
}

/// Returns the outputs of the step `keys`.
fn keys(checkout: &Checkout, version: &str) -> BTreeMap<String, String> {
    let _ = std::fs::remove_file(checkout.path("outputs"));
    let ended = step(checkout, "keys", &[("VERSION", version), ("SUITE_FILE", "e2e.yaml")]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let outputs = checkout.read("outputs");
    outputs.lines().map(|line| line.split_once('=').unwrap()).map(|(name, value)| (name.into(), value.into())).collect()
}

#[test]
fn the_page_describes_every_input_and_shows_only_these() {
    let page = read("docs/ci.md");
    let action = yaml("action.yml");
    let inputs = action["inputs"].as_object().expect("inputs");
    for (name, input) in inputs {
        assert!(page.contains(&format!("\n| `{name}` | ")), "docs/ci.md has no row for {name}");
        let default = input["default"].as_str().expect("a default");
        let is_told = default.is_empty() || page.contains(&format!("\n| `{name}` | `{default}` | "));
        assert!(is_told, "docs/ci.md: the default of {name} is {default}");
    }
    let shown: Value = serde_saphyr::from_str(&code("yaml", "# .github/workflows/e2e.yml")).expect("YAML");
    let steps = shown["jobs"]["e2e"]["steps"].as_array().expect("steps");
    let ours = steps.iter().find(|step| step["uses"].as_str().is_some_and(|uses| uses.contains("kind-harness")));
    let given = ours.expect("a step with the action")["with"].as_object().expect("inputs");
    assert!(given.keys().all(|name| inputs.contains_key(name)), "{given:?}");
}

#[test]
fn what_steps_take_from_another_is_an_output_of_it() {
    let text = read("action.yml");
    let outputs = keys(&checkout(), "");
    let taken: Vec<_> = text.split("steps.keys.outputs.").skip(1).filter_map(|rest| rest.split(' ').next()).collect();
    assert!(taken.len() >= 5, "{taken:?}");
    taken.into_iter().for_each(|name| assert!(outputs.contains_key(name), "{name}: {outputs:?}"));
}

#[test]
fn caches_are_found_by_the_suite_and_by_the_source_of_the_command() {
    let checkout = checkout();
    let first = keys(&checkout, "");
    assert_eq!(keys(&checkout, ""), first);
    std::fs::write(checkout.path("project/e2e.yaml"), "another").unwrap();
    let second = keys(&checkout, "");
    assert_ne!(second["suite"], first["suite"]);
    assert_eq!(second["binary"], first["binary"]);
    checkout.write("crates/cli/src/main.rs", "");
    assert_ne!(keys(&checkout, "")["binary"], first["binary"]);
    assert_eq!(keys(&checkout, "0.2.0")["binary"], "0.2.0");
}

#[test]
fn the_command_is_installed_once() {
    let checkout = checkout();
    assert_eq!(step(&checkout, "install", &[("VERSION", "0.2.0")]).code, Some(0));
    assert!(called(&checkout).ends_with("kind-harness-cli --version 0.2.0\n"));
    assert_eq!(step(&checkout, "install", &[("VERSION", "")]).code, Some(0));
    assert!(called(&checkout).contains(" --path /"));
    let bin = Path::new(&keys(&checkout, "")["root"]).join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::copy(checkout.path("bin/kind-harness"), bin.join("kind-harness")).unwrap();
    assert_eq!(step(&checkout, "install", &[("VERSION", "")]).code, Some(0));
    assert_eq!(called(&checkout), "");
    assert_eq!(checkout.read("paths").lines().last(), bin.to_str());
}

#[test]
fn a_command_that_fails_fails_the_step_and_leaves_what_it_wrote() {
    let checkout = checkout();
    let bundles = checkout.path("home/.local/state/kind-harness/bundles");
    let command = format!("mkdir -p {0}/new && touch \"$KIND_HARNESS_JUNIT\" && false; true", bundles.display());
    assert_eq!(step(&checkout, "run", &[("COMMAND", &command)]).code, Some(1), "the first failure counts");
    // There was nothing to report: that is no failure of the step.
    let collected = step(&checkout, "collect", &[("FAIL", "report")]);
    assert_eq!(collected.code, Some(0), "{}", collected.said);
    for file in ["junit.xml", "bundles/new"] {
        assert!(checkout.path("temp/kind-harness").join(file).exists(), "{file}");
    }
}
