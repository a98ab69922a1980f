//! Collects objects, events and logs from the API server.

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};
use kube::core::ApiResource;
use serde_json::Value;

use super::writer::Writer;
use crate::readiness::Lenient;
use crate::readiness::kinds::{KINDS, defined_by};
use crate::run::diagnostics::collect::{AT_ONCE, builtin, list};
use crate::run::diagnostics::snapshot::{is_ready, line, name_of, when};

/// At most this many lines and bytes of each run of a container.
const LINES: i64 = 5000;
const BYTES: i64 = 2 << 20;

/// Writes everything that the API server has about `scope`, a namespace, or about the whole cluster.
pub(super) async fn collect(client: &kube::Client, scope: Option<&str>, writer: &Writer) {
    events(client, scope, writer).await;
    let telling = KINDS.iter().filter(|kind| kind.telling);
    let kinds = telling.map(|it| (builtin(it.api_version, it.kind), scope.filter(|_| it.namespaced)));
    let found = objects(client, kinds, writer).await;
    let definitions = found.iter().filter(|object| object.text("/kind") == Some("CustomResourceDefinition"));
    let custom = definitions.filter_map(|definition| {
        let namespaced = definition.text("/spec/scope") == Some("Namespaced");
        (namespaced || scope.is_none()).then_some(())?;
        Some((defined_by(definition)?, scope.filter(|_| namespaced)))
    });
    objects(client, custom, writer).await;
    let mut pods: Vec<&Value> = found.iter().filter(|object| object.text("/kind") == Some("Pod")).collect();
    // Unready pods first, for as long as time and room last.
    pods.sort_by_key(|pod| is_ready(pod));
    let wanted = pods.into_iter().flat_map(runs).map(|run| log(client, run, writer));
    stream::iter(wanted).buffer_unordered(AT_ONCE).collect::<()>().await;
}

async fn events(client: &kube::Client, scope: Option<&str>, writer: &Writer) {
    match list(client, builtin("v1", "Event"), scope).await {
        Ok(mut events) => {
            events.sort_by(|a, b| when(a).cmp(when(b)));
            let text = |event: &Value| {
                let part = |pointer: &str| event.text(pointer).unwrap_or("-").to_owned();
                let namespace = part("/metadata/namespace");
                let about = format!("{}/{}", part("/involvedObject/kind").to_lowercase(), part("/involvedObject/name"));
                format!("{namespace} {about} {}\n", line(event))
            };
            writer.write("events.txt", &events.iter().map(text).collect::<String>());
        }
        Err(why) => writer.omit("events", &why),
    }
}

/// Lists each kind, writes its objects, and returns them.
async fn objects<'a>(
    client: &kube::Client,
    kinds: impl Iterator<Item = (ApiResource, Option<&'a str>)>,
    writer: &Writer,
) -> Vec<Value> {
    let lists = kinds.map(|(resource, scope)| async move {
        let kind = resource.kind.clone();
        (kind, list(client, resource, scope).await)
    });
    let lists: Vec<_> = lists.collect();
    let mut listing = stream::iter(lists).buffer_unordered(AT_ONCE);
    let mut all = Vec::new();
    while let Some((kind, listed)) = listing.next().await {
        match listed {
            Ok(objects) => {
                for object in &objects {
                    write(object, writer);
                }
                all.extend(objects);
            }
            Err(why) => writer.omit(&format!("objects of kind {kind}"), &why),
        }
    }
    all
}

fn write(object: &Value, writer: &Writer) {
    let name = name_of(object);
    let mut clean = object.clone();
    if let Some(versions) = clean.pointer_mut("/spec/versions").and_then(Value::as_array_mut) {
        // The schemas of a definition are long and say nothing about a failure.
        versions.iter_mut().filter_map(Value::as_object_mut).for_each(|version| drop(version.remove("schema")));
    }
    writer.redactor().object(&mut clean);
    let place = file_name(name.namespace.as_deref().unwrap_or("_cluster"));
    let path = format!("objects/{place}/{}-{}.yaml", file_name(&name.kind.to_lowercase()), file_name(&name.name));
    match serde_saphyr::to_string(&clean) {
        Ok(text) => writer.write(&path, &text),
        Err(error) => writer.omit(&path, &error.to_string()),
    }
}

/// One run of a container: namespace, pod, container, and whether it is the previous run.
struct Run<'a> {
    namespace: &'a str,
    pod: &'a str,
    container: &'a str,
    previous: bool,
}

fn runs(pod: &Value) -> Vec<Run<'_>> {
    let (Some(namespace), Some(name)) = (pod.text("/metadata/namespace"), pod.text("/metadata/name")) else {
        return Vec::new();
    };
    let statuses = ["/status/initContainerStatuses", "/status/containerStatuses"];
    let runs = statuses.into_iter().flat_map(|at| pod.list(at)).filter_map(|status| {
        let container = status.text("/name")?;
        let run = |previous| Run { namespace, pod: name, container, previous };
        let restarted = status.int("/restartCount").unwrap_or_default() > 0;
        Some([Some(run(false)), restarted.then(|| run(true))])
    });
    runs.flatten().flatten().collect()
}

async fn log(client: &kube::Client, run: Run<'_>, writer: &Writer) {
    let Run { namespace, pod, container, previous } = run;
    if !writer.has_room() {
        return;
    }
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let params = LogParams {
        container: Some(container.to_owned()),
        previous,
        timestamps: true,
        tail_lines: Some(LINES),
        limit_bytes: Some(BYTES),
        ..LogParams::default()
    };
    let which = if previous { ".previous" } else { "" };
    let path = format!("logs/{}/{}/{}{which}.log", file_name(namespace), file_name(pod), file_name(container));
    match api.logs(pod, &params).await {
        Ok(text) if text.is_empty() => {}
        Ok(text) => writer.write(&path, &text),
        // A container that never ran has no log.
        Err(kube::Error::Api(status)) if status.code == 400 => {}
        Err(error) => writer.omit(&path, &error.to_string()),
    }
}

/// Returns `name` with unusual characters replaced: names come from the cluster, and must not lead to another folder.
fn file_name(name: &str) -> String {
    let word = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    let name: String = name.chars().take(200).map(word).collect();
    if name.trim_matches('.').is_empty() { "_".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn no_name_leads_out_of_the_bundle() {
        for (name, file) in
            [("a-b.c", "a-b.c"), ("../../etc/passwd", ".._.._etc_passwd"), ("..", "_"), ("", "_"), ("a:b", "a_b")]
        {
            assert_eq!(file_name(name), file);
        }
    }
}
