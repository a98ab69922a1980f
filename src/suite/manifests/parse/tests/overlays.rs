//! Overlays: the folder that is read, supported fields of a kustomization, and merging of patches.

use super::*;

pub(super) const KUSTOMIZATION: &str = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n";

pub(super) const BASE: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app
  namespace: shop
  labels: { tier: web, team: a }
spec:
  replicas: 1
  template:
    spec:
      tolerations: [{ key: a }]
      containers:
        - name: app
          image: app:1
          args: [--slow, --safe]
          env:
            - { name: A, value: '1' }
            - { name: B, value: '2' }
          ports:
            - { name: http, containerPort: 80 }
            - { name: dns, containerPort: 80, protocol: UDP }
          volumeMounts:
            - { name: data, mountPath: /data }
      volumes:
        - { name: data, emptyDir: {} }
        - { name: tmp, emptyDir: {} }
";

/// Creates a base with `base.yaml`, and an overlay `dev` with `files`.
pub(super) fn overlaid(
    base: &str,
    resources: &str,
    patches: &str,
    files: &[(&str, &str)],
) -> Result<Vec<Manifest>, ManifestError> {
    let bottom = format!("{KUSTOMIZATION}resources: [base.yaml]\n");
    let top = format!("{KUSTOMIZATION}resources: [{resources}]\npatches: [{patches}]\n");
    let files = files.iter().map(|(name, text)| (format!("m/overlays/dev/{name}"), (*text).to_owned()));
    let all: Vec<(String, String)> = files
        .chain([
            ("m/base/kustomization.yaml".into(), bottom),
            ("m/base/base.yaml".into(), base.into()),
            ("m/overlays/dev/kustomization.yaml".into(), top),
        ])
        .collect();
    read(&all.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>())
}

/// Returns [`BASE`] with this patch merged into it, which may have labels too.
pub(super) fn patched(labels: &str, spec: &str) -> Result<DynamicObject, ManifestError> {
    let names = "apiVersion: apps/v1\nkind: Deployment\n";
    let patch = format!("{names}metadata: {{ name: app, namespace: shop, labels: {labels} }}\nspec: {spec}\n");
    let manifests = overlaid(BASE, "../../base", "{ path: patch.yaml }", &[("patch.yaml", &patch)]);
    manifests.map(|mut manifests| manifests.remove(0).object)
}

/// Returns the location and message of each problem.
pub(super) fn wrong<T: std::fmt::Debug>(result: Result<T, ManifestError>) -> Vec<String> {
    let error = result.unwrap_err();
    let text = |problem: &Diagnostic| {
        let place = problem.position.map(|position| format!(":{position}")).unwrap_or_default();
        format!("{}{place} {}", problem.file.display(), problem.message)
    };
    error.diagnostics().iter().map(text).collect()
}

#[rstest]
#[case::scalar("{ replicas: 3 }", "/replicas", json!(3))]
#[case::added("{ paused: true }", "/paused", json!(true))]
#[case::deleted("{ replicas: null }", "/replicas", json!(null))]
#[case::nothing_to_delete("{ strategy: { type: Recreate, rollingUpdate: null } }", "/strategy", json!({"type": "Recreate"}))]
#[case::named("{ template: { spec: { containers: [{ name: app, image: 'app:2' }] } } }", "/template/spec/containers/0/image", json!("app:2"))]
#[case::named_rest("{ template: { spec: { containers: [{ name: app, image: 'app:2' }] } } }", "/template/spec/containers/0/args", json!(["--slow", "--safe"]))]
#[case::one_more("{ template: { spec: { containers: [{ name: proxy }] } } }", "/template/spec/containers/0", json!({"name": "proxy"}))]
#[case::words("{ template: { spec: { containers: [{ name: app, args: [--fast] }] } } }", "/template/spec/containers/0/args", json!(["--fast"]))]
#[case::env("{ template: { spec: { containers: [{ name: app, env: [{ name: C, value: '' }, { name: B, value: '3' }] }] } } }", "/template/spec/containers/0/env",
    json!([{"name": "C", "value": ""}, {"name": "B", "value": "3"}, {"name": "A", "value": "1"}]))]
