//! `logs`: the components' logs, each line with its component, pod and container.

use futures::StreamExt;
use futures::stream::select_all;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, LogParams};

use super::inspect::print;
use super::{Cli, Exit, Failure};
use kind_harness::environment::logs;
use kind_harness::readiness::errors::chain;
use kind_harness::report::console::write;

/// Which lines are wanted.
pub(super) struct Request {
    pub(super) follow: bool,
    pub(super) previous: bool,
    pub(super) tail: Option<i64>,
}

impl Cli {
    pub(super) async fn logs(&self, component: Option<&str>, wanted: &Request) -> Result<Exit, Failure> {
        let plan = self.plan()?;
        self.known(&plan, component)?;
        let (record, cluster) = self.running_masked(&plan).await?;
        let params = LogParams {
            follow: wanted.follow,
            previous: wanted.previous,
            tail_lines: wanted.tail,
            ..LogParams::default()
        };
        let mut streams = Vec::new();
        for namespace in record.namespaces(component) {
            let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &namespace);
            let listed = pods.list(&logs::of(component)).await;
            let listed = listed.map_err(|error| {
                Failure::told(Exit::Cluster, format!("cannot list the pods of cluster {}: {error}", record.name))
            })?;
            streams.push(logs::logs(&pods, listed, &params));
        }
        let reading = select_all(streams).for_each(|line| async {
            match line {
                Ok(line) => print(&line.to_string()),
                Err(error) => write(&format!("{}\n", chain(&error))),
            }
        });
        tokio::select! {
            () = reading => Ok(Exit::Done),
            _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
        }
    }
}
