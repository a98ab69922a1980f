//! What a reason says is wanted: the thing at the root, where the words of kubelet, scheduler and controllers name it.

/// Something that is wanted, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Want {
    /// Such as `secret/db`.
    pub(super) object: String,
    /// Such as `missing`.
    pub(super) reason: String,
    /// What to do about it; none when the hint of the verdict is better.
    pub(super) hint: Option<String>,
    /// What a person asks kubectl next; the namespace is added where `namespaced`.
    pub(super) ask: String,
    /// Whether it belongs to the namespace of the pod that wants it.
    pub(super) namespaced: bool,
}

/// The objects that others name, as messages write them.
const KINDS: [&str; 4] = ["secret", "configmap", "persistentvolumeclaim", "serviceaccount"];

/// What `reason` says is wanted; none when it names nothing.
pub(super) fn named_in(reason: &str) -> Option<Want> {
    // It was missing, and is no more.
    if reason.contains("is there now, and will be tried again") {
        return None;
    }
    missing_object(reason)
        .or_else(|| missing_key(reason))
        .or_else(|| image(reason))
        .or_else(|| node(reason))
        .or_else(|| quota(reason))
        .or_else(|| claim(reason))
}

/// `secret "db" not found`.
fn missing_object(reason: &str) -> Option<Want> {
    KINDS.iter().find_map(|kind| {
        let (_, rest) = reason.split_once(&format!("{kind} \""))?;
        let (name, rest) = rest.split_once('"')?;
        rest.trim_start().starts_with("not found").then(|| Want {
            object: format!("{kind}/{name}"),
            reason: "missing".into(),
            hint: Some(format!("create {kind}/{name}, or correct its name where it is wanted")),
            ask: format!("get {kind}s"),
            namespaced: true,
        })
    })
}

/// `couldn't find key password in Secret shop/db`.
fn missing_key(reason: &str) -> Option<Want> {
    let (_, rest) = reason.split_once("find key ")?;
    let (key, rest) = rest.split_once(" in ")?;
    let mut words = rest.split_whitespace();
    let (kind, place) = (words.next()?.to_lowercase(), words.next()?);
    let name = place.rsplit('/').next()?.trim_end_matches(['.', ',', ';', ':']);
    Some(Want {
        object: format!("{kind}/{name}"),
        reason: format!("has no key {key}"),
        hint: Some(format!("add key {key} to {kind}/{name}, or correct the key where it is wanted")),
        ask: format!("describe {kind} {name}"),
        namespaced: true,
    })
}

/// What readiness says of images that do not come.
fn image(reason: &str) -> Option<Want> {
    let (before, rest) = reason.split_once("image ")?;
    let (name, rest) = rest.split_once(' ')?;
    let name = name.trim_matches(['"', ':', ',']);
    let why = if rest.starts_with("does not exist") {
        "does not exist"
    } else if rest.starts_with("cannot be pulled") {
        "cannot be pulled"
    } else if rest.starts_with("is not on the node") {
        "is not on the node, and is never pulled"
    } else if before.ends_with("the registry refuses ") {
        "is refused by its registry"
    } else {
        return None;
    };
    Some(Want {
        object: format!("image {name}"),
        reason: why.into(),
        hint: None,
        ask: String::new(),
        namespaced: false,
    })
}

/// `0/1 nodes are available: 1 Insufficient memory.` and taints that nobody tolerates.
fn node(reason: &str) -> Option<Want> {
    let (_, message) = reason.split_once("no node takes it: ")?;
    let want = |object: String, reason: &str| {
        Some(Want { object, reason: reason.into(), hint: None, ask: "describe nodes".into(), namespaced: false })
    };
    if let Some((_, rest)) = message.split_once("Insufficient ") {
        let resource = rest.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';')).next()?;
        return want(format!("node resource {}", resource.trim_end_matches('.')), "is not enough on any node");
    }
    let (_, rest) = message.split_once("untolerated taint ")?;
    let (taint, _) = rest.split_once('}')?;
    want(
        format!("taint {}", taint.trim_start_matches('{').trim_end_matches(": ").trim()),
        "is on the nodes and not tolerated",
    )
}

/// `exceeded quota: compute, requested: …`.
fn quota(reason: &str) -> Option<Want> {
    let (_, rest) = reason.split_once("exceeded quota: ")?;
    let name = rest.split([',', ' ']).next().filter(|name| !name.is_empty())?;
    Some(Want {
        object: format!("resourcequota/{name}"),
        reason: "is exceeded".into(),
        hint: None,
        ask: format!("describe resourcequota {name}"),
        namespaced: true,
    })
}

/// `it waits for persistentvolumeclaim/data: not bound yet`.
fn claim(reason: &str) -> Option<Want> {
    let (_, rest) = reason.split_once("it waits for persistentvolumeclaim/")?;
    let name = rest.split([' ', ':', ',', ')']).next().filter(|name| !name.is_empty())?;
    Some(Want {
        object: format!("persistentvolumeclaim/{name}"),
        reason: "is not bound".into(),
        hint: Some("correct its storageClassName, or see why its provisioner does not answer".into()),
        ask: format!("describe persistentvolumeclaim {name}"),
        namespaced: true,
    })
}
