//! The reference stack's overlays: what dev and prod promise, and that kubectl makes the same of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up may panic")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use kind_harness::host::folders::Folders;
use kind_harness::host::setup::consent_of_environment;
use kind_harness::report::Events;
use kind_harness::sources;
use kind_harness::suite::config::{self, Overrides};
use kind_harness::suite::manifests::{self, Manifest};
use kind_harness::suite::plan::Plan;
use rstest::rstest;
use serde_json::{Value, json};

const WORKLOADS: [&str; 5] = ["postgresql", "redis", "data-storage", "holmesgpt-api", "aianalysis"];

fn plan(overlay: &str) -> Plan {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("e2e.yaml");
    let overrides = Overrides { overlay: Some(overlay.into()), ..Overrides::default() };
    Plan::new(config::load(&path, &overrides).unwrap_or_else(|error| panic!("{error}"))).unwrap()
}

/// The objects of an overlay of all components, as JSON by `kind/name`.
fn objects(overlay: &str) -> BTreeMap<String, Value> {
    let all = rendered(plan(overlay)).manifests().unwrap_or_else(|error| panic!("{error}"));
    all.iter().flatten().map(named).collect()
}

/// The plan, with its kustomizations rendered.
fn rendered(plan: Plan) -> Plan {
    let (folders, events) = (Folders::of_user().unwrap(), Events::discard());
    let rendering = sources::render(&plan, &folders, consent_of_environment, &events);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rendered = runtime.block_on(rendering).unwrap_or_else(|error| panic!("{error}"));
    plan.with_rendered(rendered)
}

fn named(manifest: &Manifest) -> (String, Value) {
    let object = serde_json::to_value(&manifest.object).unwrap();
    (name(&object), object)
}

fn name(object: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{}/{}", word(&object["kind"]), word(&object["metadata"]["name"]))
}

fn workload<'a>(objects: &'a BTreeMap<String, Value>, name: &str) -> &'a Value {
    let kinds = ["Deployment", "StatefulSet"];
    kinds.iter().find_map(|kind| objects.get(&format!("{kind}/{name}"))).unwrap_or_else(|| panic!("no {name}"))
}

fn container<'a>(objects: &'a BTreeMap<String, Value>, name: &str) -> &'a Value {
    &workload(objects, name)["spec"]["template"]["spec"]["containers"][0]
}

#[rstest]
fn every_pod_is_confined_and_says_what_it_needs(#[values("dev", "prod")] overlay: &str) {
    let objects = objects(overlay);
    for component in WORKLOADS {
        let pod = &workload(&objects, component)["spec"]["template"]["spec"];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{component}");
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{component}");
        assert_eq!(pod["serviceAccountName"], component);
        // Only the controller asks the API server.
        let token = pod["automountServiceAccountToken"] != false;
        assert_eq!(token, component == "aianalysis", "{component}");
        for container in pod["containers"].as_array().unwrap() {
            let security = &container["securityContext"];
            assert_eq!(security["readOnlyRootFilesystem"], true, "{component}");
            assert_eq!(security["allowPrivilegeEscalation"], false, "{component}");
            assert_eq!(security["capabilities"]["drop"], json!(["ALL"]), "{component}");
            for needed in ["/requests/cpu", "/requests/memory", "/limits/memory"] {
                assert!(container["resources"].pointer(needed).is_some(), "{component}: {needed}");
            }
            for mount in container["volumeMounts"].as_array().into_iter().flatten() {
                let is_it =
                    |volume: &&Value| volume["name"] == mount["name"] || volume["metadata"]["name"] == mount["name"];
                let claims = &workload(&objects, component)["spec"]["volumeClaimTemplates"];
                let volumes = [&pod["volumes"], claims].into_iter().filter_map(Value::as_array).flatten();
                assert_eq!(volumes.filter(is_it).count(), 1, "{component}: {mount}");
            }
        }
    }
}

#[rstest]
fn tests_reach_the_ports_of_the_suite(#[values("dev", "prod")] overlay: &str) {
    let objects = objects(overlay);
    let services = objects.values().filter(|object| object["kind"] == "Service");
    let open: Vec<u64> = services
        .flat_map(|service| service["spec"]["ports"].as_array().unwrap())
        .filter_map(|port| port["nodePort"].as_u64())
        .collect();
    let plan = plan(overlay);
    let asked: Vec<u64> = plan.components().flat_map(|c| &c.ports).map(|port| u64::from(port.node)).collect();
    assert!(!asked.is_empty() && asked.iter().all(|port| open.contains(port)), "{asked:?} are not all of {open:?}");
}

#[test]
fn dev_keeps_nothing_and_prod_keeps_what_matters() {
    let (dev, prod) = (objects("dev"), objects("prod"));
    for component in ["postgresql", "redis"] {
        let (dev, prod) = (&workload(&dev, component)["spec"], &workload(&prod, component)["spec"]);
        assert!(dev["volumeClaimTemplates"].is_null() && prod["volumeClaimTemplates"][0]["spec"].is_object());
        let volumes = dev["template"]["spec"]["volumes"].as_array().unwrap();
        assert!(volumes.contains(&json!({"name": "data", "emptyDir": {}})), "{volumes:?}");
    }
    assert!(dev.contains_key("Secret/postgresql-secret"));
    assert!(!prod.keys().any(|name| name.starts_with("Secret/")), "passwords of prod are in no repository");
    let env = |objects, name| container(objects, name)["env"].clone();
    assert!(env(&dev, "postgresql").to_string().contains("--no-sync"));
    assert!(!env(&prod, "postgresql").to_string().contains("--no-sync"));
    assert_eq!(env(&dev, "redis"), json!([{"name": "TCP_KEEPALIVE", "value": "300"}]));
    assert_eq!(env(&prod, "redis"), json!([{"name": "TCP_KEEPALIVE", "value": "60"}]));
}

