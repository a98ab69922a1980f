//! Suites with mistakes that show only when something runs: each has its sentence and its exit code, and leaves nothing.

use std::path::Path;

use rstest::rstest;

use super::Example;

const CONFIG_MAP: &str = "[{ inline: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}' }]";

const CHART: (&str, &str) = ("c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n");

/// A hook whose pod never starts.
const HOOK: &str = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: hooked, annotations: {helm.sh/hook: WHEN}}\nspec: {template: {spec: \
                    {restartPolicy: Never, containers: [{name: a, image: 'localhost/nothing:1', imagePullPolicy: Never}]}}}\n";

/// The folder of a suite with one component, of which this is the rest.
fn folder(rest: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    let suite = format!("suite: bad\nnamespace: bad\ndeadline: 15s\ncomponents:\n  - name: app\n{rest}\n");
    write("e2e.yaml", &suite);
    files.iter().for_each(|(path, text)| write(path, text));
    folder
}

fn up(folder: &Path) -> (i32, String) {
    let example = Example::new(folder.to_owned(), &[]);
    let (code, out, err) = example.run_to_code(&["up"]);
    let (_, left, _) = example.run_to_code(&["ps", "-o", "json"]);
    assert!(!left.contains(&Example::name()), "{left}");
    (code, format!("{out}{err}"))
}

#[rstest]
#[case::a_step_of_a_dockerfile_fails(
    &format!("    manifests: {CONFIG_MAP}\n    images: [{{ name: app, build: {{ context: . }} }}]"),
    &[("Dockerfile", "FROM scratch\nCOPY e2e.yaml /\nRUN [\"/nothing\"]\n")],
    4,
    &["e2e.yaml:7: building app failed at", "/Dockerfile:3", "RUN", "/nothing"]
)]
#[case::a_command_makes_another_image(
    &format!("    manifests: {CONFIG_MAP}\n    images: [{{ name: localhost/not-made:1, command: ['true'] }}]"),
    &[],
    4,
    &["e2e.yaml:7: `true` ended without an error, and left no image localhost/not-made:1", "does it give it another name?"]
)]
#[case::a_command_fails(
    &format!("    manifests: {CONFIG_MAP}\n    images: [{{ name: app, command: [sh, -c, 'echo the disk is full >&2; exit 3'] }}]"),
    &[],
    4,
    &["e2e.yaml:7: the command that makes app failed", "exit status: 3", "the disk is full"]
)]
#[case::an_image_for_another_architecture(
    &format!(
        "    manifests: {CONFIG_MAP}\n    images: [{{ name: localhost/other:1, command: [sh, -c, \
         '$ENGINE build --platform linux/s390x -t $IMAGE -f Dockerfile .'] }}]"
    ),
    &[("Dockerfile", "FROM scratch\nCOPY e2e.yaml /\n")],
    4,
    &["localhost/other:1 is for s390x, and the nodes run on"]
)]
#[case::a_remote_resource_without_a_network(
    "    manifests: [{ kustomize: k }]",
    &[("k/kustomization.yaml", "resources: ['https://nowhere.invalid/all.yaml']\n")],
    13,
    &["component app: kustomize k cannot be rendered", "nowhere.invalid"]
)]
#[case::a_value_of_a_chart_is_missing(
    "    helm: { chart: c }",
    &[CHART, ("c/templates/t.yaml", "kind: {{ required \"a kind is needed\" .Values.kind }}\n")],
    13,
    &["e2e.yaml:6: component app: helm c cannot be rendered", "a kind is needed", "c/templates/t.yaml:1"]
)]
#[case::a_variable_is_not_set(
    "    manifests: [{ inline: '{{ env.NEVER_SET_BY_ANYBODY }}' }]",
    &[],
    13,
    &["e2e.yaml:6: component app: manifests[0]", "the environment variable NEVER_SET_BY_ANYBODY is not set"]
)]
#[case::an_address_that_is_gone(
    "    manifests: [{ url: 'http://127.0.0.1:1/all.yaml' }]",
    &[],
    13,
    &["e2e.yaml:6: component app: http://127.0.0.1:1/all.yaml cannot be rendered", "connect"]
)]
#[case::a_program_that_prints_no_objects(
    "    manifests: [{ command: [echo, 'kind: {'] }]",
    &[],
    2,
    &["echo kind: {"]
)]
fn a_mistake_is_told_before_anything_is_deployed(
    #[case] rest: &str,
    #[case] files: &[(&str, &str)],
    #[case] code: i32,
    #[case] parts: &[&str],
) {
    let folder = folder(rest, files);
    let (ended, said) = up(folder.path());
    assert_eq!(ended, code, "{said}");
    parts.iter().for_each(|part| assert!(said.contains(part), "{part}: {said}"));
}

#[rstest]
#[case::a_command_after_it_fails(
    &format!("    manifests: {CONFIG_MAP}\n    after: [{{ command: [sh, -c, 'echo no seed; exit 4'] }}]"),
    6,
    &["app: a command of it failed", "exit status: 4", "no seed"]
)]
#[case::a_job_before_it_hangs(
    &format!("    manifests: {CONFIG_MAP}\n    before: [{{ job: job.yaml }}]"),
    6,
    &["app: job job.yaml did not end well", "job/endless"]
)]
#[case::a_hook_before_it_hangs("    helm: { chart: hangs }", 6, &["app: hook pre-install (0) did not end well", "job/hooked"])]
#[case::a_hook_after_it_fails("    helm: { chart: fails }", 6, &["app: hook post-install (0) did not end well", "job/hooked"])]
fn a_task_that_fails_ends_the_run(#[case] rest: &str, #[case] code: i32, #[case] parts: &[&str]) {
    let hook = |when: &str, limit: &str| HOOK.replace("WHEN", when).replace("{template", &format!("{{{limit}template"));
    let (hangs, fails) = (hook("pre-install", "suspend: true, "), hook("post-install", "activeDeadlineSeconds: 2, "));
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: endless}\nspec: {suspend: true, template: {spec: \
               {restartPolicy: Never, containers: [{name: a, image: nothing}]}}}\n";
    let files = [
        ("job.yaml", job),
        ("hangs/Chart.yaml", CHART.1),
        ("hangs/templates/t.yaml", &hangs),
        ("fails/Chart.yaml", CHART.1),
        ("fails/templates/t.yaml", &fails),
    ];
    let folder = folder(rest, &files);
    let (ended, said) = up(folder.path());
    assert_eq!(ended, code, "{said}");
    parts.iter().for_each(|part| assert!(said.contains(part), "{part}: {said}"));
}
