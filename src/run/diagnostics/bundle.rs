//! Bundles: a folder with everything for a closer look at a failure, bounded in size and without secrets.
//!
//! ```text
//! summary.txt                        the root causes, and what the bundle lacks
//! timeline.json                      start and end of each step of the run
//! objects/NAMESPACE/KIND-NAME.yaml   every object; `_cluster` for cluster-scoped ones
//! events.txt                         the cluster's events, oldest first
//! logs/NAMESPACE/POD/CONTAINER.log   and CONTAINER.previous.log of its previous run
//! nodes/NODE/UNIT.log                kubelet and containerd, of clusters that kind created
//! ```

pub(super) mod api;
mod nodes;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::collect::learn_secrets;
use crate::cluster::Cluster;
use crate::host::folders::Folders;
use crate::readiness::redact::{MASKED_BY_FIELD, Redactor};
use crate::suite::plan::Plan;
use writer::{SUMMARY, Writer};

/// Bundles of failures that are kept; older ones are removed.
const KEPT: usize = 5;

/// The limits of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How long it may take (15 s).
    pub time: Duration,
    /// The maximum size of all files, in bytes (50 MB).
    pub bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { time: Duration::from_secs(15), bytes: 50_000_000 }
    }
}

/// The context of a bundle.
#[derive(Debug, Clone, Default)]
pub struct BundleContext {
    /// The description of the failure: the text of the summary.
    pub summary: String,
    /// The report of the run so far, as JSON.
    pub timeline: Option<Value>,
}

/// A bundle that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Its folder.
    pub folder: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// The omitted parts, with reasons.
    pub omitted: Vec<String>,
}

/// Writes a bundle into a new folder below `to`, named after the cluster and the time.
///
/// # Errors
/// When its folder or its summary cannot be written. Anything else that cannot be collected is named in the summary.
pub async fn bundle(
    to: &Path,
    plan: &Plan,
    cluster: &Cluster,
    story: &BundleContext,
    bounds: Bounds,
) -> std::io::Result<Bundle> {
    let until = Instant::now() + bounds.time;
    // All namespaces of our own cluster are collected, but only ours of an existing one.
    let scope = cluster.nodes.is_none().then_some(cluster.record.namespace.as_str());
    let redactor = Redactor::global();
    plan.teach(redactor);
    let secrets = timeout_at(until, learn_secrets(&cluster.client, scope)).await;
    let secrets = secrets.unwrap_or_else(|_| Err("time was up".into()));
    let name = format!("{}-{}", cluster.record.name, Timestamp::now().strftime("%Y%m%dT%H%M%SZ"));
    let writer = Writer::create(&unused(to, &name), redactor.clone(), bounds.bytes)?;
    writer.summary(&story.summary)?;
    if let Some(timeline) = &story.timeline {
        writer.write("timeline.json", &format!("{timeline:#}\n"));
    }
    if let Err(why) = &secrets {
        writer.omit(MASKED_BY_FIELD, &format!("Secrets cannot be listed: {why}"));
    }
    let api = api::collect(&cluster.client, scope, &writer);
    let nodes = nodes::collect(cluster.nodes.as_ref(), &writer);
    let (api, nodes) = tokio::join!(timeout_at(until, api), timeout_at(until, nodes));
    for (what, _) in [("objects and logs", api), ("logs of nodes", nodes)].iter().filter(|(_, done)| done.is_err()) {
        writer.omit(&format!("the rest of the {what}"), &format!("{:?} were over", bounds.time));
    }
    writer.finish(&story.summary)
}

/// Writes a bundle like [`bundle`], into the user's state folder, where only the newest five are kept.
///
/// # Errors
/// Those of [`bundle`].
pub async fn bundle_failure(
    folders: &Folders,
    plan: &Plan,
    cluster: &Cluster,
    story: &BundleContext,
) -> std::io::Result<Bundle> {
    let folder = folders.bundles();
    let bundle = bundle(&folder, plan, cluster, story, Bounds::default()).await?;
    // Only bundles: other files there belong to the user.
    let entries = fs_err::read_dir(&folder)?.flatten().filter(|entry| entry.path().join(SUMMARY).is_file());
    let mut dated: Vec<_> =
        entries.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.file_name()))).collect();
    dated.sort();
    for (_, old) in dated.iter().rev().skip(KEPT) {
        // If this fails, the next bundle tries again.
        let _ = folders.own_bundles().remove(old);
    }
    Ok(bundle)
}

/// Returns an unused folder name, since two bundles may be written in the same second.
fn unused(to: &Path, name: &str) -> PathBuf {
    let numbered = (2..).map(|number| to.join(format!("{name}-{number}")));
    std::iter::once(to.join(name)).chain(numbered).find(|path| !path.exists()).unwrap_or_else(|| to.join(name))
}
