//! One list and watch of one kind in one scope. Reconnecting, bookmarks and 410 Gone are kube's work.

use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use kube::api::{Api, DynamicObject};
use kube::core::ApiResource;
use kube::runtime::watcher;

use super::trim::trim;
use super::view::View;

/// After an error the watch is tried again after this, then after twice as long, and so on.
const FIRST_RETRY: Duration = Duration::from_millis(50);
/// The longest pause between two tries.
const LAST_RETRY: Duration = Duration::from_secs(1);

/// Objects in one answer of a list: what is trimmed is first there as a whole.
const PAGE: u32 = 100;

/// What a watch says.
#[derive(Debug)]
pub(crate) enum Update {
    /// A list begins: what it does not bring is gone.
    Listing,
    /// An object as it is now.
    Put(Box<View>),
    /// An object was deleted.
    Removed(Box<View>),
    /// The list is complete.
    Listed,
    /// The watch has failed, and will be tried again.
    Failed {
        /// Whether the API server refuses it.
        forbidden: bool,
        /// What it says.
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
                // An attempt begins with this, whether or not it then succeeds.
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
