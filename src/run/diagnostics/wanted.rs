//! What is wanted, in words: what is wrong with it, what to do about it, and what to ask kubectl next.

use super::Subject;
use crate::readiness::{ImageLack, ObjectRef, Want};

/// What is said of something that is wanted.
pub(super) struct Said {
    /// What is wanted.
    pub(super) subject: Subject,
    /// What is wrong with it, as a word for programs.
    pub(super) reason: &'static str,
    /// The same as the end of a sentence about it, such as `missing`.
    pub(super) message: String,
    /// What to do about it; none when the hint of the verdict is better.
    pub(super) hint: Option<String>,
    /// What a person asks kubectl next, in the namespace if there is one.
    pub(super) next: String,
}

/// What is said of `want`, which `by` wants.
pub(super) fn said(want: &Want, by: Option<&ObjectRef>) -> Option<Said> {
    let said = |subject, reason, message: &str, hint: Option<String>, next| {
        Some(Said { subject, reason, message: message.to_owned(), hint, next })
    };
    let of = |object: &ObjectRef| Subject::Object(object.clone());
    let describe = |object: &ObjectRef| {
        kubectl(object.namespace.as_deref(), &format!("describe {} {}", object.kind.to_lowercase(), object.name))
    };
    match want {
        Want::Object(object) => said(
            of(object),
            "Missing",
            "missing",
            Some(format!("create {object}, or correct its name where it is wanted")),
            kubectl(object.namespace.as_deref(), &format!("get {}s", object.kind.to_lowercase())),
        ),
        Want::Key { object, key } => said(
            of(object),
            "MissingKey",
            &format!("has no key {key}"),
            Some(format!("add key {key} to {object}, or correct the key where it is wanted")),
            describe(object),
        ),
        Want::Claim(object) => said(
            of(object),
            "Unbound",
            "is not bound",
            Some("correct its storageClassName, or see why its provisioner does not answer".into()),
            describe(object),
        ),
        Want::Quota(object) => said(of(object), "QuotaExceeded", "is exceeded", None, describe(object)),
        Want::Image { image, lack } => {
            let (reason, message) = match lack {
                ImageLack::NotFound => ("ImageNotFound", "does not exist"),
                ImageLack::Refused => ("ImagePullDenied", "is refused by its registry"),
                ImageLack::NotLoaded => ("ErrImageNeverPull", "is not on the node, and is never pulled"),
                _ => ("ImagePullBackOff", "cannot be pulled"),
            };
            let next = by.map_or_else(
                || kubectl(None, "get pods -A"),
                |by| kubectl(by.namespace.as_deref(), &format!("describe {by}")),
            );
            said(Subject::Image(image.clone()), reason, message, None, next)
        }
        Want::NodeResource(resource) => said(
            Subject::NodeResource(resource.clone()),
            "InsufficientResource",
            "is not enough on any node",
            None,
            kubectl(None, "describe nodes"),
        ),
        Want::Taint(taint) => said(
            Subject::Taint(taint.clone()),
            "UntoleratedTaint",
            "is on the nodes and not tolerated",
            None,
            kubectl(None, "describe nodes"),
        ),
        _ => None,
    }
}

/// `kubectl -n shop describe secret db`.
pub(super) fn kubectl(namespace: Option<&str>, ask: &str) -> String {
    match namespace.filter(|namespace| !namespace.is_empty()) {
        Some(namespace) => format!("kubectl -n {namespace} {ask}"),
        None => format!("kubectl {ask}"),
    }
}
