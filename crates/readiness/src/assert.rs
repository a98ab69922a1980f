//! Assertions about one object that wait for it by a watch: [`eventually`], [`always`] and [`never()`].
//!
//! Each returns an [`Assertion`]: add requirements, then `.await` it.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use k8s_openapi::api::apps::v1::Deployment;
//! use k8s_openapi::api::core::v1::Pod;
//! use kind_harness_readiness::assert::{always, eventually, never};
//! use kube::runtime::wait::conditions;
//! use kube::{Api, Client};
//!
//! # async fn test(client: Client) -> Result<(), kind_harness_readiness::assert::Error> {
//! let deployments: Api<Deployment> = Api::namespaced(client.clone(), "shop");
//! let pods: Api<Pod> = Api::namespaced(client, "shop");
//!
//! // Returns the object in the state in which it met all requirements.
//! let web = eventually(&deployments, "web")
//!     .within(Duration::from_secs(60))
//!     .matches(
//!         "
//!         spec: {template: {spec: {containers: [{name: web, image: shop/web:2}]}}}
//!         status: {readyReplicas: 3}",
//!     )
//!     .await?;
//! assert!(web.metadata.generation.is_some());
//!
//! eventually(&pods, "migrate-1").is(conditions::is_pod_running()).await?;
//! always(&deployments, "web")
//!     .during(Duration::from_secs(10))
//!     .satisfies("two replicas are available", |web| {
//!         web.status.as_ref().and_then(|status| status.available_replicas) >= Some(2)
//!     })
//!     .await?;
//! never(&pods, "migrate-1").matches("status: {phase: Failed}").await?;
//! eventually(&pods, "migrate-1").absent().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # How a piece of YAML is matched
//! - A mapping is contained if each of its keys is, recursively. Keys that it does not name may have any value.
//! - A list is contained if each of its items is contained in some item, in any order. Items are identified by their
//!   merge keys: containers, variables, volumes and ports by `name`, conditions by `type`, and so on. This does not
//!   change the result, only the item for which a difference is shown.
//! - `null` requires the field to be absent or null.
//! - Numbers equal their decimal strings (`80` and `"80"`), and below `limits`, `requests`, `capacity` and the like
//!   quantities equal by amount (`0.5` and `500m`).
//!
//! # What a failure shows
//! [`Failure`] has the nearest miss, which is the state of the object with the fewest differing fields, and the
//! history: the changes from one state to the next. Values are masked as everywhere in the harness; those of Secrets
//! are never shown. `Debug` of an [`Error`] prints the same as `Display` and then the causes, so a test that returns
//! the error prints a report.
//!
//! # Caveats
//! States between a broken watch and the list that replaces it may be missed, if the API server no longer has them. An
//! [`Api::all`](kube::Api::all) of a namespaced kind also finds objects of the same name in other namespaces: use
//! [`Api::namespaced`](kube::Api::namespaced).

mod assertion;
#[cfg(feature = "cel")]
mod cel;
mod changes;
mod contain;
mod error;
mod failure;
mod history;
mod mask;
mod merge_keys;
mod nearest;
mod observer;
mod path;
mod render;
mod requirement;
mod scalar;
mod subject;
mod watch;

#[cfg(test)]
mod tests;

pub use assertion::{Always, Assertion, Eventually, EventuallyAbsent, Never, Quantifier, always, eventually, never};
pub use error::{Error, InvalidRequirement};
pub use failure::{Failure, Outcome};
pub use history::{FieldChange, History, HistoryEntry, HistoryEvent};
pub use nearest::{Difference, NearestMiss};
pub use subject::Subject;
pub use watch::Watchable;
