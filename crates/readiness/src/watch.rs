//! A list and watch of one kind in one scope. kube handles reconnecting, bookmarks and 410 Gone.

use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use kube::api::{Api, DynamicObject};
use kube::core::ApiResource;
use kube::runtime::watcher;

use super::trim::trim;
use super::view::View;

/// The first pause before a failed watch is retried; it doubles with every attempt.
const FIRST_RETRY: Duration = Duration::from_millis(50);
/// The longest pause between two attempts.
const LAST_RETRY: Duration = Duration::from_secs(1);

/// Maximum number of objects in a page of a list: they are in memory before they are trimmed.
const PAGE: u32 = 100;

/// An update from a watch.
#[derive(Debug)]
pub(crate) enum Update {
    /// A list starts: objects that are not in it are deleted.
    Listing,
    /// The current state of an object.
    Put(Box<View>),
    /// An object was deleted.
    Removed(Box<View>),
    /// The list is complete.
    Listed,
    /// The watch has failed, and will be retried.
    Failed {
        /// Whether the API server denies it.
        forbidden: bool,
        /// The error.
        error: String,
    },
}

/// Lists and watches a kind, in a namespace or everywhere.
pub(crate) fn updates(
    client: kube::Client,
    resource: ApiResource,
    namespace: Option<&str>,
) -> BoxStream<'static, Update> {
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    };
    let events = watcher(api, watcher::Config::default().page_size(PAGE)).boxed();
    stream::unfold((events, FIRST_RETRY, None), move |(mut events, retry, pause)| {
        let resource = resource.clone();
        async move {
            if let Some(pause) = pause {
                let pause: Duration = pause;
                tokio::time::sleep_until(tokio::time::Instant::now() + pause).await;
            }
            match events.next().await? {
                // An attempt starts with this event, whether or not it then succeeds.
                Ok(watcher::Event::Init) => Some((Update::Listing, (events, retry, None))),
                Ok(event) => Some((update(event, &resource), (events, FIRST_RETRY, None))),
                Err(error) => {
                    let next = (retry * 2).min(LAST_RETRY);
                    Some((failure(&error), (events, next, Some(retry))))
                }
            }
        }
    })
    .boxed()
}

fn update(event: watcher::Event<DynamicObject>, resource: &ApiResource) -> Update {
    match event {
        watcher::Event::Init => Update::Listing,
        watcher::Event::InitDone => Update::Listed,
        watcher::Event::InitApply(object) | watcher::Event::Apply(object) => {
            Update::Put(Box::new(trim(object, resource)))
        }
        watcher::Event::Delete(object) => Update::Removed(Box::new(trim(object, resource))),
    }
}

fn failure(error: &watcher::Error) -> Update {
    use watcher::Error::{InitialListFailed, NoResourceVersion, WatchError, WatchFailed, WatchStartFailed};
    let (forbidden, text) = match error {
        InitialListFailed(kube::Error::Api(status))
        | WatchStartFailed(kube::Error::Api(status))
        | WatchFailed(kube::Error::Api(status))
        | WatchError(status) => (status.is_forbidden(), status.message.clone()),
        InitialListFailed(error) | WatchStartFailed(error) | WatchFailed(error) => (false, error.to_string()),
        NoResourceVersion => (false, "it cannot be watched".into()),
    };
    Update::Failed { forbidden, error: text }
}
