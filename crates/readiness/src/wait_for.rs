//! Waiting for objects, without the rest of the harness.

use std::collections::HashSet;

use tokio::time::Instant;

use super::{AllReady, NotReady, Readiness};
use crate::object::{Applied, ObjectRef};

/// Waits until all `objects` are ready at the same time, by one watch for each kind and namespace.
///
/// The objects need not exist yet. Each counts as a component, named like `deployment/web`. Namespaced objects must
/// name their namespace.
///
/// ```no_run
/// use std::time::Duration;
///
/// use kind_harness_readiness::ObjectRef;
/// use kind_harness_readiness as ready;
/// use tokio::time::Instant;
///
/// # async fn example(client: kube::Client) -> anyhow::Result<()> {
/// let web = ObjectRef {
///     api_version: "apps/v1".into(),
///     kind: "Deployment".into(),
///     namespace: Some("shop".into()),
///     name: "web".into(),
/// };
/// // An error contains the root cause.
/// ready::wait_for(&client, [web], Instant::now() + Duration::from_secs(60)).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As soon as one of them has failed permanently, at the deadline, or when the API server is unreachable or denies a
/// watch.
pub async fn wait_for(
    client: &kube::Client,
    objects: impl IntoIterator<Item = ObjectRef>,
    deadline: Instant,
) -> Result<AllReady, NotReady> {
    let readiness = Readiness::start(client.clone(), "", ());
    let mut names = HashSet::new();
    for object in objects {
        let mut name = object.to_string();
        if !names.insert(name.clone()) {
            name = format!("{name} ({} {})", object.api_version, object.namespace.as_deref().unwrap_or_default());
        }
        // Neither uid nor generation is known: any object of that name counts.
        let applied = Applied { object, uid: String::new(), generation: 0 };
        readiness.expect(&name, vec![applied], Vec::new());
    }
    readiness.wait_for_all_ready(None, deadline).await
}
