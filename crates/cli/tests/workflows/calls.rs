//! Whether what a script calls exists: targets and packages of cargo, recipes of just, commands and flags of kind-harness.

use std::path::Path;
use std::sync::LazyLock;

use duct::cmd;
use serde_json::Value;

use crate::blocks::{read, root};

static METADATA: LazyLock<Value> = LazyLock::new(|| {
    let metadata = cmd!(env!("CARGO"), "metadata", "--no-deps", "--offline", "--format-version", "1");
    serde_json::from_str(&metadata.dir(root()).read().expect("cargo metadata")).expect("JSON")
});

/// Returns what is wrong with a call.
pub(crate) fn problems(call: &[String]) -> Vec<String> {
    let (program, words) = call.split_first().expect("a program");
    match program.as_str() {
        "cargo" => cargo(words),
        "kind-harness" => kind_harness(words),
        "just" => just(words),
        _ => Vec::new(),
    }
}

/// Returns the words that follow one of `flags`.
fn values<'a>(words: &'a [String], flags: &'a [&str]) -> impl Iterator<Item = &'a String> {
    words.windows(2).filter(|pair| flags.contains(&pair[0].as_str())).map(|pair| &pair[1])
}

fn after_dashes(words: &[String]) -> (&[String], &[String]) {
    match words.iter().position(|word| word == "--") {
        Some(at) => (&words[..at], &words[at + 1..]),
        None => (words, &[]),
    }
}

fn packages() -> impl Iterator<Item = &'static Value> {
    METADATA["packages"].as_array().expect("packages").iter()
}

/// Returns the source of the test target of that name.
fn test_target(name: &str) -> Option<&'static Path> {
    let targets = packages().flat_map(|package| package["targets"].as_array().expect("targets"));
    let mut tests = targets.filter(|target| target["kind"][0] == "test" && target["name"] == name);
    tests.next().map(|target| Path::new(target["src_path"].as_str().expect("a path")))
}

fn targets(words: &[String]) -> impl Iterator<Item = String> {
    let missing = values(words, &["--test"]).filter(|name| test_target(name).is_none());
    missing.map(|name| format!("there is no test target {name}"))
}

fn cargo(words: &[String]) -> Vec<String> {
    let (own, rest) = after_dashes(words);
    let is_package = |name: &&String| packages().any(|package| package["name"] == **name);
    let missing = values(own, &["-p", "--package"]).filter(|name| !is_package(name));
    let mut problems: Vec<String> = missing.map(|name| format!("there is no package {name}")).collect();
    match own.first().map_or("", String::as_str) {
        "run" => problems.extend(kind_harness(rest)),
        "test" => {
            problems.extend(targets(own));
            let tests = values(own, &["--test"]).filter_map(|name| test_target(name)).next();
            let missing = values(rest, &["--exact"]).filter(|name| tests.is_some_and(|target| !has_test(target, name)));
            problems.extend(missing.map(|name| format!("there is no test {name}")));
        }
        // Its packages may be those of the registry.
        "tree" => problems.clear(),
        "check" | "clippy" | "doc" | "fmt" | "install" | "package" => {}
        other => problems.push(format!("cargo {other} is nothing that this test knows")),
    }
    problems
}

/// Whether the module file that `name` leads to, such as `matrix` for `matrix::kill_matrix`, has such a test.
fn has_test(target: &Path, name: &str) -> bool {
    let (module, function) = name.rsplit_once("::").unwrap_or(("main", name));
    let file = target.with_file_name(module.replace("::", "/")).with_extension("rs");
    std::fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("fn {function}(")))
}

fn just(words: &[String]) -> Vec<String> {
    let justfile = read("justfile");
    let recipe = words.first().map_or("default", String::as_str);
    let is_it = |line: &str| line.strip_prefix(recipe).is_some_and(|rest| rest.starts_with([':', ' ']));
    if justfile.lines().any(is_it) { Vec::new() } else { vec![format!("there is no recipe {recipe}")] }
}

/// Lets the command itself parse the words, in an empty folder and with an empty PATH, where it finds nothing to work on.
fn kind_harness(words: &[String]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path();
    let variables = [("HOME", place), ("PATH", place)].map(|(name, path)| (name.into(), path.as_os_str().to_owned()));
    let command = cmd(env!("CARGO_BIN_EXE_kind-harness"), words)
        .dir(place)
        .full_env(Vec::<(std::ffi::OsString, _)>::from(variables));
    let ended = command.stdin_null().stdout_null().stderr_capture().unchecked().run().expect("the command");
    let said = String::from_utf8_lossy(&ended.stderr);
    // clap prints this line below each of its errors; other errors do not have it.
    let mut problems: Vec<String> = targets(after_dashes(words).1).collect();
    if said.contains("For more information, try '--help'") {
        problems.push(format!("kind-harness {}: {}", words.join(" "), said.trim()));
    }
    problems
}