/// What DataStorage promises of events that wait there.
#[rstest]
fn redis_has_on_the_disk_what_it_acknowledges(#[values("dev", "prod")] overlay: &str) {
    let objects = objects(overlay);
    let arguments = container(&objects, "redis")["args"].as_array().unwrap();
    for pair in [["--appendonly", "yes"], ["--appendfsync", "always"], ["--dir", "/data"]] {
        assert!(arguments.windows(2).any(|two| *two == pair), "{pair:?} {arguments:?}");
    }
    let mounts = container(&objects, "redis")["volumeMounts"].as_array().unwrap();
    assert!(mounts.contains(&json!({"name": "data", "mountPath": "/data"})), "{mounts:?}");
}

#[test]
fn the_services_are_not_the_databases_superuser() {
    let dev = objects("dev");
    let secret = |name: &str, key: &str| dev[&format!("Secret/{name}")]["stringData"][key].as_str().unwrap().to_owned();
    let [superuser, service] = ["POSTGRES_USER", "SERVICE_USER"].map(|key| secret("postgresql-secret", key));
    let [strong, weak] = ["POSTGRES_PASSWORD", "SERVICE_PASSWORD"].map(|key| secret("postgresql-secret", key));
    assert!(superuser != service && strong != weak);
    for component in ["data-storage", "holmesgpt-api"] {
        let config = dev[&format!("ConfigMap/{component}-config")]["data"]["config.yaml"].as_str().unwrap();
        let config: Value = serde_saphyr::from_str(config).unwrap();
        assert_eq!(config["database"]["user"], service, "{component}");
        assert_eq!(secret(&format!("{component}-secret"), "db-password"), weak, "{component}");
    }
}

#[test]
fn prod_is_larger_and_survives_the_loss_of_a_node() {
    let prod = objects("prod");
    assert_eq!(container(&prod, "postgresql")["resources"]["limits"], json!({"cpu": "4", "memory": "6Gi"}));
    assert_eq!(container(&prod, "redis")["resources"]["limits"], json!({"cpu": "2", "memory": "2Gi"}));
    for component in ["data-storage", "holmesgpt-api"] {
        let spec = &workload(&prod, component)["spec"];
        assert!(spec["replicas"].as_u64() >= Some(2), "{component}");
        assert_eq!(spec["strategy"]["rollingUpdate"], json!({"maxUnavailable": 0, "maxSurge": 1}), "{component}");
        assert!(prod.contains_key(&format!("PodDisruptionBudget/{component}")), "{component}");
    }
    let controller = &workload(&prod, "aianalysis")["spec"];
    assert_eq!((&controller["replicas"], &controller["strategy"]["type"]), (&json!(1), &json!("Recreate")));
}

/// Everything is denied but what a policy names; and what it names is there.
#[test]
fn network_policies_of_prod_select_pods_and_ports_that_exist() {
    let prod = objects("prod");
    let label = |selector: &Value| selector["matchLabels"]["app.kubernetes.io/name"].as_str().map(str::to_owned);
    let port_of = |component: &str, port: &Value| {
        let ports = container(&prod, component)["ports"].as_array().unwrap();
        assert!(ports.iter().any(|there| there["name"] == *port), "{component} has no port {port}");
    };
    for component in WORKLOADS {
        let spec = &prod[&format!("NetworkPolicy/{component}")]["spec"];
        assert_eq!(label(&spec["podSelector"]).as_deref(), Some(component));
        assert_eq!(spec["policyTypes"], json!(["Ingress", "Egress"]), "{component}");
        for rule in spec["ingress"].as_array().unwrap() {
            rule["ports"].as_array().unwrap().iter().for_each(|port| port_of(component, &port["port"]));
        }
        let egress = spec["egress"].as_array().unwrap();
        let called: Vec<String> = egress
            .iter()
            .flat_map(|rule| rule["to"].as_array().into_iter().flatten().map(move |peer| (rule, peer)))
            .filter_map(|(rule, peer)| label(&peer["podSelector"]).map(|name| (rule, name)))
            .inspect(|(rule, name)| port_of(name, &rule["ports"][0]["port"]))
            .map(|(_, name)| name)
            .collect();
        let needs = plan("prod").component(component).unwrap().needed().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(called, needs, "{component} calls what it needs");
    }
}

/// The objects that `kubectl kustomize` makes; none where there is no kubectl.
fn by_kubectl(folder: &str) -> Option<BTreeMap<String, Value>> {
    let made = duct::cmd!("kubectl", "kustomize", folder).dir(env!("CARGO_MANIFEST_DIR")).unchecked();
    let made = made.stdout_capture().stderr_capture().run().ok()?;
    assert!(made.status.success(), "{folder}: {}", String::from_utf8_lossy(&made.stderr));
    let text = tempfile::tempdir().unwrap();
    std::fs::write(text.path().join("all.yaml"), made.stdout).unwrap();
    let objects = manifests::load(text.path(), &["all.yaml".to_owned()]).unwrap_or_else(|error| panic!("{error}"));
    Some(objects.iter().map(named).collect())
}

#[rstest]
fn kubectl_makes_the_same_objects(#[values("dev", "prod")] overlay: &str) {
    let mut all = BTreeMap::new();
    for component in WORKLOADS {
        match by_kubectl(&format!("manifests/{component}/overlays/{overlay}")) {
            Some(objects) => all.extend(objects),
            None => return,
        }
    }
    assert_eq!(objects(overlay), all);
}
