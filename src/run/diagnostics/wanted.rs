//! Texts about a needed object: the reason, the hint, and the next kubectl command.

use super::Subject;
use crate::readiness::{ImageLack, ObjectRef, Want};

/// The texts about a needed object or resource.
pub(super) struct Said {
    /// The needed object or resource.
    pub(super) subject: Subject,
    /// The reason as a word for programs.
    pub(super) reason: &'static str,
    /// The reason as the end of a sentence, such as `missing`.
    pub(super) message: String,
    /// The hint; `None` when the verdict's own is better.
    pub(super) hint: Option<String>,
    /// The next kubectl command, in the namespace if there is one.
    pub(super) next: String,
}

/// Returns the texts about `want`, which `by` needs.
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

/// Formats a command: `kubectl -n shop describe secret db`.
pub(super) fn kubectl(namespace: Option<&str>, ask: &str) -> String {
    match namespace.filter(|namespace| !namespace.is_empty()) {
        Some(namespace) => format!("kubectl -n {namespace} {ask}"),
        None => format!("kubectl {ask}"),
    }
}
