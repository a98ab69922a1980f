//! What runs to its end before a component is applied, and after it is ready.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Applier, ComponentError, Deployer, manifests};
use crate::cluster::PortMap;
use crate::host::exec::Cmd;
use crate::images::Nodes;
use crate::readiness::{self, Applied};
use crate::report::Step;
use crate::suite::config::Component;
use crate::suite::manifests::{ImageMap, Manifest};
use crate::suite::plan::Task;

/// What programs of the suite are run with.
#[derive(Debug, Clone, Default)]
pub struct HostContext {
    /// The folder of `e2e.yaml`, in which they run.
    pub root: PathBuf,
    /// The cluster's kubeconfig.
    pub kubeconfig: PathBuf,
    /// The nodes of a cluster of ours.
    pub nodes: Option<Nodes>,
}

impl HostContext {
    /// Returns a command of the suite, with the kubeconfig and the addresses of the ports in its environment.
    fn command(&self, command: &[String], ports: &PortMap, namespace: &str) -> Cmd {
        let run = Cmd::in_folder(&self.root, command);
        let run = run.env("KUBECONFIG", &self.kubeconfig).env("NAMESPACE", namespace);
        endpoints(ports).into_iter().fold(run, |run, (name, address)| run.env(name, address))
    }
}

/// Returns the variables that name the ports' addresses, such as `ENDPOINT_DATA_STORAGE_HTTP`.
fn endpoints(ports: &PortMap) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (component, ports) in &ports.0 {
        for (port, address) in ports {
            let name = format!("ENDPOINT_{component}_{port}").to_uppercase();
            let name = name.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '_' }).collect();
            all.insert(name, address.to_string());
        }
    }
    all
}

impl Deployer {
    /// Runs `tasks` one after the other, each to its end. Returns the objects that they applied.
    pub(super) async fn run_tasks(
        &self,
        component: &Component,
        tasks: Vec<Task>,
        images: &ImageMap,
        applier: &Applier,
        step: &Step,
    ) -> Result<Vec<Applied>, ComponentError> {
        let mut objects = Vec::new();
        for task in tasks {
            step.progress(task.to_string());
            match task {
                Task::Command(command) => self.run_command(component, &command, step).await?,
                Task::Objects { name, manifests } => {
                    let applied = self.run_objects(component, manifests, images, applier).await;
                    objects.extend(applied.map_err(|error| match error {
                        ComponentError::NotReady(source) => ComponentError::Task { name, source },
                        other => other,
                    })?);
                }
            }
        }
        Ok(objects)
    }

    async fn run_command(&self, component: &Component, command: &[String], step: &Step) -> Result<(), ComponentError> {
        let say = step.handle();
        let namespace = component.namespace.as_deref().unwrap_or(self.applier.default_namespace());
        let run = self.context.command(command, &self.ports, namespace);
        let done = run.deadline(self.patience).stream(move |line| say.progress(line)).await;
        done.map_err(|error| ComponentError::Command(Arc::new(error)))
    }

    /// Applies the objects of a task, and waits until Jobs and pods among them have ended well.
    async fn run_objects(
        &self,
        component: &Component,
        mut objects: Vec<Manifest>,
        images: &ImageMap,
        applier: &Applier,
    ) -> Result<Vec<Applied>, ComponentError> {
        manifests::order(&mut objects);
        let mut applied = Vec::new();
        let mut awaited = Vec::new();
        for mut manifest in objects {
            self.prepare(&mut manifest.object, component, images);
            let object = applier.apply(&manifest, &self.events).await;
            let object = object.map_err(|error| ComponentError::Apply(Arc::new(error)))?;
            if matches!(object.object.kind.as_str(), "Job" | "Pod") {
                awaited.push(object.object.clone());
            }
            // A Job that removes itself is not missed.
            if manifest.object.data.pointer("/spec/ttlSecondsAfterFinished").is_none() {
                applied.push(object);
            }
        }
        if !awaited.is_empty() {
            let waited = readiness::wait_for(applier.client(), awaited, self.deadline()).await;
            waited.map_err(|error| ComponentError::NotReady(Box::new(error)))?;
        }
        Ok(applied)
    }

    /// Returns when something that begins now must have ended.
    pub(super) fn deadline(&self) -> Instant {
        // A year is as good as for ever, and can be added to any time.
        Instant::now() + self.patience.min(Duration::from_secs(365 * 24 * 3600))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_variables() {
        let mut ports = PortMap::default();
        let component = Component { name: "data-storage".into(), ..Component::default() };
        ports.insert(&component, "http", "127.0.0.1:41000".parse().unwrap());
        let expected = BTreeMap::from([("ENDPOINT_DATA_STORAGE_HTTP".to_owned(), "127.0.0.1:41000".to_owned())]);
        assert_eq!(endpoints(&ports), expected);
    }
}
