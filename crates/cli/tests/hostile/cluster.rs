//! A small cluster that the harness makes, for guests: suites with `provider: existing`.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use anyhow::{Context, Result, anyhow, bail};
use kind_harness::readiness::ObjectRef;
use kube::api::{Api, DynamicObject, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::discovery::{Discovery, Scope, pinned_kind, verbs};
use serde_json::Value;
use tempfile::TempDir;

use crate::row::cli;
use crate::world::World;
use crate::{NotHere, bench};

const SUITE: &str = "suite: house\nnamespace: house\ncomponents: [{name: door, manifests: [door.yaml]}]\n";
const MANIFEST: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: door, namespace: house}}";

/// A cluster for guests.
pub(crate) struct House {
    folder: TempDir,
    name: String,
    /// The kubeconfig that leads to it; its current context does.
    pub(crate) kubeconfig: PathBuf,
    /// What the kubeconfig calls it.
    pub(crate) context: String,
    runtime: tokio::runtime::Runtime,
    turn: Mutex<()>,
}

static HOUSE: OnceLock<Result<House, String>> = OnceLock::new();

/// The cluster, one guest at a time. Made for the first one.
///
/// # Errors
/// [`NotHere`] where there is no engine; when the cluster does not come up, which then every row says.
pub(crate) fn take() -> Result<(&'static House, MutexGuard<'static, ()>)> {
    // The engine is not used by other rows meanwhile: they look at what is on it.
    let made = HOUSE.get_or_init(|| match bench::take() {
        Ok(_turn) => House::make().map_err(|error| format!("{error:#}")),
        Err(error) => Err(format!("{error:#}")),
    });
    match made {
        Ok(house) => Ok((house, house.turn.lock().unwrap_or_else(PoisonError::into_inner))),
        Err(why) if why.starts_with("not run: ") => bail!(NotHere(why.trim_start_matches("not run: ").to_owned())),
        Err(why) => Err(anyhow!("{why}")),
    }
}

/// Removes it.
pub(crate) fn close() {
    if let Some(Ok(house)) = HOUSE.get() {
        let _ = house.cli(&["down"]).output();
        // What is static is never dropped.
        let _ = std::fs::remove_dir_all(house.folder.path());
    }
}

impl House {
    fn make() -> Result<House> {
        let folder = tempfile::Builder::new().prefix("hostile-house-").tempdir()?;
        std::fs::write(folder.path().join("e2e.yaml"), SUITE)?;
        std::fs::write(folder.path().join("door.yaml"), MANIFEST)?;
        let name = format!("house-{}", std::process::id());
        let kubeconfig = folder.path().join("kind-harness").join(&name).join("kubeconfig");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (context, turn) = (String::new(), Mutex::new(()));
        let mut house = House { folder, name, kubeconfig, context, runtime, turn };
        // Should this process be killed, it does not stay for ever.
        let up = house.cli(&["up", "--yes", "--ttl", "15m"]).output()?;
        if !up.status.success() {
            let _ = house.cli(&["down"]).output();
            bail!("the cluster for guests did not come up: {}", String::from_utf8_lossy(&up.stderr));
        }
        house.context = Kubeconfig::read_from(&house.kubeconfig)?.current_context.context("no current context")?;
        Ok(house)
    }

    fn cli(&self, args: &[&str]) -> std::process::Command {
        let mut command = cli(args);
        command.args(["--name", &self.name, "--file"]).arg(self.folder.path().join("e2e.yaml"));
        command.env("XDG_STATE_HOME", self.folder.path());
        command
    }

    fn client(&self) -> Result<kube::Client> {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig)?;
        self.runtime.block_on(async {
            let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
            Ok(kube::Client::try_from(config)?)
        })
    }

    /// Every object by uid; of those whose key contains `name` also what is in them and who manages it.
    pub(crate) fn picture(&self, name: &str) -> Result<World> {
        let client = self.client()?;
        let objects = self.runtime.block_on(all(client))?;
        let facts = objects.into_iter().map(|(key, object)| {
            let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
            let content = if key.contains(name) { content(object) } else { String::new() };
            (key, format!("{uid} {content}"))
        });
        Ok(World(facts.collect()))
    }

    /// Makes `objects`, as somebody else than us, and waits for what the cluster itself adds to namespaces.
    pub(crate) fn plant(&self, objects: &[Value]) -> Result<()> {
        let client = self.client()?;
        self.runtime.block_on(async {
            for object in objects {
                create(&client, object).await.with_context(|| object.to_string())?;
            }
            Ok(())
        })
    }

    /// Deletes what `object` names, whatever it is by now.
    pub(crate) fn delete(&self, object: &Value) -> Result<()> {
        let client = self.client()?;
        self.runtime.block_on(async {
            let (api, name) = api(&client, object).await?;
            api.delete(&name, &kube::api::DeleteParams::default()).await?;
            let is_gone = |object: Option<&DynamicObject>| object.is_none();
            kube::runtime::wait::await_condition(api, &name, is_gone).await?;
            Ok(())
        })
    }

    /// What there is under the name of `object`.
    pub(crate) fn get(&self, object: &Value) -> Result<Option<Value>> {
        let client = self.client()?;
        self.runtime.block_on(async {
            let (api, name) = api(&client, object).await?;
            Ok(api.get_opt(&name).await?.map(serde_json::to_value).transpose()?)
        })
    }
}

