//! Root causes: what several components wait for is told once.

use std::collections::{BTreeMap, BTreeSet};

use super::scene::name_of;
use super::want::{self, Want};
use super::{RootCause, Scene, Trouble};
use crate::object::ObjectRef;
use crate::ready::{Unready, UnreadyObject, Verdict};

/// A root cause, by what identifies it: a namespace, empty where it does not matter, and the thing.
type Causes = BTreeMap<(String, String), (usize, RootCause)>;

/// The root causes of everything that is not ready, worst first.
pub(super) fn root_causes(trouble: &Trouble, scene: &Scene) -> Vec<RootCause> {
    let unready: BTreeMap<&str, &Unready> = trouble.unready.iter().map(|u| (u.component.as_str(), u)).collect();
    let (mut causes, mut own) = (Causes::new(), BTreeMap::new());
    for component in &trouble.unready {
        let needs = unready_needs(&component.component, trouble, &unready);
        let mut keys = named(component, scene, &mut causes);
        if keys.is_empty() && !is_symptom(component, &needs, &unready) {
            keys = itself(component, &needs, &mut causes);
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
fn named(component: &Unready, scene: &Scene, causes: &mut Causes) -> Vec<(String, String)> {
    let mut keys = Vec::new();
    for object in telling(component) {
        let pod = wanting(object, scene);
        let claim = || {
            let pod = scene.find(pod.as_ref()?)?;
            want::unbound_claim(object.reason(), pod, scene.of_kind("PersistentVolumeClaim"))
        };
        let Some(want) = want::named_in(object.reason()).or_else(claim) else { continue };
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

/// A component that nothing else explains is its own root cause.
fn itself(component: &Unready, needs: &[&str], causes: &mut Causes) -> Vec<(String, String)> {
    let Some(worst) = telling(component).next() else { return Vec::new() };
    let blamed = worst.cause.as_ref().or(worst.object.as_ref());
    let object = blamed.map_or_else(|| format!("component {}", component.component), ToString::to_string);
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
        reason: worst.reason().to_owned(),
        wanted_by: Vec::new(),
        hint,
        next,
        components: vec![component.component.clone()],
        failed: is_failed(worst),
    };
    let (at, key) = (causes.len(), (namespace, object));
    let (_, known) = causes.entry(key.clone()).or_insert((at, cause));
    add(&mut known.components, [component.component.clone()]);
    vec![key]
}

/// Adds a component to the causes of what it needs, directly or by way of others.
fn explain(
    component: &Unready,
    trouble: &Trouble,
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

fn unready_needs<'a>(name: &str, trouble: &'a Trouble, unready: &BTreeMap<&str, &Unready>) -> Vec<&'a str> {
    let needs = trouble.needs.get(name).into_iter().flatten().map(String::as_str);
    needs.filter(|need| *need != name && unready.contains_key(need)).collect()
}

/// Whether what a component needs explains it. What has failed is not explained by what is only late: both are told.
fn is_symptom(component: &Unready, needs: &[&str], unready: &BTreeMap<&str, &Unready>) -> bool {
    let failed = |unready: &Unready| unready.objects.iter().any(is_failed);
    !needs.is_empty() && (!failed(component) || needs.iter().any(|need| failed(unready[need])))
}

/// The objects whose reasons count: those that failed if any has; otherwise the workloads before what routes to them.
fn telling(component: &Unready) -> impl Iterator<Item = &UnreadyObject> {
    let any_failed = component.objects.iter().any(is_failed);
    let routes = |object: &UnreadyObject| {
        object.object.as_ref().is_some_and(|object| matches!(object.kind.as_str(), "Service" | "Ingress"))
    };
    let others = component.objects.iter().any(|object| !routes(object));
    component.objects.iter().filter(move |o| if any_failed { is_failed(o) } else { !others || !routes(o) })
}

/// The pod that wants something, or else the object that readiness blames.
fn wanting(object: &UnreadyObject, scene: &Scene) -> Option<ObjectRef> {
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
