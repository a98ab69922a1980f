//! The same objects by kubectl: what a script would do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::try_join_all;
use kind_harness::cluster::Record;
use kind_harness::host::exec::{Cmd, ExecError};
use kind_harness::run::session::UpError;
use kind_harness::suite::manifests::{self, ImageMap};
use kind_harness::suite::plan::Plan;
use kube::ResourceExt;
use kube::core::DynamicObject;
use serde_json::json;

use crate::{Exit, Failure};

/// How long a component may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Returns an error that says what to do when there is no kubectl.
pub(super) async fn is_there() -> Result<(), Failure> {
    let found = Cmd::new("kubectl", ["version", "--client"]).succeeds().await.unwrap_or_default();
    let text =
        "--compare-kubectl needs kubectl, which is not installed; https://kubernetes.io/docs/tasks/tools/ says how";
    if found { Ok(()) } else { Err(Failure::told(Exit::Host, text)) }
}

/// The suite's objects as kubectl applies them, component by component, in files that only this user can read.
pub(super) struct Objects {
    folder: tempfile::TempDir,
    kubeconfig: PathBuf,
    namespace: String,
    components: Vec<Component>,
}

struct Component {
    file: PathBuf,
    /// What `kubectl wait` is told for each workload.
    waits: Vec<Vec<String>>,
}

impl Objects {
    /// Returns the objects of a plan, with the images that the cluster of `record` has.
    pub(super) fn of(plan: &Plan, record: &Record, kubeconfig: &Path) -> Result<Objects, Failure> {
        let internal = |error: std::io::Error| Failure::new(Exit::Internal, &error);
        let folder = tempfile::tempdir().map_err(internal)?;
        let images: ImageMap = record
            .deployment
            .iter()
            .flat_map(|it| it.images.values().flatten())
            .map(|(name, tag)| (name.clone(), tag.clone()))
            .collect();
        let mut components = Vec::new();
        for (component, mut parsed) in plan.components().zip(plan.manifests().map_err(UpError::from)?) {
            manifests::order(&mut parsed);
            let mut objects: Vec<DynamicObject> = parsed.into_iter().map(|manifest| manifest.object).collect();
            for object in &mut objects {
                manifests::images(object, &images);
            }
            let file = folder.path().join(format!("{}.json", component.name));
            let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
            fs_err::write(&file, list.to_string()).map_err(internal)?;
            components.push(Component { file, waits: objects.iter().filter_map(wait).collect() });
        }
        Ok(Objects { folder, kubeconfig: kubeconfig.into(), namespace: record.namespace.clone(), components })
    }

    /// Creates the namespace, which is not measured: `up` finds it, too.
    pub(super) async fn prepare(&self) -> Result<(), Failure> {
        let list = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}});
        let file = self.folder.path().join("namespace.json");
        fs_err::write(&file, list.to_string()).map_err(|error| Failure::new(Exit::Internal, &error))?;
        self.kubectl(["apply", "-f"])
            .arg(&file)
            .output()
            .await
            .map(drop)
            .map_err(|error| Failure::new(Exit::Deploy, &error))
    }

    /// Applies everything with one command, then waits for all workloads at the same time.
    pub(super) async fn at_once(&self) -> Result<(), ExecError> {
        let apply = self.kubectl(["apply", "--server-side", "--force-conflicts"]);
        let apply = self.components.iter().fold(apply, |apply, component| apply.arg("-f").arg(&component.file));
        apply.output().await?;
        let waits = self.components.iter().flat_map(|component| &component.waits);
        try_join_all(waits.map(|wait| async move { self.kubectl(wait).deadline(PATIENCE).output().await }))
            .await
            .map(drop)
    }

    /// Applies component after component, in the order of their needs, and waits for each.
    pub(super) async fn one_by_one(&self) -> Result<(), ExecError> {
        for component in &self.components {
            self.kubectl(["apply", "--server-side", "--force-conflicts", "-f"]).arg(&component.file).output().await?;
            for wait in &component.waits {
                self.kubectl(wait).deadline(PATIENCE).output().await?;
            }
        }
        Ok(())
    }

    /// Deletes everything, and waits until the pods are gone.
    pub(super) async fn remove(&self) -> Result<(), Failure> {
        let delete = self.kubectl(["delete", "--ignore-not-found", "--wait=true"]);
        let delete = self.components.iter().fold(delete, |delete, component| delete.arg("-f").arg(&component.file));
        let gone = async {
            delete.deadline(PATIENCE).output().await?;
            self.kubectl(["wait", "--for=delete", "pod", "--all", "--timeout=60s"]).deadline(PATIENCE).output().await
        };
        gone.await.map(drop).map_err(|error| Failure::new(Exit::Teardown, &error))
    }

    fn kubectl<A: Into<std::ffi::OsString> + Clone>(&self, args: impl AsRef<[A]>) -> Cmd {
        let common = [
            "--kubeconfig".into(),
            self.kubeconfig.clone().into_os_string(),
            "-n".into(),
            self.namespace.clone().into(),
        ];
        Cmd::new("kubectl", common.into_iter().chain(args.as_ref().iter().cloned().map(Into::into)))
    }
}

/// Returns what `kubectl wait` is told for a workload; `None` for other objects.
fn wait(object: &DynamicObject) -> Option<Vec<String>> {
    let kind = object.types.as_ref()?.kind.as_str();
    let replicas = object.data.pointer("/spec/replicas").and_then(serde_json::Value::as_u64).unwrap_or(1);
    let condition = match kind {
        "Deployment" => "condition=Available".to_owned(),
        "StatefulSet" => format!("jsonpath={{.status.readyReplicas}}={replicas}"),
        "Job" => "condition=Complete".to_owned(),
        "Pod" => "condition=Ready".to_owned(),
        _ => return None,
    };
    let object = format!("{}/{}", kind.to_lowercase(), object.name_any());
    Some(vec!["wait".into(), format!("--for={condition}"), object, "--timeout=110s".into()])
}
