//! The justfile that `init` writes, and `just` itself.

use std::path::PathBuf;

use serde_json::json;

use crate::support::{Ended, Host};

/// Writes down how it was called, and the strategy.
const PROGRAM: &str = "#!/bin/sh\necho \"${KIND_HARNESS_STRATEGY-}:$(basename \"$0\") $*\" >> \"$CALLS\"\n";

/// A project with a component and a package, in which `init` was run; `None` where `just` is not installed.
fn project(justfile: Option<(&str, &str)>) -> Option<Host> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let just: Option<PathBuf> = std::env::split_paths(&path).map(|folder| folder.join("just")).find(|it| it.is_file());
    let Some(just) = just else {
        eprintln!("not run: just is not installed (cargo install just)");
        return None;
    };
    let host = Host::bare();
    std::os::unix::fs::symlink(just, host.path("bin/just")).unwrap();
    host.program("kind-harness", PROGRAM);
    let manifest = host.path("suite").canonicalize().unwrap().join("Cargo.toml");
    let package = json!({"name": "shop", "manifest_path": manifest, "dependencies": [], "targets": []});
    host.program("cargo", &format!("#!/bin/sh\necho '{}'\n", json!({"packages": [package]})));
    std::fs::remove_file(host.path("suite/e2e.yaml")).unwrap();
    host.write("suite/Cargo.toml", "[package]\nname = \"shop\"\nversion = \"0.1.0\"\n");
    host.write("suite/src/lib.rs", "");
    host.write("suite/manifests/app/app.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    if let Some((name, text)) = justfile {
        host.write(&format!("suite/{name}"), text);
    }
    let ended = host.run(&["init"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    host.program("cargo", PROGRAM);
    Some(host)
}

/// Runs `just`; returns what it prints.
fn just(host: &Host, args: &[&str]) -> String {
    let ended = Ended::from(&host.here(&duct::cmd("just", args)).stdin_null().run().unwrap());
    assert_eq!(ended.code, Some(0), "just {args:?}: {}{}", ended.stdout, ended.stderr);
    ended.stdout
}

#[test]
fn just_runs_the_recipes() {
    let Some(host) = project(None) else { return };
    let listed = just(&host, &["--list", "--unsorted"]);
    let recipes = ["e2e *args", "e2e-parallel *args", "e2e-sequential *args", "up *args", "down *args"];
    for recipe in recipes {
        assert!(listed.lines().any(|line| line.trim_start().starts_with(recipe) && line.contains(" # ")), "{listed}");
    }
    for args in [
        &["e2e", "--", "--nocapture"][..],
        &["e2e-parallel", "one"],
        &["e2e-sequential"],
        &["up", "--keep", "--name", "x"],
        &["down"],
    ] {
        just(&host, args);
    }
    let expected = ":cargo test --test e2e -- --nocapture\nparallel:cargo test --test e2e one\n\
                    sequential:cargo test --test e2e\n:kind-harness up --keep --name x\n:kind-harness down\n";
    let calls = host.calls();
    let calls: Vec<_> = calls.lines().map(str::trim_end).collect();
    assert_eq!(calls, expected.lines().collect::<Vec<_>>());
}

/// What a project has already stays, and what is added does not contradict it.
#[test]
fn just_takes_the_recipes_beside_those_that_are_there() {
    let there = "set shell := [\"sh\", \"-c\"]\nalias e2e := check\nmod up 'up.just'\nname := \"x\"\n\n\
                 check target=\"all\":\n    echo {{target}}\n\n@down:\n    echo own";
    for name in ["justfile", "Justfile", ".justfile", "JUSTFILE"] {
        let Some(host) = project(Some((name, there))) else { return };
        host.write("suite/up.just", "now:\n    echo up\n");
        assert_eq!(just(&host, &["down"]), "own\n", "{name}");
        assert_eq!(just(&host, &["e2e", "some"]), "some\n", "{name}");
        assert_eq!(just(&host, &["up::now"]), "up\n", "{name}");
        just(&host, &["e2e-parallel"]);
        assert_eq!(host.calls().trim_end(), "parallel:cargo test --test e2e");
    }
}
