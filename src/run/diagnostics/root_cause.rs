//! Root causes: what several components wait for is told once.

use std::collections::{BTreeMap, BTreeSet};

use super::patterns::{self, Want};
use super::snapshot::name_of;
use super::{ClusterSnapshot, RootCause, Unreadiness};
use crate::readiness::{ObjectRef, Unready, UnreadyObject, Verdict};

/// A root cause, by what identifies it: a namespace, empty where it does not matter, and the thing.
type Causes = BTreeMap<(String, String), (usize, RootCause)>;

/// The root causes of everything that is not ready, worst first.
pub(super) fn root_causes(trouble: &Unreadiness, scene: &ClusterSnapshot) -> Vec<RootCause> {
    let unready: BTreeMap<&str, &Unready> = trouble.unready.iter().map(|u| (u.component.as_str(), u)).collect();
    let (mut causes, mut own) = (Causes::new(), BTreeMap::new());
    for component in &trouble.unready {
        let needs = unready_needs(&component.component, trouble, &unready);
        let mut keys = named(component, scene, &mut causes);
        if !is_symptom(component, &needs, &unready) {
            let told = unnamed(component, keys.is_empty());
            keys.extend(told.map(|object| itself(component, object, &needs, scene, &mut causes)));
        }
        own.insert(component.component.as_str(), keys);
    }
    for component in &trouble.unready {
        if own[component.component.as_str()].is_empty() {
            explain(component, trouble, &unready, &own, &mut causes);
        }
    }
    let mut causes: Vec<_> = causes.into_values().collect();
    causes.sort_by_key(|(at, cause)| (!cause.failed, usize::MAX - cause.components.len(), *at));
    causes.into_iter().map(|(_, cause)| cause).collect()
}

/// What is named by the reasons of a component.
fn named(component: &Unready, scene: &ClusterSnapshot, causes: &mut Causes) -> Vec<(String, String)> {
    let mut keys = Vec::new();
    for object in telling(component) {
        let Some(want) = patterns::named_in(object.message()) else { continue };
        let pod = wanting(object, scene);
        let namespace = pod.as_ref().and_then(|pod| pod.namespace.clone()).unwrap_or_default();
        let key = (if want.namespaced { namespace.clone() } else { String::new() }, want.object.clone());
        let at = causes.len();
        let (_, cause) = causes.entry(key.clone()).or_insert_with(|| (at, of(want, object, pod.as_ref(), &namespace)));
        cause.failed |= is_failed(object);
        add(&mut cause.wanted_by, pod.map(|pod| pod.to_string()));
        add(&mut cause.components, [component.component.clone()]);
        keys.push(key);
    }
    keys
}

fn of(want: Want, object: &UnreadyObject, pod: Option<&ObjectRef>, namespace: &str) -> RootCause {
    let ask = match pod {
        Some(pod) if want.ask.is_empty() => format!("describe {pod}"),
        _ => want.ask,
    };
    let scoped = (want.namespaced || ask.starts_with("describe pod/")) && !namespace.is_empty();
    RootCause {
        hint: want.hint.unwrap_or_else(|| hint(object)),
        next: if scoped { format!("kubectl -n {namespace} {ask}") } else { format!("kubectl {ask}") },
        object: want.object,
        reason: want.reason,
        wanted_by: Vec::new(),
        components: Vec::new(),
        failed: false,
    }
}

/// What has failed for reasons that name nothing; of what is only late the worst, unless other reasons name something.
fn unnamed(component: &Unready, alone: bool) -> impl Iterator<Item = &UnreadyObject> {
    let unnamed = || telling(component).filter(|object| patterns::named_in(object.message()).is_none());
    let late = unnamed().filter(move |object| alone && !is_failed(object)).take(1);
    unnamed().filter(|object| is_failed(object)).chain(late)
}

