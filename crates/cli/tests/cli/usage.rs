//! The command line, `e2e.yaml` and manifests: told before anything runs.

use kind_harness::host::folders::Folders;
use kind_harness::host::setup::{Tool, consent_of_environment, ensure_tool};
use kind_harness::report::Events;

use crate::support::Host;

#[test]
fn an_unknown_key_is_shown_where_it_is() {
    let host = Host::ready();
    host.write(
        "suite/e2e.yaml",
        "suite: tiny\nnamespace: tiny\nstrategi: parallel\ncomponents:\n  - {name: app, manifests: [app.yaml]}\n",
    );
    let ended = host.run(&["up"]);
    ended.failed_with(2, &["unknown key `strategi`", "e2e.yaml:3:1", "^^^^^^^^", "strategy"]);
    assert_eq!(host.calls(), "", "nothing runs");
}

#[test]
fn a_cycle_is_named_member_by_member() {
    let host = Host::ready();
    let component =
        |name: &str, needs: &str| format!("  - {{name: {name}, manifests: [app.yaml], needs: [{needs}]}}\n");
    let components = component("a", "b") + &component("b", "c") + &component("c", "a");
    host.write("suite/e2e.yaml", &format!("suite: tiny\nnamespace: tiny\ncomponents:\n{components}"));
    host.run(&["plan"]).failed_with(2, &["a → b → c → a"]);
}

#[test]
fn a_missing_manifest_and_a_broken_one() {
    let host = Host::ready();
    std::fs::remove_file(host.path("suite/app.yaml")).unwrap();
    host.run(&["up"]).failed_with(2, &["app.yaml", "does not exist", "e2e.yaml:6:17"]);
    host.write("suite/app.yaml", "kind: ConfigMap\nmetadata: {name: app}\n");
    host.run(&["up"]).failed_with(2, &["app.yaml:1:1", "apiVersion"]);
    let planned = host.run(&["plan"]);
    planned.failed_with(2, &["app.yaml:1:1", "apiVersion"]);
    assert!(!planned.stderr.contains("error: error:"), "{}", planned.stderr);
    assert_eq!(host.calls(), "", "nothing runs");
}

#[test]
fn a_file_that_is_not_there() {
    let host = Host::bare();
    host.run(&["-f", "other.yaml", "plan"]).failed_with(2, &["other.yaml"]);
}

#[test]
fn the_plan_in_three_forms() {
    let host = Host::bare();
    let text = host.run(&["plan"]);
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    assert!(text.stdout.contains("app"), "{}", text.stdout);
    let json = host.run(&["plan", "-o", "json"]).json("plan");
    assert_eq!(
        (&json["suite"], &json["strategy"], &json["overlay"]),
        (&"tiny".into(), &"parallel".into(), &"dev".into())
    );
    assert_eq!((&json["deadline"], &json["waves"]), (&"2m".into(), &serde_json::json!([["app"]])));
    assert!(json["cluster"]["name"].as_str().is_some_and(|name| name.starts_with("tiny-")), "{json:#}");
    assert!(host.run(&["plan", "--dot"]).stdout.starts_with("digraph"));
}

#[test]
fn the_environment_is_over_the_file_and_flags_over_both() {
    let host = Host::bare();
    let strategy = |args: &[&str]| {
        let output = host.command(args).env("KIND_HARNESS_STRATEGY", "waves").run().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        json["strategy"].as_str().unwrap().to_owned()
    };
    assert_eq!(strategy(&["plan", "--json"]), "waves");
    assert_eq!(strategy(&["plan", "--json", "--strategy", "sequential"]), "sequential");
}