#[case::ports("{ template: { spec: { containers: [{ name: app, ports: [{ containerPort: 80, protocol: UDP, hostPort: 53 }] }] } } }", "/template/spec/containers/0/ports",
    json!([{"name": "dns", "containerPort": 80, "protocol": "UDP", "hostPort": 53}, {"name": "http", "containerPort": 80}]))]
#[case::mounts("{ template: { spec: { containers: [{ name: app, volumeMounts: [{ mountPath: /data, readOnly: true }] }] } } }", "/template/spec/containers/0/volumeMounts",
    json!([{"name": "data", "mountPath": "/data", "readOnly": true}]))]
#[case::volumes("{ template: { spec: { volumes: [{ name: data, emptyDir: null, hostPath: { path: /d } }] } } }", "/template/spec/volumes",
    json!([{"name": "data", "hostPath": {"path": "/d"}}, {"name": "tmp", "emptyDir": {}}]))]
#[case::without_names("{ template: { spec: { tolerations: [{ key: b }] } } }", "/template/spec/tolerations", json!([{"key": "b"}]))]
#[case::another_type("{ template: gone }", "/template", json!("gone"))]
fn a_patch_is_merged(#[case] spec: &str, #[case] pointer: &str, #[case] expected: Value) {
    let object = patched("{}", spec).unwrap();
    let found = object.data["spec"].pointer(pointer).cloned().unwrap_or_default();
    assert_eq!(found, expected);
}

#[test]
fn labels_are_merged_and_the_rest_stays() {
    let object = patched("{ team: b, tier: null, env: prod }", "{}").unwrap();
    let labels: Vec<(String, String)> = object.metadata.labels.unwrap().into_iter().collect();
    assert_eq!(labels, [("env".into(), "prod".into()), ("team".into(), "b".into())]);
    assert_eq!(object.data["spec"]["replicas"], 1);
    assert_eq!(object.metadata.namespace.as_deref(), Some("shop"));
}

#[test]
fn lists_of_custom_resources_are_replaced() {
    let thing = |list: &str| {
        format!("apiVersion: shop.io/v1\nkind: Thing\nmetadata: {{ name: t }}\nspec: {{ containers: [{list}] }}\n")
    };
    let manifests = overlaid(
        &thing("{ name: a, x: 1 }"),
        "../../base",
        "{ path: p.yaml }",
        &[("p.yaml", &thing("{ name: a, y: 2 }"))],
    );
    assert_eq!(manifests.unwrap()[0].object.data["spec"]["containers"], json!([{"name": "a", "y": 2}]));
}

#[test]
fn an_overlay_adds_objects_and_a_file_may_patch_many() {
    let base = config_map("a") + "---\n" + &config_map("b");
    let patches = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: b }\ndata: { k: v }\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\ndata: { k: w }\n";
    let files = [("more.yaml", config_map("c")), ("patch.yaml", patches.into())];
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let manifests = overlaid(&base, "../../base, more.yaml", "{ path: patch.yaml }", &files).unwrap();
    let expected =
        ["m/base/base.yaml:1 configmap/a", "m/base/base.yaml:6 configmap/b", "m/overlays/dev/more.yaml:1 configmap/c"];
    assert_eq!(sources(&manifests), expected);
    let data: Vec<&Value> = manifests.iter().map(|manifest| &manifest.object.data["data"]["k"]).collect();
    assert_eq!(data, [&json!(null), &json!("v"), &json!("w")]);
}

#[rstest]
#[case::directive("{ template: { $patch: replace } }", "4:21 the directive `$patch` is not understood here")]
#[case::in_new_parts(
    "{ strategy: { $retainKeys: [type] } }",
    "4:21 the directive `$retainKeys` is not understood here"
)]
#[case::in_new_lists(
    "{ template: { spec: { hosts: [{ $patch: delete }] } } }",
    "4:39 the directive `$patch` is not understood here"
)]
#[case::no_name(
    "{ template: { spec: { containers: [{ image: a }] } } }",
    "4:42 an element of `containers` needs `name`, by which it is found"
)]
#[case::no_port(
    "{ template: { spec: { containers: [{ name: app, ports: [{ name: a }] }] } } }",
    "4:63 an element of `ports` needs `containerPort` or `port`, by which it is found"
)]
#[case::twice(
    "{ template: { spec: { volumes: [{ name: tmp }, { name: tmp }] } } }",
    "4:54 this element of `volumes` is patched twice"
)]
fn patches_that_cannot_be_merged(#[case] spec: &str, #[case] says: &str) {
    assert_eq!(wrong(patched("{}", spec)), [format!("m/overlays/dev/patch.yaml:{says}")]);
}

