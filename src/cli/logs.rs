//! `logs`: the components' logs, each line with its component's name.

use futures::{AsyncBufReadExt, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, LogParams};

use super::inspect::print;
use super::{Cli, Exit, Failure};
use crate::manifests::COMPONENT_LABEL;

/// Which lines are wanted.
pub(super) struct Wanted {
    pub(super) follow: bool,
    pub(super) previous: bool,
    pub(super) tail: Option<i64>,
}

impl Cli {
    pub(super) async fn logs(&self, component: Option<&str>, wanted: &Wanted) -> Result<Exit, Failure> {
        let plan = self.plan()?;
        self.known(&plan, component)?;
        let (record, cluster) = self.running(&plan).await?;
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &record.namespace);
        let selector = match component {
            Some(name) => format!("{COMPONENT_LABEL}={name}"),
            None => COMPONENT_LABEL.to_owned(),
        };
        let listed = pods.list(&ListParams::default().labels(&selector)).await;
        let listed = listed.map_err(|error| {
            Failure::told(Exit::Cluster, format!("cannot list the pods of cluster {}: {error}", record.name))
        })?;
        let mut streams = Vec::new();
        for pod in listed {
            let labels = pod.metadata.labels.unwrap_or_default();
            let (name, component) = (pod.metadata.name.unwrap_or_default(), labels.get(COMPONENT_LABEL).cloned());
            for container in pod.spec.map(|spec| spec.containers).unwrap_or_default() {
                streams.push(stream(
                    &pods,
                    name.clone(),
                    container.name,
                    component.clone().unwrap_or_default(),
                    wanted,
                ));
            }
        }
        let reading = futures::future::join_all(streams);
        tokio::select! {
            _ = reading => Ok(Exit::Done),
            _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
        }
    }
}

async fn stream(pods: &Api<Pod>, pod: String, container: String, component: String, wanted: &Wanted) {
    let params = LogParams {
        container: Some(container),
        follow: wanted.follow,
        previous: wanted.previous,
        tail_lines: wanted.tail,
        ..LogParams::default()
    };
    let opened = pods.log_stream(&pod, &params).await;
    let mut lines = match opened {
        Ok(stream) => stream.lines().boxed_local(),
        Err(error) => return crate::report::console::write(&format!("{component}: no logs of {pod}: {error}\n")),
    };
    while let Ok(Some(line)) = lines.try_next().await {
        print(&format!("{component:<16} {line}"));
    }
}
