//! Images that cannot be pulled.

use std::borrow::Cow;

use crate::finding::Finding;
use crate::grace::{Cause, Grace};
use crate::view::View;
use crate::want::{ImageLack, Want};
use crate::world::World;

use super::messages::{Pulling, pulling};

/// A container that waits for its image.
pub(super) struct Pull<'a> {
    /// `container app` or `init container migrate`.
    pub(super) who: &'a str,
    /// The image reference in the pod.
    pub(super) image: &'a str,
    /// The reason for waiting.
    pub(super) reason: &'a str,
    /// The kubelet's message.
    pub(super) message: &'a str,
}

/// Returns the problem with the image; `None` when the reason is not about images.
pub(super) fn judge(pod: &View, pull: &Pull<'_>, world: &World, grace: &Grace) -> Option<Finding> {
    let Pull { who, image, reason, message } = pull;
    let failed = |why: &str, hint: &str| Finding::failed(pod, (*reason).to_owned(), format!("{who}: {why}"), hint);
    let want = |lack| Some(Want::Image { image: (*image).to_owned(), lack });
    match *reason {
        "InvalidImageName" => {
            Some(failed(&format!("{image:?} is no image name"), "correct the image's name in the manifest"))
        }
        "ErrImageNeverPull" => {
            let found = failed(
                &format!("image {image} is not on the node, and imagePullPolicy is Never"),
                "load the image into the node: is it among the component's images?",
            );
            Some(found.wanting(want(ImageLack::NotLoaded)))
        }
        "ErrImagePull"
        | "ImagePullBackOff"
        | "RegistryUnavailable"
        | "ImageInspectError"
        | "SignatureValidationFailed" => {
            // The back-off message may not repeat the cause; the event of the pull does.
            let told = world.notes(pod).find(|note| note.reason == "Failed" && note.message.contains(image));
            let told = told.map_or("", |note| note.message.as_str());
            let why = if told.len() > message.len() { told } else { message };
            let (found, lack) = match pulling(&format!("{message} {told}").replace(image, "")) {
                Pulling::NotFound => {
                    let text = format!("{who}: image {image} does not exist: {}", short(why));
                    let hint =
                        "correct the name or tag, or add the image to the component's images so that it is loaded";
                    (Finding::failed(pod, "ImageNotFound", text, hint), ImageLack::NotFound)
                }
                Pulling::Unauthorized => {
                    let text = format!("{who}: the registry refuses image {image}: {}", short(why));
                    let hint = "correct the name, or give the pod an imagePullSecret";
                    (Finding::failed(pod, "ImagePullDenied", text, hint), ImageLack::Refused)
                }
                Pulling::Network => {
                    let text = format!("{who}: image {image} cannot be pulled: {}", short(why));
                    let hint =
                        "the registry cannot be reached from the node: load the image instead, or see to the network";
                    let (cause, lasts) = (Cause::ImageNetwork, grace.of(Cause::ImageNetwork));
                    (Finding::failing(pod, cause, lasts, text, hint), ImageLack::NotPulled)
                }
            };
            Some(found.wanting(want(lack)))
        }
        _ => None,
    }
}

/// Returns the end of a message that repeats itself at every level, which is the most specific.
fn short(message: &str) -> Cow<'_, str> {
    const MOST: usize = 240;
    let start = message.char_indices().rev().take(MOST).last().map_or(0, |(at, _)| at);
    match message[start..].split_once(' ') {
        Some((_, rest)) if start > 0 => format!("… {}", rest.trim()).into(),
        _ => message.trim().into(),
    }
}
