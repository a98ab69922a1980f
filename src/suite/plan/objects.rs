//! The objects of a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Plan;
use super::sources::{Origin, SourceId};
use crate::suite::config::{Component, Port, TaskSpec};
use crate::suite::manifests::{Manifest, ManifestError, Reader, ServiceOfPort, service_of};
use crate::suite::yaml::Diagnostic;

/// The objects of one component, and what runs before and after it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ComponentObjects {
    /// Its objects.
    pub manifests: Vec<Manifest>,
    /// What runs to its end before they are applied, in this order.
    pub before: Vec<Task>,
    /// What runs to its end when they are ready, in this order.
    pub after: Vec<Task>,
}

impl ComponentObjects {
    /// Returns every object, those of tasks included.
    pub fn all(&self) -> impl Iterator<Item = &Manifest> {
        let tasks = self.before.iter().chain(&self.after);
        self.manifests.iter().chain(tasks.flat_map(Task::manifests))
    }
}

/// A component, a port of it, and the Service that serves the port.
pub(crate) type PortOfPlan<'a> = (&'a Component, &'a Port, Option<ServiceOfPort>);

/// Work that runs to its end.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// Objects, of which Jobs and pods must complete.
    Objects {
        /// The name of the task.
        name: String,
        /// The objects.
        manifests: Vec<Manifest>,
    },
    /// A program on the host, and its arguments.
    Command(Vec<String>),
}

impl Task {
    /// Returns the objects of the task.
    pub fn manifests(&self) -> &[Manifest] {
        match self {
            Task::Objects { manifests, .. } => manifests,
            Task::Command(_) => &[],
        }
    }
}

/// `job manifests/migrate.yaml`, `hook post-install (0)` or `./seed.sh`.
impl std::fmt::Display for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Task::Objects { name, .. } => f.write_str(name),
            Task::Command(command) => f.write_str(&command.join(" ")),
        }
    }
}

impl Plan {
    /// Returns the plan with the files that its sources were rendered to, of some or all of them.
    #[must_use]
    pub fn with_rendered(mut self, rendered: impl IntoIterator<Item = (SourceId, PathBuf)>) -> Plan {
        self.rendered.extend(rendered);
        self
    }

    /// Returns the files that its sources were rendered to.
    #[must_use]
    pub fn rendered(&self) -> BTreeMap<SourceId, PathBuf> {
        self.rendered.clone()
    }

    /// Reads the objects of every component, in the order of [`Plan::components`].
    ///
    /// # Errors
    /// A source is not rendered; a path cannot be read, or has no object; a file is not UTF-8 or not YAML; an object
    /// lacks `apiVersion`, `kind` or `metadata.name`, has unknown metadata, or is a duplicate. All problems are reported
    /// together.
    pub fn objects(&self) -> Result<Vec<ComponentObjects>, ManifestError> {
        let mut reader = Reader::default();
        let objects = self.components().map(|component| self.objects_of(component, &mut reader)).collect();
        reader.finish(objects)
    }

    /// Reads the manifests of every component as [`Plan::objects`] does, without those of tasks.
    ///
    /// # Errors
    /// As [`Plan::objects`].
    pub fn manifests(&self) -> Result<Vec<Vec<Manifest>>, ManifestError> {
        Ok(self.objects()?.into_iter().map(|objects| objects.manifests).collect())
    }