async fn api(client: &kube::Client, object: &Value) -> Result<(Api<DynamicObject>, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    let (group, version) = version.split_once('/').map_or(("", version.as_str()), |(group, version)| (group, version));
    let (resource, capabilities) = pinned_kind(client, &GroupVersionKind::gvk(group, version, &kind)).await?;
    let api = match capabilities.scope {
        Scope::Namespaced => Api::namespaced_with(
            client.clone(),
            object["metadata"]["namespace"].as_str().unwrap_or("default"),
            &resource,
        ),
        Scope::Cluster => Api::all_with(client.clone(), &resource),
    };
    Ok((api, text(&object["metadata"]["name"])))
}

async fn create(client: &kube::Client, object: &Value) -> Result<()> {
    let (api, name) = api(client, object).await?;
    let parameters = PostParams { field_manager: Some("somebody".into()), ..PostParams::default() };
    api.create(&parameters, &serde_json::from_value(object.clone())?).await?;
    match object["kind"].as_str() {
        Some("Namespace") => {
            for (kind, added) in [("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")] {
                let wanted = serde_json::json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": added, "namespace": name}});
                until(&self::api(client, &wanted).await?.0, added, |_| true).await?;
            }
        }
        Some("CustomResourceDefinition") => {
            // Until its objects are served, which is later than until it is established.
            let object = ObjectRef::of(&serde_json::from_value(object.clone())?);
            let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
            kind_harness::readiness::wait_for(client, [object], deadline).await?;
        }
        _ => {}
    }
    Ok(())
}

/// Waits until the object is there and `is` so.
async fn until(api: &Api<DynamicObject>, name: &str, is: impl Fn(&DynamicObject) -> bool) -> Result<()> {
    let condition = |object: Option<&DynamicObject>| object.is_some_and(&is);
    let wait = kube::runtime::wait::await_condition(api.clone(), name, condition);
    tokio::time::timeout(std::time::Duration::from_secs(30), wait).await.with_context(|| format!("no {name}"))??;
    Ok(())
}

async fn all(client: kube::Client) -> Result<BTreeMap<String, Value>> {
    let mut objects = BTreeMap::new();
    for group in Discovery::new(client.clone()).run().await?.groups() {
        for (resource, capabilities) in group.recommended_resources() {
            // These come and go by themselves, or are what a controller remembers of other objects.
            let passing = ["Event", "Lease", "EndpointSlice", "Endpoints", "ReplicaSet", "ControllerRevision"]
                .contains(&resource.kind.as_str());
            if passing || !capabilities.supports_operation(verbs::LIST) {
                continue;
            }
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
            for object in api.list(&ListParams::default()).await?.items {
                let namespace = object.metadata.namespace.clone().unwrap_or_default();
                let name = object.metadata.name.clone().unwrap_or_default();
                let key = format!("object {}/{} {namespace}/{name}", resource.api_version, resource.kind);
                objects.insert(key, serde_json::to_value(object)?);
            }
        }
    }
    Ok(objects)
}

/// What somebody has written into an object, and who: without what the cluster itself keeps there.
fn content(mut object: Value) -> String {
    let managers = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let mut managers: Vec<&str> = managers.iter().filter_map(|it| it["manager"].as_str()).collect();
    managers.retain(|manager| !manager.starts_with("kube-"));
    managers.sort_unstable();
    managers.dedup();
    let managers = managers.join("+");
    if let Some(metadata) = object["metadata"].as_object_mut() {
        ["managedFields", "resourceVersion", "generation", "uid"]
            .iter()
            .for_each(|field| drop(metadata.remove(*field)));
    }
    if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
        annotations.remove("deployment.kubernetes.io/revision");
    }
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
    }
    let mut hasher = DefaultHasher::new();
    object.to_string().hash(&mut hasher);
    format!("{managers} {:x}", hasher.finish())
}
