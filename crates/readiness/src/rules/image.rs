//! Images that do not come.

use std::borrow::Cow;

use crate::finding::{Fault, Finding};
use crate::grace::{Cause, Grace};
use crate::view::View;
use crate::world::World;

/// A container that waits for its image.
pub(super) struct Pull<'a> {
    /// `container app` or `init container migrate`.
    pub(super) who: &'a str,
    /// The image as the pod names it.
    pub(super) image: &'a str,
    /// The reason for which it waits.
    pub(super) reason: &'a str,
    /// The kubelet's message.
    pub(super) message: &'a str,
}

/// What is wrong with the image; nothing when the reason is not about images.
pub(super) fn judge(pod: &View, pull: &Pull<'_>, world: &World, grace: &Grace) -> Option<Finding> {
    let Pull { who, image, reason, message } = pull;
    let failed =
        |why: &str, hint: &str| Some(Finding::failed(pod, (*reason).to_owned(), format!("{who}: {why}"), hint));
    match *reason {
        "InvalidImageName" => {
            failed(&format!("{image:?} is no image name"), "correct the image's name in the manifest")
        }
        "ErrImageNeverPull" => failed(
            &format!("image {image} is not on the node, and imagePullPolicy is Never"),
            "load the image into the node: is it among the component's images?",
        ),
        "ErrImagePull"
        | "ImagePullBackOff"
        | "RegistryUnavailable"
        | "ImageInspectError"
        | "SignatureValidationFailed" => {
            // The back-off message may not repeat the cause; the event of the pull does.
            let told = world.notes(pod).find(|note| note.reason == "Failed" && note.message.contains(image));
            let told = told.map_or("", |note| note.message.as_str());
            let why = if told.len() > message.len() { told } else { message };
            Some(match classify(&format!("{message} {told}").replace(image, "")) {
                Pulling::NotFound => Finding::failed(
                    pod,
                    "ImageNotFound",
                    format!("{who}: image {image} does not exist: {}", short(why)),
                    "correct the name or tag, or add the image to the component's images so that it is loaded",
                ),
                Pulling::Unauthorized => Finding::failed(
                    pod,
                    "ImagePullDenied",
                    format!("{who}: the registry refuses image {image}: {}", short(why)),
                    "correct the name, or give the pod an imagePullSecret",
                ),
                Pulling::Network => Fault::new(
                    pod,
                    Cause::ImageNetwork,
                    grace.of(Cause::ImageNetwork),
                    format!("{who}: image {image} cannot be pulled: {}", short(why)),
                    "the registry cannot be reached from the node: load the image instead, or see to the network",
                )
                .into(),
            })
        }
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pulling {
    NotFound,
    Unauthorized,
    Network,
}

/// What passes comes first: a proxy's `403 Forbidden` on the way is not the registry's.
fn classify(text: &str) -> Pulling {
    const NETWORK: [&str; 16] = [
        "dial tcp",
        "i/o timeout",
        "no such host",
        "connection refused",
        "connection reset",
        "tls:",
        "tls handshake",
        "x509",
        "proxyconnect",
        "network is unreachable",
        "server misbehaving",
        "deadline exceeded",
        "toomanyrequests",
        "too many requests",
        "unexpected eof",
        "service unavailable",
    ];
    const UNAUTHORIZED: [&str; 7] = [
        "unauthorized",
        "authorization failed",
        "authentication required",
        "insufficient_scope",
        "access denied",
        "access to the resource is denied",
        "403 forbidden",
    ];
    const NOT_FOUND: [&str; 5] = ["not found", "notfound", "manifest unknown", "name unknown", "does not exist"];
    let text = text.to_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    if says(&NETWORK) || says(&["500 internal", "502 bad", "504 gateway"]) {
        Pulling::Network
    } else if says(&UNAUTHORIZED) {
        Pulling::Unauthorized
    } else if says(&NOT_FOUND) {
        Pulling::NotFound
    } else {
        Pulling::Network
    }
}

/// The end of a message that repeats itself at every level says most.
fn short(message: &str) -> Cow<'_, str> {
    const MOST: usize = 240;
    let start = message.char_indices().rev().take(MOST).last().map_or(0, |(at, _)| at);
    match message[start..].split_once(' ') {
        Some((_, rest)) if start > 0 => format!("… {}", rest.trim()).into(),
        _ => message.trim().into(),
    }
}