#[test]
fn metadata_that_kubernetes_does_not_know() {
    let patch =
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app\n  namespace: shop\n  lables: { a: b }\n";
    let result = overlaid(BASE, "../../base", "{ path: p.yaml }", &[("p.yaml", patch)]);
    assert_eq!(wrong(result), ["m/overlays/dev/p.yaml:6:3 unknown key `lables`"]);
}

#[rstest]
#[case::kind(
    "apps/v1",
    "StatefulSet",
    "{ name: app, namespace: shop }",
    "there is no `statefulset/app` to patch",
    "the objects are deployment/app"
)]
#[case::mistyped(
    "apps/v1",
    "Deployment",
    "{ name: ap, namespace: shop }",
    "there is no `deployment/ap` to patch",
    "did you mean `deployment/app`?"
)]
#[case::namespace(
    "apps/v1",
    "Deployment",
    "{ name: app }",
    "there is no `deployment/app` to patch",
    "it is in namespace `shop`: write that here too"
)]
#[case::version(
    "apps/v2",
    "Deployment",
    "{ name: app, namespace: shop }",
    "there is no `deployment/app` to patch",
    "it is there as `apps/v1`"
)]
fn patches_without_an_object(
    #[case] version: &str,
    #[case] kind: &str,
    #[case] metadata: &str,
    #[case] says: &str,
    #[case] help: &str,
) {
    let patch = format!("apiVersion: {version}\nkind: {kind}\nmetadata: {metadata}\n");
    let error = overlaid(BASE, "../../base", "{ path: p.yaml }", &[("p.yaml", &patch)]).unwrap_err();
    let [problem] = error.diagnostics() else { panic!("{error}") };
    assert_eq!((problem.message.as_str(), problem.help.as_deref()), (says, Some(help)));
    assert_eq!(problem.position.unwrap().to_string(), "3:19");
}

#[test]
fn the_overlay_is_the_one_that_was_chosen() {
    let files = |overlay: &str| {
        let text = format!("{KUSTOMIZATION}resources: [{overlay}.yaml]\n");
        [
            (format!("m/overlays/{overlay}/kustomization.yaml"), text),
            (format!("m/overlays/{overlay}/{overlay}.yaml"), config_map(overlay)),
        ]
    };
    let all: Vec<(String, String)> = [files("dev"), files("prod")].into_iter().flatten().collect();
    let folder = folder(&all.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
    let paths = ["m".to_owned()];
    let read = |overlay: &str| load(folder.path(), overlay, &paths);
    assert_eq!(sources(&read("dev").unwrap()), ["m/overlays/dev/dev.yaml:1 configmap/dev"]);
    assert_eq!(sources(&read("prod").unwrap()), ["m/overlays/prod/prod.yaml:1 configmap/prod"]);
    let error = read("staging").unwrap_err();
    assert_data_eq!(
        error.to_string(),
        str![[r#"
error: there is no overlay `staging` in here
--> m
 = help: the overlays are `dev`, `prod`
"#]]
    );
    let names = files_of(folder.path(), "prod");
    assert_eq!(names, ["m/overlays/prod/kustomization.yaml", "m/overlays/prod/prod.yaml"]);
}

fn files_of(root: &Path, overlay: &str) -> Vec<String> {
    files(root, overlay, "m").unwrap().iter().map(|file| file.display().to_string()).collect()
}

#[test]
fn a_folder_without_overlays_is_read_whatever_overlay_is_wanted() {
    let plain = folder(&[("m/a.yaml", &config_map("a")), ("m/overlays/b.yaml", &config_map("b"))]);
    let manifests = load(plain.path(), "anything", &["m".to_owned()]).unwrap();
    assert_eq!(manifests.len(), 2);
    let text = format!("{KUSTOMIZATION}resources: [a.yaml]\n");
    let own = folder(&[("m/a.yaml", &config_map("a")), ("m/kustomization.yaml", &text)]);
    assert_eq!(sources(&load(own.path(), "anything", &["m".to_owned()]).unwrap()), ["m/a.yaml:1 configmap/a"]);
}
