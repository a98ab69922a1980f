//! docs/guide.md, word for word: its files in a new crate and its commands, one after the other, on clusters.
//!
//! The crate takes `kind-harness` from this repository, and the versions of all other crates that the repository is tested with.

use std::path::{Path, PathBuf};

const GUIDE: &str = include_str!("../../../docs/guide.md");

/// What the page asks for.
#[derive(Debug, PartialEq)]
enum Step {
    /// Write a file, or add to it.
    File { path: &'static str, text: &'static str, at_its_end: bool },
    /// Run a command.
    Command(&'static str),
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// Returns the steps of the page: commands, and blocks whose first line is a comment with a path.
fn steps() -> Vec<Step> {
    let mut steps = Vec::new();
    for block in GUIDE.split("\n```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').expect("a block");
        if language == "console" {
            steps.extend(text.lines().filter_map(|line| line.strip_prefix("$ ")).map(Step::Command));
            continue;
        }
        let first = text.lines().next().unwrap_or_default();
        let comment = ["// ", "# ", "<!-- "].iter().find_map(|mark| first.strip_prefix(mark));
        let Some(path) = comment.map(|comment| comment.trim_end_matches(" -->")) else { continue };
        let (path, at_its_end) = path.strip_suffix(", at its end").map_or((path, false), |path| (path, true));
        if path.contains(['.', '/']) && !path.contains(' ') {
            steps.push(Step::File { path, text, at_its_end });
        }
    }
    steps
}

#[test]
fn the_guide_leads_to_a_green_suite() {
    let (folder, root) = (tempfile::tempdir().expect("a folder"), root());
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    let read = |path: &str| std::fs::read_to_string(folder.path().join(path)).expect("a file");
    std::fs::copy(root.join("Cargo.lock"), folder.path().join("Cargo.lock")).expect("Cargo.lock");
    let (mut files, mut commands) = (Vec::new(), Vec::new());
    for step in steps() {
        match step {
            Step::File { path: path @ "Cargo.toml", text, .. } => {
                // It is not published yet.
                write(path, &format!("{text}\n[patch.crates-io]\nkind-harness = {{ path = {root:?} }}\n"));
                files.push(path);
            }
            Step::File { path, text, at_its_end } => {
                let before = if at_its_end { format!("{}\n", read(path)) } else { String::new() };
                write(path, &format!("{before}{text}\n"));
                files.push(path);
            }
            Step::Command(command) => {
                run(command, folder.path(), &root);
                commands.push(command);
            }
        }
    }
    let first = ["src/main.rs", "Cargo.toml", "e2e.yaml", "manifests/api.yaml", "tests/e2e.rs"];
    let own = ["front/Dockerfile", "front/page.html", "charts/front/Chart.yaml", "charts/front/templates/front.yaml"];
    assert_eq!(files, [&first[..], &own, &["e2e.yaml", "tests/front.rs"]].concat());
    let expected = ["kind-harness plan", "kind-harness setup", "cargo test --test e2e"];
    assert_eq!(commands, [&expected[..], &["kind-harness render front", "cargo test --test front"]].concat());
}

fn run(command: &str, folder: &Path, root: &Path) {
    let mut words = command.split(' ');
    let name = words.next().expect("a program");
    let program = if name == "kind-harness" { env!("CARGO_BIN_EXE_kind-harness") } else { name };
    let run = duct::cmd(program, words).dir(folder).stdout_capture().stderr_capture().unchecked();
    let run = run.env("CARGO_TARGET_DIR", root.join("target/guide")).env_remove("K8S_OPENAPI_ENABLED_VERSION");
    // What is compiled here is run once.
    let run = run.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "0");
    let ended = run.run().expect("the program");
    // Apart: what is told of the environment comes in the middle of a line of the test's otherwise.
    let [said, told] = [&ended.stdout, &ended.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(ended.status.success(), "{command}: {said}{told}");
    if command.starts_with("cargo test") {
        assert!(said.contains("test result: ok. 1 passed"), "{said}{told}");
    }
}
