//! What keeps components from being ready at one moment: as a wait would tell it, without waiting.

use futures::future::join_all;

use super::rules;
use super::survey::{age, ask, list};
use super::view::Key;
use super::world::World;
use super::{Expectation, Settings, Unready, UnreadyObject, Verdict, masked};
use crate::object::ObjectRef;
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
    let components = expectations.iter().map(|expectation| component(client, &world, expectation, settings));
    let mut unready: Vec<_> = join_all(components).await;
    unready.retain(|unready| !unready.objects.is_empty());
    masked::unready(Redactor::global(), &mut unready);
    Ok(unready)
}

async fn component(client: &kube::Client, world: &World, expectation: &Expectation, settings: &Settings) -> Unready {
    let objects = expectation.objects.iter();
    let mut objects: Vec<_> = objects.filter_map(|object| unready(object, world, settings)).collect();
    objects.sort_by_key(|object| !matches!(object.verdict, Verdict::Failed { .. }));
    if objects.is_empty() {
        let verdict = ask(client, world, expectation).await;
        if !verdict.is_ready() {
            objects.push(UnreadyObject { object: None, cause: None, container: None, verdict, logs: Vec::new() });
        }
    }
    Unready { component: expectation.component.clone(), objects }
}

fn unready(object: &ObjectRef, world: &World, settings: &Settings) -> Option<UnreadyObject> {
    let unready = |verdict| UnreadyObject {
        object: Some(object.clone()),
        cause: None,
        container: None,
        verdict,
        logs: Vec::new(),
    };
    let Some(view) = world.get(&Key::from(object)) else {
        return Some(unready(Verdict::waiting("Missing", "it does not exist")));
    };
    let found = rules::judge(view, world, settings);
    let fault = found.fault();
    let blamed = fault.and_then(|fault| world.get(&Key::from(&fault.object))).unwrap_or(view);
    let verdict = found.settle(age(blamed).unwrap_or(std::time::Duration::MAX));
    let cause = fault.map(|fault| fault.object.clone()).filter(|cause| cause != object);
    let container = fault.and_then(|fault| fault.container.clone());
    (!verdict.is_ready()).then(|| UnreadyObject { cause, container, ..unready(verdict) })
}
