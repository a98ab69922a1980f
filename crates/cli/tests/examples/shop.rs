//! examples/shop: a chart, a kustomization, a Dockerfile, a migration and a command.

use std::collections::BTreeMap;
use std::path::Path;

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::api::{Api, ListParams};
use serde_json::Value;

use super::{Example, block_on, examples, get};

const TOKEN: &str = "open-sesame-123";

/// The uids of the pods that run, by their app.
fn pods(example: &Example, up: &Value) -> BTreeMap<String, String> {
    let pods: Api<Pod> = Api::namespaced(example.client(up), "shop");
    let listed = block_on(pods.list(&ListParams::default().labels("app"))).expect("pods");
    let listed = listed.items.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    listed.filter_map(|pod| Some((pod.metadata.labels?.remove("app")?, pod.metadata.uid?))).collect()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

#[test]
fn a_suite_from_everywhere_comes_up_and_follows_its_files() {
    let folder = tempfile::tempdir().expect("a folder");
    copy(&examples().join("shop"), folder.path());
    let example = Example::new(folder.path().to_owned(), &[("SHOP_STORE_TOKEN", TOKEN)]);
    let up = example.up();
    // The migration ran before the API, the command after it, and the generator's file is there.
    assert_eq!(get(&up, "api", "http", "/schema"), "7");
    assert_eq!(get(&up, "api", "http", "/orders"), "two teas");
    assert_eq!(get(&up, "api", "http", "/greeting"), "welcome");
    assert_eq!(get(&up, "api", "http", "/menu"), "soup, bread, tea");
    let secrets: Api<Secret> = Api::namespaced(example.client(&up), "shop");
    let secret = block_on(secrets.get("store-token")).expect("the chart's secret");
    assert_eq!(secret.data.expect("data")["token"].0, TOKEN.as_bytes());

    // A chart hears what the cluster says.
    let settings: Api<ConfigMap> = Api::namespaced(example.client(&up), "shop");
    let settings = block_on(settings.get("settings")).expect("the dependency's settings").data.expect("data");
    let version = block_on(example.client(&up).apiserver_version()).expect("a version").git_version;
    assert_eq!([&settings["kubernetes"], &settings["jobs"], &settings["dns"]], [&version, "true", "kube-dns"]);

    let again = example.up();
    assert_eq!(again["unchanged"], true);

    // A file of one image: only what uses it is deployed again.
    let before = pods(&example, &up);
    std::fs::write(folder.path().join("api/menu.txt"), "cake\n").expect("a file");
    let changed = example.up();
    assert_eq!(changed["unchanged"], false);
    assert_eq!(get(&changed, "api", "http", "/menu"), "cake");
    let after = pods(&example, &changed);
    assert_eq!(before["store"], after["store"]);
    assert_ne!(before["api"], after["api"]);

    // What is left out of the context changes nothing.
    std::fs::write(folder.path().join("api/README.md"), "New words.\n").expect("a file");
    assert_eq!(example.up()["unchanged"], true);

    let (success, out, _) = example.run(&["render", "store"]);
    assert!(success && out.contains("kind: Deployment") && !out.contains(TOKEN), "{out}");
}
