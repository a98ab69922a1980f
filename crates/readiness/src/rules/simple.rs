//! Kinds with one-line rules.

use crate::finding::Finding;
use crate::view::{Lenient, View};

/// Returns ready if its `Available` condition is true.
pub(super) fn api_service(view: &View) -> Finding {
    match view.condition("Available") {
        Some(available) if available.is_true() => Finding::Ready,
        Some(available) => Finding::waiting("NotAvailable", format!("not available: {}", available.why())),
        None => Finding::waiting("NotAvailable", "not available yet"),
    }
}

/// Returns ready if it has an address.
pub(super) fn ingress(view: &View) -> Finding {
    match view.json.list("/status/loadBalancer/ingress") {
        [] => Finding::waiting("NoAddress", "it has no address: no ingress controller has taken it yet"),
        _ => Finding::Ready,
    }
}

/// Returns ready if it exists, and does not report that it cannot scale.
pub(super) fn autoscaler(view: &View) -> Finding {
    let unable = view.condition("AbleToScale").filter(|able| able.is_false());
    match unable {
        Some(able) => Finding::waiting("UnableToScale", format!("it cannot scale: {}", able.why())),
        None => Finding::Ready,
    }
}