/// A component with a base and two overlays.
fn with_overlays(host: &Host) {
    let kustomization =
        |text: &str| format!("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [{text}\n");
    host.write("suite/e2e.yaml", "suite: tiny\nnamespace: tiny\ncomponents:\n  - { name: app, manifests: [app] }\n");
    host.program("kustomize", &kustomize());
    for (path, text) in [
        ("base/kustomization.yaml", kustomization("app.yaml]")),
        (
            "base/app.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: app }\ndata: { size: small, a: b }\n".into(),
        ),
        ("overlays/dev/kustomization.yaml", kustomization("../../base]")),
        ("overlays/prod/kustomization.yaml", kustomization("../../base, secret.yaml]\npatches: [{ path: app.yaml }]")),
        (
            "overlays/prod/app.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: app }\ndata: { size: large }\n".into(),
        ),
        (
            "overlays/prod/secret.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData: { k: hunter2 }\n".into(),
        ),
    ] {
        let path = format!("suite/app/{path}");
        std::fs::create_dir_all(host.path(&path).parent().unwrap()).unwrap();
        host.write(&path, &text);
    }
}

/// A script that is the kustomize of this machine.
fn kustomize() -> String {
    let (folders, events) = (Folders::of_user().unwrap(), Events::discard());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tool = ensure_tool(Tool::Kustomize, &folders, consent_of_environment, &events);
    let build = runtime.block_on(tool).unwrap().command([""; 0]).to_string();
    let path = std::env::var("PATH").unwrap();
    format!(
        "#!/bin/sh\nexport PATH='{path}'\ncase $1 in version) echo v5.8.1 ;; build) shift; exec {build} \"$@\" ;; esac\n"
    )
}

#[test]
fn the_overlay_is_chosen_by_file_environment_and_flag() {
    let host = Host::bare();
    with_overlays(&host);
    let overlay = |args: &[&str], variable: Option<&str>| {
        let mut command = host.command(args);
        if let Some(value) = variable {
            command = command.env("KIND_HARNESS_OVERLAY", value);
        }
        let json: serde_json::Value = serde_json::from_slice(&command.run().unwrap().stdout).unwrap();
        json["overlay"].as_str().unwrap().to_owned()
    };
    assert_eq!(overlay(&["plan", "--json"], None), "dev");
    assert_eq!(overlay(&["plan", "--json"], Some("prod")), "prod");
    assert_eq!(overlay(&["plan", "--json", "--overlay", "dev"], Some("prod")), "dev");
    assert!(host.run(&["plan", "--overlay", "prod"]).stdout.contains("overlay    prod"));
    let mistyped = host.run(&["up", "--overlay", "pro"]);
    mistyped.failed_with(2, &["--overlay or KIND_HARNESS_OVERLAY: no component has an overlay `pro`", "`prod`"]);
}

#[test]
fn render_shows_what_would_be_applied_but_no_secret() {
    let host = Host::bare();
    with_overlays(&host);
    let yaml = host.run(&["render", "--overlay", "prod"]).stdout;
    for word in ["size: large", "a: b", "kind-harness.dev/component: app", "kind: Secret", "k: (not shown)"] {
        assert!(yaml.contains(word), "{word:?} is not in:\n{yaml}");
    }
    assert!(!yaml.contains("hunter2"), "{yaml}");
    let json: serde_json::Value = serde_json::from_str(&host.run(&["render", "app", "-o", "json"]).stdout).unwrap();
    assert_eq!(json["items"][0]["data"]["size"], "small");
    host.run(&["render", "ap"]).failed_with(2, &["no component ap", "app"]);
}

#[test]
fn bad_values_on_the_command_line_say_what_would_be_good() {
    let host = Host::bare();
    host.run(&["up", "--strategy", "wave"]).failed_with(2, &["waves", "sequential"]);
    host.run(&["up", "--deadline", "soon"]).failed_with(2, &["90s"]);
    let down = host.command(&["down"]).env("KIND_HARNESS_KILL_TIMEOUT", "soon").run().unwrap();
    let ended = crate::support::Ended::from(&down);
    ended.failed_with(
        2,
        &["KIND_HARNESS_KILL_TIMEOUT is \"soon\"; it can be a whole number of seconds, from 0 to 3600"],
    );
    host.run(&["up", "--only", "ap"]).failed_with(2, &["no component ap", "app"]);
    host.run(&["logs", "ap"]).failed_with(2, &["no component ap", "app"]);
    host.run(&["status", "--why", "ap"]).failed_with(2, &["no component ap", "app"]);
}

