//! `cluster.cache`: what nodes pull themselves is pulled once, with the host's login, and kept for other clusters.

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kind_harness::host::folders::Folders;
use serde_json::json;

use crate::engine::{Engine, NotHere};
use crate::front::Front;
use crate::registries::{Suite, push};
use crate::registry::{LOGIN, Registry};

/// The image of the servers.
const SERVER: &str = "docker.io/library/registry:2";

/// What is kept of the registry of this test, removed when dropped.
struct Kept<'a> {
    engine: &'a Engine,
    registry: &'a str,
    /// Whether the image of the servers is the test's own.
    has_built: bool,
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        if let Ok(folders) = Folders::of_user() {
            let _ = std::fs::remove_dir_all(folders.cache.join("registries").join(self.registry));
        }
        if self.has_built {
            let _ = self.engine.ask(&["rmi", SERVER]);
        }
    }
}

/// Returns `login` as the files of engines have it.
pub(crate) fn logins(registry: &str) -> String {
    let login = BASE64_STANDARD.encode(format!("{}:{}", LOGIN.0, LOGIN.1));
    json!({"auths": {registry: {"auth": login}}}).to_string()
}

/// A pod whose image only the node pulls.
fn suite(image: &str) -> String {
    format!(
        "suite: cache\nnamespace: cache\ndeadline: 60s\nimages: registry\nprefetch: false\n\
         cluster: {{config: kind.yaml, cache: true}}\ncomponents:\n  - name: app\n    manifests:\n      - inline: |\n          \
         apiVersion: v1\n          kind: Pod\n          metadata: {{name: app}}\n          \
         spec: {{terminationGracePeriodSeconds: 0, containers: [{{name: app, image: '{image}'}}]}}\n"
    )
}

/// The registry of `front` is asked by the first of two clusters, and by the third, which is told to ask again.
pub(crate) fn kept_between_clusters(engine: &Engine, registry: &Registry, front: &Front) -> Result<()> {
    let before = engine.traces()?;
    let has_built = engine.ask(&["image", "inspect", "--format={{.Id}}", SERVER]).is_err();
    if has_built {
        let listed = engine.ask(&["images", "--format", "{{.Repository}}:{{.Tag}}"])?;
        let base = listed.lines().find(|image| image.starts_with("localhost/kind-harness/base:"));
        let base = base.ok_or_else(|| NotHere("no base image: the story from packages makes it".into()))?;
        let recipe = concat!(env!("CARGO_MANIFEST_DIR"), "/../../images/registry");
        engine.ask(&["build", "-t", SERVER, "--build-arg", &format!("BASE={base}"), recipe])?;
    }
    let _kept = Kept { engine, registry: &front.address, has_built };
    push(engine, &registry.address, "shop/own:1")?;
    let suite_of = |image: &str| -> Result<Suite<'_>> {
        let made = Suite::on(engine)?;
        std::fs::write(made.folder.path().join("e2e.yaml"), suite(image))?;
        Ok(made)
    };
    let image = format!("{}/shop/own:1", front.address);
    front.image_requests();

    let first = suite_of(&image)?;
    first.run(&["up", "--keep"])?.with(0, &[])?;
    ensure!(front.image_requests() > 0, "the image came from elsewhere");
    front.requests();
    has_no_secret(&first)?;
    drop(first);

    let second = suite_of(&image)?;
    second.run(&["up", "--keep"])?.with(0, &[])?;
    let again = front.image_requests();
    ensure!(again == 0, "{again} requests for what the first cluster has pulled");
    // Whoever pulls through asks once how to log in, when it starts.
    let all = front.requests();
    ensure!(all <= 1, "{all} requests of a cluster that pulls nothing new");
    drop(second);

    let third = suite_of(&image)?;
    third.run(&["up", "--keep", "--pull"])?.with(0, &[])?;
    ensure!(front.image_requests() > 0, "--pull asks nobody");
    drop(third);

    let left: Vec<String> = engine.traces()?.into_iter().filter(|trace| !before.contains(trace)).collect();
    let left: Vec<&String> = left.iter().filter(|trace| trace.contains("cache")).collect();
    ensure!(left.is_empty(), "left behind: {left:?}");
    Ok(())
}

/// Neither the node nor the description of the cache's container has the password.
fn has_no_secret(suite: &Suite<'_>) -> Result<()> {
    let (engine, node) = (suite.engine, suite.node()?);
    let encoded = BASE64_STANDARD.encode(format!("{}:{}", LOGIN.0, LOGIN.1));
    let places = "/etc /kind/kubeadm.conf /var/lib/kubelet /run/containerd /proc/1/environ";
    let find = format!("grep -r -l -s -e {} -e {encoded} {places}; true", LOGIN.1);
    let found = engine.ask(&["exec", &node, "sh", "-c", &find])?;
    ensure!(found.is_empty(), "the password is in {found}");
    let cache = node.replace("-control-plane", "-cache");
    let described = engine.ask(&["inspect", &cache])?;
    ensure!(!described.contains(LOGIN.1) && !described.contains(&encoded), "{described}");
    Ok(())
}