/// What nothing else explains is its own root cause.
fn itself(
    component: &Unready,
    worst: &UnreadyObject,
    needs: &[&str],
    scene: &ClusterSnapshot,
    causes: &mut Causes,
) -> (String, String) {
    let blamed = worst.cause.as_ref().or(worst.object.as_ref());
    let object = blamed.map_or_else(|| format!("component {}", component.component), ToString::to_string);
    // Neither what was applied nor a pod of it: a claim, for one. Whoever wants it is worth a word.
    let other = worst.cause.as_ref().is_some_and(|cause| cause.kind != "Pod" && worst.object.as_ref() != Some(cause));
    let wanting = wanting(&UnreadyObject { cause: None, ..worst.clone() }, scene).filter(|_| other);
    let namespace = blamed.and_then(|object| object.namespace.clone()).unwrap_or_default();
    let mut hint = hint(worst);
    if !needs.is_empty() {
        let too = format!("it needs {}, not ready either", needs.join(", "));
        hint = if hint.is_empty() { too } else { format!("{hint}; {too}") };
    }
    let scope = if namespace.is_empty() { String::new() } else { format!(" -n {namespace}") };
    let next = match (blamed, &worst.container) {
        (Some(pod), Some(container)) if pod.kind == "Pod" => {
            format!("kubectl{scope} logs {} -c {container} --previous", pod.name)
        }
        (Some(object), _) => format!("kubectl{scope} describe {object}"),
        (None, _) => format!("kind-harness logs {}", component.component),
    };
    let cause = RootCause {
        object: object.clone(),
        reason: worst.message().to_owned(),
        wanted_by: Vec::new(),
        hint,
        next,
        components: vec![component.component.clone()],
        failed: is_failed(worst),
    };
    let (at, key) = (causes.len(), (namespace, object));
    let (_, known) = causes.entry(key.clone()).or_insert((at, cause));
    known.failed |= is_failed(worst);
    add(&mut known.wanted_by, wanting.map(|object| object.to_string()));
    add(&mut known.components, [component.component.clone()]);
    key
}

/// Adds a component to the causes of what it needs, directly or by way of others.
fn explain(
    component: &Unready,
    trouble: &Unreadiness,
    unready: &BTreeMap<&str, &Unready>,
    own: &BTreeMap<&str, Vec<(String, String)>>,
    causes: &mut Causes,
) {
    let mut open = vec![component.component.as_str()];
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if !seen.insert(name) {
            continue;
        }
        for key in own.get(name).into_iter().flatten() {
            if let Some((_, cause)) = causes.get_mut(key) {
                add(&mut cause.wanted_by, [format!("component {}", component.component)]);
                add(&mut cause.components, [component.component.clone()]);
            }
        }
        open.extend(unready_needs(name, trouble, unready));
    }
}

fn unready_needs<'a>(name: &str, trouble: &'a Unreadiness, unready: &BTreeMap<&str, &Unready>) -> Vec<&'a str> {
    let needs = trouble.needs.get(name).into_iter().flatten().map(String::as_str);
    needs.filter(|need| *need != name && unready.contains_key(need)).collect()
}

/// Whether what a component needs explains it. What has failed is not explained by what is only late: both are told.
fn is_symptom(component: &Unready, needs: &[&str], unready: &BTreeMap<&str, &Unready>) -> bool {
    let failed = |unready: &Unready| unready.objects.iter().any(is_failed);
    !needs.is_empty() && (!failed(component) || needs.iter().any(|need| failed(unready[need])))
}

/// The objects whose reasons count: those that failed if any has, and workloads rather than what routes to them.
fn telling(component: &Unready) -> impl Iterator<Item = &UnreadyObject> {
    let any_failed = component.objects.iter().any(is_failed);
    let candidates = move || component.objects.iter().filter(move |object| !any_failed || is_failed(object));
    let any_other = candidates().any(|object| !routes(object));
    candidates().filter(move |object| !any_other || !routes(object))
}

fn routes(object: &UnreadyObject) -> bool {
    object.object.as_ref().is_some_and(|object| matches!(object.kind.as_str(), "Service" | "Ingress"))
}

/// The pod that wants something, or else the object that does.
fn wanting(object: &UnreadyObject, scene: &ClusterSnapshot) -> Option<ObjectRef> {
    let pod = object.object.as_ref().and_then(|object| scene.unready_pods(object).first().copied().map(name_of));
    object.cause.clone().or(pod).or_else(|| object.object.clone())
}

fn is_failed(object: &UnreadyObject) -> bool {
    matches!(object.verdict, Verdict::Failed { .. })
}

fn hint(object: &UnreadyObject) -> String {
    match &object.verdict {
        Verdict::Failed { hint, .. } => hint.clone(),
        _ => String::new(),
    }
}

fn add(list: &mut Vec<String>, more: impl IntoIterator<Item = String>) {
    for one in more {
        if !list.contains(&one) {
            list.push(one);
        }
    }
}
