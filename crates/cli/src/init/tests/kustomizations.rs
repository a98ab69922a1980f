//! Kustomizations, with and without overlays.

use snapbox::{assert_data_eq, str};

use super::shop::*;

#[tokio::test]
async fn overlays_are_used_by_the_folder_above_them() {
    let overlays = |name: &str| {
        [
            (format!("deploy/{name}/base/kustomization.yaml"), kustomization("object.yaml")),
            (format!("deploy/{name}/base/object.yaml"), config_map(name)),
            (format!("deploy/{name}/overlays/dev/kustomization.yaml"), kustomization("../../base")),
            (format!("deploy/{name}/overlays/ci/kustomization.yaml"), kustomization("../../base")),
        ]
    };
    let mut files = [overlays("api"), overlays("cache")].concat();
    files.retain(|(path, _)| path != "deploy/api/overlays/dev/kustomization.yaml");
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let shop = Shop::of(&files);
    assert_data_eq!(
        shop.suite().await,
        str![[r#"
suite: shop
cluster:
  config: kind-config.yaml
namespace: shop
overlay: dev
components:
  - name: api
    manifests: [deploy/api/overlays/ci]
  - name: cache
    manifests: [deploy/cache]
"#]]
    );
    load(&shop);
}

#[tokio::test]
async fn an_overlay_that_no_component_uses_is_not_named() {
    let shop = Shop::of(&[
        ("charts/api/Chart.yaml", "name: api\n"),
        ("deploy/api/overlays/dev/kustomization.yaml", &kustomization("object.yaml")),
        ("deploy/api/overlays/dev/object.yaml", &config_map("api")),
        ("deploy/cache/overlays/ci/kustomization.yaml", &kustomization("object.yaml")),
        ("deploy/cache/overlays/ci/object.yaml", &config_map("cache")),
    ]);
    assert_data_eq!(
        shop.suite().await,
        str![[r#"
suite: shop
cluster:
  config: kind-config.yaml
namespace: shop
components:
  - name: api
    helm: { chart: charts/api }
  - name: cache
    manifests: [deploy/cache/overlays/ci]
"#]]
    );
}

#[tokio::test]
async fn kustomizations_that_share_files_are_one_component() {
    let shop = Shop::of(&[
        ("deploy/base/kustomization.yaml", &kustomization("object.yaml, https://example.com/x.yaml, ../../../outside")),
        ("deploy/base/object.yaml", &config_map("object")),
        ("deploy/production/kustomization.yaml", &kustomization("../base")),
        ("deploy/test/kustomization.yaml", &kustomization("../base")),
        ("deploy/round/kustomization.yaml", &kustomization("../round")),
        ("deploy/round/unnamed.yaml", &config_map("unnamed")),
        ("deploy/part/kustomization.yaml", "kind: Component\n"),
        ("clusters/default/kustomization.yaml", &kustomization("")),
        ("clusters/large/kustomization.yaml", &kustomization("")),
    ]);
    let report = shop.make().await;
    assert_data_eq!(
        told(&report),
        str![[r#"
shop: kustomization deploy/test, because no other kustomization includes it
clusters: kustomization clusters/default, because no other kustomization includes it
large: kustomization clusters/large, because no other kustomization includes it
kustomization deploy/production: left out, because another component includes deploy/base
round: kustomization deploy/round, because no other kustomization includes it
wrote kind-config.yaml
wrote justfile: recipes up, down
wrote e2e.yaml
"#]]
    );
}

#[tokio::test]
async fn a_kustomization_or_chart_in_the_root_claims_only_what_it_names() {
    let shop = Shop::of(&[
        ("kustomization.yaml", "resources: [deploy/api.yaml]\nnamespace: own\n"),
        ("deploy/api.yaml", &config_map("api")),
        ("deploy/extra/extra.json", r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra"}}"#),
        ("Chart.yaml", "name: chart\n"),
        ("charts/part/Chart.yaml", "name: part\n"),
        (".hidden/Chart.yaml", "name: hidden\n"),
        ("build/CACHEDIR.TAG", ""),
        ("build/Chart.yaml", "name: built\n"),
    ]);
    assert_data_eq!(
        shop.suite().await,
        str![[r#"
suite: shop
cluster:
  config: kind-config.yaml
namespace: own
components:
  - name: chart
    helm: { chart: . }
  - name: shop
    manifests: [.]
  - name: extra
    manifests:
      - deploy/extra
"#]]
    );
}