#[test]
fn without_a_cluster_there_is_nothing_to_look_at_and_nothing_to_remove() {
    let host = Host::bare();
    for command in ["status", "health", "serve", "logs", "kubeconfig"] {
        host.run(&[command]).failed_with(5, &["there is no cluster tiny-", "kind-harness up"]);
    }
    for args in [["down", "--keep-cluster"], ["down", "--component=app"], ["up", "--only=app"]] {
        host.run(&args).failed_with(5, &["there is no cluster tiny-", "kind-harness up"]);
    }
    let down = host.run(&["down"]);
    assert_eq!(down.code, Some(0));
    assert!(down.stderr.contains("nothing to do"), "{}", down.stderr);
}

#[test]
fn readme_and_help_name_the_same_exit_codes() {
    let readme = include_str!("../../../../docs/cli.md").replace('`', "");
    let help = Host::bare().run(&["--help"]).stdout;
    let (_, codes) = help.split_once("Exit codes:").expect("help lists them");
    let codes: Vec<(&str, &str)> = codes.trim().lines().filter_map(|line| line.trim().split_once(' ')).collect();
    assert!(codes.len() >= 10, "{codes:?}");
    for (code, meaning) in codes {
        let row = format!("| {code} | {} |", meaning.trim());
        assert!(readme.contains(&row), "docs/cli.md has no row {row:?}");
    }
}

#[test]
fn readme_names_every_variable() {
    let readme = include_str!("../../../../docs/cli.md");
    let help = Host::bare().run(&["up", "--help"]).stdout;
    let variables: Vec<&str> = help.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next()).collect();
    assert!(variables.len() >= 8, "{variables:?}");
    for variable in variables {
        assert!(readme.contains(&format!("`{variable}`")), "docs/cli.md does not name {variable}");
    }
}

#[test]
fn init_writes_a_suite_that_plan_accepts_and_tells_why() {
    let host = Host::bare();
    host.write("other/deploy/api.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: api}\n");
    let other = host.path("other").display().to_string();
    let json = host.run(&["init", &other, "-o", "json"]).json("init");
    assert_eq!(json["choices"][0]["what"], "other: manifests deploy", "{json:#}");
    let plan = host.run(&["plan", "-f", &format!("{other}/e2e.yaml"), "-o", "json"]).json("plan");
    assert_eq!(plan["waves"], serde_json::json!([["other"]]));
    host.run(&["init", &other]).failed_with(2, &["e2e.yaml is there already; left as it is"]);
    host.run(&["init", "-f", "shop.yaml", &other]).failed_with(2, &["kind-harness init FOLDER"]);
}

#[test]
fn dev_begins_when_a_mistake_in_the_suite_is_mended() {
    let host = Host::ready();
    let suite = std::fs::read_to_string(host.path("suite/e2e.yaml")).unwrap();
    host.write("suite/e2e.yaml", "suite: [");
    let command = duct::cmd(env!("CARGO_BIN_EXE_kind-harness"), ["dev", "--name", "t"]).stderr_to_stdout();
    let dev = host.here(&command.stdout_path(host.path("said"))).stdin_null().start().unwrap();
    host.eventually("the mistake is told", || {
        std::fs::read_to_string(host.path("said")).is_ok_and(|said| said.contains("begun: "))
    });
    assert_eq!(host.calls(), "");
    host.write("suite/e2e.yaml", &suite);
    host.eventually("it begins", || host.calls().contains("kind create"));
    dev.kill().unwrap();
}
