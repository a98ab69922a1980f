//! Reports what keeps components from being ready, like a wait, but at once.

use futures::future::join_all;

use super::survey::{self, list};
use super::{Expectation, Settings, Unready, masked};
use crate::redact::Redactor;

/// Lists the objects of `expectations` once, runs each probe once, and returns every component that is not ready.
///
/// # Errors
/// When the API server is unreachable, or denies a list that the result depends on.
pub async fn examine(
    client: &kube::Client,
    namespace: &str,
    expectations: &[Expectation],
    settings: &Settings,
) -> Result<Vec<Unready>, kube::Error> {
    let world = list(client, namespace, expectations).await?;
    let components = expectations.iter().map(async |expectation| Unready {
        component: expectation.component.clone(),
        objects: survey::unready(client, &world, expectation, settings).await,
    });
    let mut unready: Vec<_> = join_all(components).await;
    unready.retain(|unready| !unready.objects.is_empty());
    masked::unready(Redactor::global(), &mut unready);
    Ok(unready)
}
