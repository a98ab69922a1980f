//! The rules as conditions, for kube's own [`await_condition`](kube::runtime::wait::await_condition).
//!
//! They consider one object alone: neither its pods nor events. [`wait_for`](super::wait_for) considers these too.
//! kube's `and`, `or` and `not` combine conditions:
//!
//! ```no_run
//! use k8s_openapi::api::apps::v1::Deployment;
//! use kind_harness_readiness::conditions::{has_failed, is_ready};
//! use kube::Api;
//! use kube::runtime::wait::{Condition, await_condition};
//!
//! # async fn example(client: kube::Client) -> anyhow::Result<()> {
//! let deployments: Api<Deployment> = Api::namespaced(client, "shop");
//! let web = await_condition(deployments, "web", is_ready().or(has_failed())).await?;
//! anyhow::ensure!(is_ready().matches_object(web.as_ref()), "its rollout has failed");
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

use kube::runtime::wait::Condition;
use serde::Serialize;

use super::rules;
use super::view::View;
use super::world::World;
use super::{Settings, Verdict};

/// Matches if the object exists, and is [`Verdict::Ready`] by its own status.
#[must_use]
pub fn is_ready<K: Serialize>() -> impl Condition<K> {
    |object: Option<&K>| matches!(verdict(object), Some(Verdict::Ready))
}

/// Matches if the object exists, and has failed permanently by its own status.
#[must_use]
pub fn has_failed<K: Serialize>() -> impl Condition<K> {
    |object: Option<&K>| matches!(verdict(object), Some(Verdict::Failed { .. }))
}

fn verdict<K: Serialize>(object: Option<&K>) -> Option<Verdict> {
    let view = View::new(serde_json::to_value(object?).ok()?);
    // Without a world there are no endpoints, only the object's own status.
    Some(rules::judge(&view, &World::default(), &Settings::default()).settle(Duration::ZERO))
}
