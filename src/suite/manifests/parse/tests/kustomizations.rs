use super::overlays::*;
use super::*;

#[rstest]
#[case::unknown_key("resources: []\nnamePrefix: x", ":4:1 unknown key `namePrefix`")]
#[case::inline_patch("patches: [{ patch: '{}' }]", ":3:13 unknown key `patch`")]
#[case::target("patches: [{ path: p.yaml, target: { kind: A } }]", ":3:27 unknown key `target`")]
#[case::missing("resources: [a.yaml]", ":3:13 `a.yaml` does not exist")]
#[case::remote("resources: ['https://example.com/a.yaml']", ":3:13 `https://example.com/a.yaml` does not exist")]
#[case::outside(
    "resources: [../../base/base.yaml]",
    ":3:13 the file `../../base/base.yaml` is outside of this kustomization's folder"
)]
#[case::itself("resources: [.]", ":3:13 this kustomization is in `.`, so it cannot include it")]
#[case::above("resources: [../..]", ":3:13 this kustomization is in `../..`, so it cannot include it")]
#[case::folder("resources: [../../../other]", ":3:13 the folder `../../../other` has no kustomization.yaml")]
fn kustomizations_that_are_refused(#[case] text: &str, #[case] says: &str) {
    let result = read(&[
        ("other/a.yaml", ""),
        ("m/base/base.yaml", BASE),
        ("m/overlays/dev/kustomization.yaml", &format!("{KUSTOMIZATION}{text}\n")),
    ]);
    assert_eq!(wrong(result)[0], format!("m/overlays/dev/kustomization.yaml{says}"));
}

#[test]
fn kustomizations_do_not_go_round_in_circles() {
    let kustomization = |resource: &str| format!("{KUSTOMIZATION}resources: [{resource}]\n");
    let result = read(&[
        ("m/overlays/dev/kustomization.yaml", &kustomization("../../a")),
        ("m/a/kustomization.yaml", &kustomization("../b")),
        ("m/b/kustomization.yaml", &kustomization("../a")),
    ]);
    assert_eq!(wrong(result), ["m/b/kustomization.yaml:3:13 `../a` includes this kustomization itself"]);
}

#[rstest]
#[case::empty("", " the file is empty")]
#[case::kind(
    "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Component\nresources: [a.yaml]\n",
    ":2:7 `Component` is not read here"
)]
#[case::version("apiVersion: v1\nkind: Kustomization\nresources: [a.yaml]\n", ":1:13 `v1` is not read here")]
#[case::two("apiVersion: a\n---\nkind: b\n", ":3:1 a second document begins here; a kustomization is one document")]
fn files_that_are_no_kustomization(#[case] text: &str, #[case] says: &str) {
    let result = read(&[("m/a.yaml", &config_map("a")), ("m/kustomization.yaml", text)]);
    assert_eq!(wrong(result), [format!("m/kustomization.yaml{says}")]);
}

#[test]
fn a_file_that_is_forgotten_is_told() {
    let result =
        overlaid(BASE, "../../base", "", &[("new.yaml", &config_map("a")), ("README.md", ""), (".b.yaml", "")]);
    let says = "this file is neither in `resources` nor in `patches` of m/overlays/dev/kustomization.yaml";
    assert_eq!(wrong(result), [format!("m/overlays/dev/new.yaml {says}")]);
}

#[test]
fn an_object_that_comes_by_two_ways_is_there_twice() {
    let result = overlaid(&config_map("a"), "../../base, ../../base", "", &[]);
    assert_eq!(wrong(result), ["m/base/base.yaml:4:9 `configmap/a` is there twice"]);
}
