//! What messages look like, and where their carets stand.

use kind_harness::suite::config::Overrides;
use snapbox::{assert_data_eq, str};

use crate::{load_with, with, with_overlays};

/// The message for `text`, without the name of the temporary folder.
pub(super) fn message(text: impl AsRef<[u8]>) -> String {
    let (folder, loaded) = load_with(text, &Overrides::default());
    let text = loaded.expect_err("the suite is wrong").to_string();
    text.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn unknown_keys_are_all_reported_at_their_place() {
    let text =
        with("strategy:", "stratgey:").replace("    needs:", "    neeeds:").replace("path:", "colour: red, path:");
    assert_data_eq!(
        message(text),
        str![[r#"
error: unknown key `stratgey`
 --> e2e.yaml:6:1
  |
6 | stratgey: waves
  | ^^^^^^^^
  |
  = help: did you mean `strategy`?

error: unknown key `neeeds`
  --> e2e.yaml:22:5
   |
22 |     neeeds: [db]
   |     ^^^^^^
   |
   = help: did you mean `needs`?

error: unknown key `colour`
  --> e2e.yaml:27:23
   |
27 |       - { port: http, colour: red, path: /ready }
   |                       ^^^^^^
   |
   = help: the keys here are `port`, `service`, `exec`, `path`, `status`, `contains`
"#]]
    );
}

#[test]
fn wrong_types_are_all_reported() {
    let text = with("node: 30081", "node: http")
        .replace("name: db\n", "name: 5\n")
        .replace("strategy: waves", "strategy: wave")
        .replace("deadline: 90s", "deadline: 90")
        .replace("needs: [db]", "needs: db")
        .replace("{ port: http, path", "{ path");
    assert_data_eq!(
        message(text),
        str![[r#"
error: `wave` is not one of `parallel`, `waves`, `sequential`
 --> e2e.yaml:6:11
  |
6 | strategy: wave
  |           ^^^^
  |
  = help: did you mean `waves`?

error: expected a duration such as `90s` or `2m`, found the number `90`
 --> e2e.yaml:7:11
  |
7 | deadline: 90
  |           ^^

error: expected a string, found the number `5`
  --> e2e.yaml:10:11
   |
10 |   - name: 5
   |           ^
   |
   = help: put it in quotes

error: expected a list, found the text `db`
  --> e2e.yaml:22:12
   |
22 |     needs: db
   |            ^^

error: expected a number from 0 to 65535, found the text `http`
  --> e2e.yaml:24:29
   |
24 |       - { name: http, node: http, host: 8091 }
   |                             ^^^^
"#]]
    );
}

#[test]
fn cycles_are_named_member_by_member() {
    let text = with("    manifests: [manifests/db]", "    manifests: [manifests/db]\n    needs: [web]")
        + "  - { name: web, manifests: [manifests/app.yaml], needs: [app] }\n  - { name: me, manifests: [manifests/app.yaml], needs: [me] }\n";
    assert_data_eq!(
        message(text),
        str![[r#"
error: the components need each other in a circle: db → web → app → db
  --> e2e.yaml:15:13
   |
15 |     needs: [web]
   |             ^^^ `db` needs `web`
...
23 |     needs: [db]
   |             -- `app` needs `db`
...
29 |   - { name: web, manifests: [manifests/app.yaml], needs: [app] }
   |                                                           --- `web` needs `app`
   |
   = help: remove one: services wait for what they need by themselves, `needs` only orders deployment

error: the components need each other in a circle: me → me
  --> e2e.yaml:30:58
   |
30 |   - { name: me, manifests: [manifests/app.yaml], needs: [me] }
   |                                                          ^^ `me` needs `me`
   |
   = help: remove one: services wait for what they need by themselves, `needs` only orders deployment
"#]]
    );
}

#[test]
fn semantic_problems_are_reported_together() {
    let text = with("needs: [db]", "needs: [bd]")
        .replace("30081", "8080")
        .replace("namespace: shop", "namespace: Shop")
        .replace("manifests/db]", "manifests/bd]")
        .replace("port: http", "port: htp");
    assert_data_eq!(
        message(text),
        str![[r#"
error: `Shop` is not a DNS label
 --> e2e.yaml:4:12
  |
4 | namespace: Shop
  |            ^^^^
  |
  = help: write a DNS label: lower-case letters, digits and `-`, not at either end

error: `manifests/bd` does not exist
  --> e2e.yaml:14:17
   |
14 |     manifests: [manifests/bd]
   |                 ^^^^^^^^^^^^
   |
   = help: paths are relative to the folder of e2e.yaml

error: `app` needs `bd`, which is no component
  --> e2e.yaml:22:13
   |
22 |     needs: [bd]
   |             ^^
   |
   = help: did you mean `db`?

error: `8080` is not a node port
  --> e2e.yaml:24:29
   |
24 |       - { name: http, node: 8080, host: 8091 }
   |                             ^^^^
   |
   = help: node ports are 30000 to 32767, as in the Service's `nodePort`

error: there is no port `htp` here
  --> e2e.yaml:27:17
   |
27 |       - { port: htp, path: /ready }
   |                 ^^^
   |
   = help: did you mean `http`?
"#]]
    );
}

#[test]
fn values_that_are_taken_point_at_both() {
    let text = with("node: 30082", "node: 30081");
    assert_data_eq!(
        message(text),
        str![[r#"
error: the node port `30081` is taken
  --> e2e.yaml:25:32
   |
24 |       - { name: http, node: 30081, host: 8091 }
   |                             ----- first here
25 |       - { name: metrics, node: 30081, host: auto }
   |                                ^^^^^
   |
   = help: a cluster has each node port once
"#]]
    );
}

#[test]
fn a_mistyped_overlay_is_one_problem() {
    assert_data_eq!(
        message(with_overlays("overlay: staging\n")),
        str![[r#"
error: no component has an overlay `staging`
  --> e2e.yaml:28:10
   |
28 | overlay: staging
   |          ^^^^^^^
   |
   = help: the overlays are `dev`, `prod`
"#]]
    );
}

#[test]
fn rules_of_readiness_are_checked() {
    let text = with(
        "deadline: 90s",
        "deadline: 90s
ready:
  grace: { FailedMonut: 5s, OOMKilled: 0, CrashLoopBackOff: 10s, Deleted: soon }
  kinds:
    - { apiVersion: a.io/v1, kind: Widget }
    - { apiVersion: a.io/v2, kind: Widget, ready: { path: '.status.', value: yes } }",
    );
    let text = message(text);
    for part in ["unknown key `FailedMonut`", "did you mean `FailedMount`?", "expected", "\"soon\" is not a duration"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = message(with(
        "deadline: 90s",
        "deadline: 90s
ready:
  grace: { OOMKilled: 0 }
  kinds:
    - { apiVersion: a.io/v1, kind: Widget }
    - { apiVersion: a.io/v2, kind: Widget, ready: { path: '.status.', value: yes } }",
    ));
    for part in [
        "`OOMKilled` is a number of times, and at least 1",
        "the rule for `Widget` says neither when it is ready nor when it has failed",
        "this is no path to a field",
        "the rule for `Widget.a.io` is taken",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
