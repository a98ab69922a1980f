//! Webhook configurations: their Services must be ready, or the API server rejects the requests that they guard.

use crate::finding::Finding;
use crate::grace::Grace;
use crate::object::ObjectRef;
use crate::view::{Key, Lenient, View};
use crate::world::World;

pub(super) fn judge(view: &View, world: &World, grace: &Grace) -> Finding {
    for webhook in view.json.list("/webhooks") {
        let Some(name) = webhook.text("/clientConfig/service/name") else { continue };
        let service = ObjectRef {
            api_version: "v1".into(),
            kind: "Service".into(),
            namespace: webhook.text("/clientConfig/service/namespace").map(str::to_owned),
            name: name.to_owned(),
        };
        let which = webhook.text("/name").unwrap_or("a webhook");
        let found = world.get(&Key::from(&service));
        let is_scaled_to_zero = found.is_some_and(|service| super::service::is_scaled_to_zero(service, world));
        let why = match found.map(|service| super::service::judge(service, world, grace)) {
            Some(Finding::Ready) if is_scaled_to_zero => "what it selects is scaled to zero".into(),
            Some(Finding::Ready) => continue,
            Some(Finding::Waiting(why)) => why.text,
            Some(Finding::Failing(fault)) => fault.message,
            None => "it is not there".into(),
        };
        let text = format!("{which} is served by {service}, which is not ready: {why}");
        return Finding::waiting_for("ServiceNotReady", service, text);
    }
    Finding::Ready
}
