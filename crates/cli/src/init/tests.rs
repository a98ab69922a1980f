//! Suites of typical projects.

mod existing_files;
mod kustomizations;
mod shop;

use snapbox::{assert_data_eq, str};

use super::*;
use shop::*;

#[tokio::test]
async fn an_operator_has_its_kustomization_image_test_and_recipes() {
    let manager = deployment("manager", "controller:latest");
    let shop = Shop::of(&[
        ("Cargo.toml", &package("operator")),
        ("src/main.rs", "fn main() {}"),
        ("Dockerfile", "FROM scratch\nCOPY src /src\n"),
        ("config/default/kustomization.yaml", "namespace: operator-system\nresources: [../crd, ../manager]\n"),
        ("config/crd/kustomization.yaml", &kustomization("crd.yaml")),
        ("config/crd/crd.yaml", &config_map("crd")),
        (
            "config/manager/kustomization.yml",
            "resources: [manager.yaml]\nimages: [{ name: controller, newName: shop/operator, newTag: v1 }]\n",
        ),
        ("config/manager/manager.yaml", &manager),
        ("config/samples/kustomization.yaml", &kustomization("sample.yaml")),
        ("config/samples/sample.yaml", &config_map("sample")),
    ]);
    let report = shop.make().await;
    assert_data_eq!(
        told(&report),
        str![[r#"
operator: kustomization config/default, because it is the entry point of the kustomizations in config
operator: image shop/operator:v1, build: { context: ., dockerfile: Dockerfile }, because Dockerfile matches its name
wrote kind-config.yaml
wrote tests/e2e.rs
wrote justfile: recipes e2e, e2e-parallel, e2e-sequential, up, down
wrote e2e.yaml
"#]]
    );
    assert_data_eq!(
        shop.read("e2e.yaml"),
        str![[r#"
# Made by `kind-harness init`. `kind-harness plan` checks this file after a change.
suite: operator   # the package's name; names of clusters begin with it
cluster:
  config: kind-config.yaml   # nodes, networking: kind's own configuration
namespace: operator-system   # set by kustomization config/default; created if it does not exist

# `needs: [NAME]` in a component says that it connects to another one: a failure is then reported at its cause.
components:
  # kustomization config/default: it is the entry point of the kustomizations in config
  - name: operator
    images:
      - name: shop/operator:v1   # Dockerfile matches its name
        build: { context: ., dockerfile: Dockerfile }
    manifests: [config/default]

"#]]
    );
    assert_data_eq!(
        shop.read("tests/e2e.rs"),
        str![[r#"
//! Tests in the environment of e2e.yaml. All components are ready before the first one begins.

use kind_harness::{Environment, TestNamespace};

// Replace the check: create objects that the components work on, and wait for the result.
#[kind_harness::test(timeout = "30s")]
async fn the_cluster_answers(environment: &Environment, namespace: &TestNamespace) {
    let version = environment.client().apiserver_version().await;
    assert!(version.is_ok(), "{version:?}, asked for {}", namespace.name);
}

"#]]
    );
    assert_data_eq!(
        shop.read("justfile"),
        str![[r#"
# >>> kind-harness init

# Run the E2E tests
e2e *args:
    cargo test --test e2e {{args}}

# Run them, components deployed all at once
e2e-parallel *args:
    KIND_HARNESS_STRATEGY=parallel cargo test --test e2e {{args}}

# Run them, components deployed one by one: the baseline
e2e-sequential *args:
    KIND_HARNESS_STRATEGY=sequential cargo test --test e2e {{args}}

# Bring the environment up, to work with it
up *args:
    kind-harness up {{args}}

# Take it down
down *args:
    kind-harness down {{args}}

# <<< kind-harness init

"#]]
    );
    let at = shop.root().display().to_string();
    let crates = "--dev kind-harness k8s-openapi@0.29 --features k8s-openapi/latest";
    let next =
        [format!("cargo add --manifest-path {at}/Cargo.toml {crates}"), format!("kind-harness plan -f {at}/e2e.yaml")];
    assert_eq!(report.next, next);
    load(&shop);
}

#[tokio::test]
async fn the_first_test_asks_for_a_port_where_there_is_one() {
    let shop = Shop::of(&[
        ("Cargo.toml", &format!("{}[dev-dependencies]\nkind-harness = \"0.1\"\n", package("api"))),
        ("src/lib.rs", ""),
        ("k8s/1-api/service.yaml", &SERVICE.replace("NAME", "api")),
    ]);
    let report = shop.make().await;
    assert_eq!(report.next.len(), 1, "it depends on kind-harness already: {:?}", report.next);
    assert_data_eq!(
        shop.read("tests/e2e.rs"),
        str![[r#"
//! Tests in the environment of e2e.yaml. All components are ready before the first one begins.

use kind_harness::{Environment, TestNamespace};

// Replace the check by a request to the component, such as by HTTP.
#[kind_harness::test(timeout = "30s")]
async fn api_takes_connections(environment: &Environment, namespace: &TestNamespace) {
    let address = environment.endpoint("1-api", "http").expect("e2e.yaml maps this port");
    assert!(std::net::TcpStream::connect(address).is_ok(), "{address}, asked for {}", namespace.name);
}

"#]]
    );
}

#[tokio::test]
async fn each_chart_is_a_component_and_libraries_and_parts_are_none() {
    let shop = Shop::of(&[
        ("charts/api/Chart.yaml", "name: api\ndependencies: [{ name: cache, repository: 'file://../cache' }]\n"),
        ("charts/api/values-dev.yaml", "replicas: 1\n"),
        ("charts/api/templates/manifests/api.yaml", &config_map("api")),
        ("charts/cache/Chart.yaml", "name: cache\n"),
        ("charts/common/Chart.yaml", "name: common\ntype: library\n"),
        ("charts/postgresql/Chart.yaml", "name: database\n"),
        ("api/Dockerfile", "FROM scratch\n"),
        // The same in another form.
        ("deploy/api/api.yaml", &config_map("api")),
    ]);
    let report = shop.make().await;
    assert_data_eq!(
        told(&report),
        str![[r#"
api: chart charts/api, because it has a Chart.yaml
chart charts/cache: left out, because another chart depends on it
chart charts/common: left out, because it is a library
database: chart charts/postgresql, because it has a Chart.yaml
manifests deploy/api: left out, because the component api is chart charts/api already
api/Dockerfile: not used, because no manifest has an image of its name; add it under `images` of the component that runs it
wrote kind-config.yaml
wrote justfile: recipes up, down
wrote e2e.yaml
"#]]
    );
    assert_data_eq!(
        shop.read("e2e.yaml"),
        str![[r#"
# Made by `kind-harness init`. `kind-harness plan` checks this file after a change.
suite: shop   # the folder's name; names of clusters begin with it
cluster:
  config: kind-config.yaml   # nodes, networking: kind's own configuration
namespace: shop   # the suite's name; created if it does not exist

# `needs: [NAME]` in a component says that it connects to another one: a failure is then reported at its cause.
components:
  # chart charts/api: it has a Chart.yaml
  - name: api
    # images: [{ name: REFERENCE, build: { context: api, dockerfile: Dockerfile } }]   (api/Dockerfile matches its name; write the reference as the chart does)
    helm: { chart: charts/api, values: [charts/api/values-dev.yaml] }

  # chart charts/postgresql: it has a Chart.yaml
  - name: database
    helm: { chart: charts/postgresql }

"#]]
    );
    load(&shop);
}

#[tokio::test]
async fn plain_manifests_make_a_suite_that_loads() {
    let api = format!("{}{}", deployment("api", "registry:5000/shop/api:v1"), SERVICE.replace("NAME", "api"));
    let shop = Shop::of(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"api\"]\nresolver = \"3\"\n"),
        ("api/Cargo.toml", "[package]\nname = \"api\"\nversion = \"0.1.0\"\n"),
        ("api/src/main.rs", "fn main() {}"),
        ("manifests/api/api.yaml", &api),
        ("manifests/database/database.yml", &config_map("database")),
        ("manifests/database/values.yaml", "replicas: 1\n"),
        // A second time, and a template.
        ("deploy/all.yaml", &config_map("database")),
        ("deploy/template.yaml", "apiVersion: v1\nkind: {{ kind }\n"),
    ]);
    let report = shop.make().await;
    assert_data_eq!(
        told(&report),
        str![[r#"
manifests/database/database.yml: left out, because another component has the same ConfigMap database
shop: manifests deploy/all.yaml, because deploy also has files that are no manifests, or belong to other components
api: manifests manifests/api, because it has only manifests
api: image registry:5000/shop/api:v1, cargo: api, because the cargo package api has the binary api
api: port http, because a Service has the node port 30080
api: port api, because a Service has the node port 30082
wrote kind-config.yaml
wrote justfile: recipes up, down
wrote e2e.yaml
"#]]
    );
    assert_data_eq!(
        shop.read("e2e.yaml"),
        str![[r#"
# Made by `kind-harness init`. `kind-harness plan` checks this file after a change.
suite: shop   # the folder's name; names of clusters begin with it
cluster:
  config: kind-config.yaml   # nodes, networking: kind's own configuration
namespace: shop   # the suite's name; created if it does not exist

# `needs: [NAME]` in a component says that it connects to another one: a failure is then reported at its cause.
components:
  # manifests deploy/all.yaml: deploy also has files that are no manifests, or belong to other components
  - name: shop
    manifests:
      - deploy/all.yaml

  # manifests manifests/api: it has only manifests
  - name: api
    images:
      - name: registry:5000/shop/api:v1   # the cargo package api has the binary api
        cargo: api
    manifests:
      - manifests/api
    ports:   # tests ask for them by name; the port on the host is any free one
      - { name: http, node: 30080 }
      - { name: api, node: 30082 }

"#]]
    );
    let plan = load(&shop);
    let api = plan.component("api").unwrap();
    assert_eq!((api.images[0].cargo.as_ref().map(|it| it.package.as_str()), api.ports[0].node), (Some("api"), 30080));
    assert_eq!(plan.suite().cluster.config.as_deref(), Some("kind-config.yaml"));
}

#[tokio::test]
async fn names_that_yaml_would_read_as_something_else_are_quoted() {
    let shop = Shop::of(&[("deploy/on/a.yaml", &config_map("a")), ("deploy/12 #b/b.yaml", &config_map("b"))]);
    let suite = shop.suite().await;
    assert!(suite.contains("name: \"on\"\n") && suite.contains("name: \"12--b\"\n"), "{suite}");
    assert!(suite.contains("- \"deploy/12 #b\"\n"), "{suite}");
    load(&shop);
}

#[test]
fn the_guide_takes_the_same_version_of_k8s_openapi() {
    let guide = include_str!("../../../../docs/guide.md");
    assert!(guide.contains(&format!("k8s-openapi = {{ version = \"{K8S_OPENAPI}\"")));
}