    /// Returns every port of a component, and the Service in its manifests that serves it; `None` if that is made by
    /// something else.
    ///
    /// # Errors
    /// As [`Plan::objects`].
    pub(crate) fn service_ports(&self) -> Result<Vec<PortOfPlan<'_>>, ManifestError> {
        let mut all = Vec::new();
        for (component, manifests) in self.components().zip(self.manifests()?) {
            let namespace = component.namespace.as_deref().unwrap_or(&self.suite().namespace);
            for port in &component.ports {
                all.push((component, port, service_of(&port.name, port.node, &manifests, namespace)));
            }
        }
        Ok(all)
    }

    fn objects_of(&self, component: &Component, reader: &mut Reader) -> ComponentObjects {
        let mut objects = ComponentObjects::default();
        let namespace = component.namespace.as_deref();
        let mut hooks = Vec::new();
        for (id, origin) in self.sources_of(component) {
            match origin {
                Ok(Origin::Plain(path)) => objects.manifests.extend(reader.plain(self.root(), path, namespace)),
                Ok(origin) => {
                    let shown = shown(&origin, &id);
                    let Some(real) = self.rendered.get(&id) else {
                        reader.problem(Diagnostic::of_file(&shown, "this is not rendered yet"));
                        continue;
                    };
                    let all = reader.files(&shown, [(real.clone(), shown.clone())], namespace);
                    let is_chart = matches!(origin, Origin::Chart(_));
                    let (hooked, plain): (Vec<_>, Vec<_>) =
                        all.into_iter().partition(|it| is_chart && hook_of(it).is_some());
                    objects.manifests.extend(plain);
                    hooks.extend(hooked);
                }
                Err(error) => reader.problem(Diagnostic::of_file(Path::new(&component.name), error.to_string())),
            }
        }
        objects.before = hook_tasks(&hooks, ["pre-install", "pre-upgrade"]);
        objects.after = hook_tasks(&hooks, ["post-install", "post-upgrade"]);
        let mut tasks = |specs: &[TaskSpec]| -> Vec<Task> {
            let task = |spec: &TaskSpec| match spec {
                TaskSpec::Command(command) => Task::Command(command.clone()),
                TaskSpec::Job(path) => {
                    Task::Objects { name: spec.to_string(), manifests: reader.plain(self.root(), path, namespace) }
                }
            };
            specs.iter().map(task).collect()
        };
        objects.before.extend(tasks(&component.before));
        objects.after.extend(tasks(&component.after));
        objects
    }
}

/// Returns the name that messages give to the objects of a source. That of texts in `e2e.yaml` names the component too.
fn shown(origin: &Origin<'_>, id: &SourceId) -> PathBuf {
    match origin {
        Origin::Inline(_) => format!("{}.manifests[{}]", id.component, id.index).into(),
        other => other.to_string().into(),
    }
}

fn annotation<'a>(manifest: &'a Manifest, name: &str) -> Option<&'a str> {
    manifest.object.metadata.annotations.as_ref()?.get(name).map(String::as_str)
}

/// Returns the points of time at which an object of a chart is wanted, if it is a hook. `crd-install`, of the time before
/// charts had a folder of definitions, is none.
fn hook_of(manifest: &Manifest) -> Option<&str> {
    annotation(manifest, "helm.sh/hook").filter(|hook| *hook != "crd-install")
}

/// Returns the hooks for one of these points of time, by weight: those of one weight are one task.
fn hook_tasks(hooks: &[Manifest], when: [&str; 2]) -> Vec<Task> {
    let is_wanted = |hook: &&Manifest| {
        let points: BTreeSet<&str> = hook_of(hook).unwrap_or_default().split(',').map(str::trim).collect();
        when.iter().any(|point| points.contains(point))
    };
    let mut by_weight: BTreeMap<i64, Vec<Manifest>> = BTreeMap::new();
    for hook in hooks.iter().filter(is_wanted) {
        let weight = annotation(hook, "helm.sh/hook-weight").and_then(|weight| weight.trim().parse().ok());
        by_weight.entry(weight.unwrap_or(0)).or_default().push(hook.clone());
    }
    let task = |(weight, manifests)| Task::Objects { name: format!("hook {} ({weight})", when[0]), manifests };
    by_weight.into_iter().map(task).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_served_by_a_service_of_its_component() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let suite = "suite: shop\nnamespace: shop\ncomponents:\n  \
                     - {name: front, namespace: web, manifests: [front.yaml], ports: [{name: http, node: 30080, host: 8080}]}\n  \
                     - {name: back, needs: [front], manifests: [back.yaml], ports: [{name: http, node: 30081, host: 8081}]}\n";
        let ports = "{ports: [{port: 80, nodePort: 30080}]}";
        write("front.yaml", &format!("{{apiVersion: v1, kind: Service, metadata: {{name: front}}, spec: {ports}}}"));
        write("back.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: back}}");
        let plan = Plan::of(folder.path(), suite);
        let ports = plan.service_ports().unwrap();
        let served = |it: &ServiceOfPort| format!("{}/{}:{}", it.namespace, it.name, it.port);
        let told: Vec<_> =
            ports.iter().map(|(component, port, it)| (&*component.name, port.node, it.as_ref().map(served))).collect();
        assert_eq!(told, [("front", 30080, Some("web/front:80".into())), ("back", 30081, None)]);
    }
}
