//! What keeps components from being ready at one moment: as a wait would tell it, without waiting.

use futures::future::join_all;

use super::survey::{self, list};
use super::{Expectation, Settings, Unready, masked};
use crate::redact::Redactor;

/// Lists once what `expectations` name, asks each probe once, and returns every component that is not ready.
///
/// # Errors
/// The API server cannot be reached, or refuses a list that the answer depends on.
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
