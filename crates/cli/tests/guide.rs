//! docs/guide.md, word for word: its files in a new crate, its commands one after the other, on a cluster.
//!
//! The crate takes `kind-harness` from this repository, and the versions of all other crates that the repository is tested with.

use std::path::{Path, PathBuf};

const GUIDE: &str = include_str!("../../../docs/guide.md");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// Returns the files of the page: blocks whose first line is a comment with a path.
fn files() -> Vec<(&'static str, &'static str)> {
    let blocks = GUIDE.split("\n```").skip(1).step_by(2);
    let file = |block: &'static str| {
        let (first, _) = block.split_once('\n')?.1.split_once('\n')?;
        let path = first.strip_prefix("// ").or(first.strip_prefix("# "))?;
        Some((path, block.split_once('\n')?.1))
    };
    blocks.filter_map(file).filter(|(path, _)| path.contains('.')).collect()
}

/// Returns the commands of the page.
fn commands() -> impl Iterator<Item = &'static str> {
    let blocks = GUIDE.split("\n```console\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("$ "))
}

#[test]
fn the_guide_leads_to_a_green_suite() {
    let (folder, root) = (tempfile::tempdir().expect("a folder"), root());
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    let files = files();
    let names: Vec<_> = files.iter().map(|(path, _)| *path).collect();
    assert_eq!(names, ["src/main.rs", "Cargo.toml", "e2e.yaml", "manifests/api.yaml", "tests/e2e.rs"]);
    files.iter().for_each(|(path, text)| write(path, text));
    // It is not published yet.
    let manifest = std::fs::read_to_string(folder.path().join("Cargo.toml")).expect("Cargo.toml");
    write("Cargo.toml", &format!("{manifest}\n[patch.crates-io]\nkind-harness = {{ path = {root:?} }}\n"));
    std::fs::copy(root.join("Cargo.lock"), folder.path().join("Cargo.lock")).expect("Cargo.lock");

    let program = Path::new(env!("CARGO_BIN_EXE_kind-harness"));
    let commands: Vec<_> = commands().collect();
    assert_eq!(commands, ["kind-harness plan", "kind-harness setup", "cargo test --test e2e"]);
    for command in commands {
        let mut words = command.split(' ');
        let name = words.next().expect("a program");
        let program = if name == "kind-harness" { program.as_os_str() } else { name.as_ref() };
        let run = duct::cmd(program, words).dir(folder.path()).stderr_to_stdout().stdout_capture().unchecked();
        let run = run.env("CARGO_TARGET_DIR", root.join("target/guide")).env_remove("K8S_OPENAPI_ENABLED_VERSION");
        // What is compiled here is run once.
        let run = run.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "0");
        let ended = run.run().expect("the program");
        let said = String::from_utf8_lossy(&ended.stdout);
        assert!(ended.status.success(), "{command}: {said}");
        if command.starts_with("cargo test") {
            assert!(said.contains("test result: ok. 1 passed"), "{said}");
        }
    }
}
