//! Root causes: one that several components wait for is reported once.

use std::collections::{BTreeMap, BTreeSet};

use super::snapshot::name_of;
use super::wanted::{Said, kubectl, said};
use super::{ClusterSnapshot, RootCause, Subject, Unreadiness};
use crate::readiness::{ObjectRef, Unready, UnreadyObject};

/// Root causes by subject, each with its position in the order in which they were found.
type Causes = BTreeMap<Subject, (usize, RootCause)>;

/// Returns the root causes of everything that is not ready, worst first.
pub(super) fn root_causes(trouble: &Unreadiness, scene: &ClusterSnapshot) -> Vec<RootCause> {
    let unready: BTreeMap<&str, &Unready> = trouble.unready.iter().map(|u| (u.component.as_str(), u)).collect();
    let (mut causes, mut own) = (Causes::new(), BTreeMap::new());
    for component in &trouble.unready {
        let needs = unready_needs(&component.component, trouble, &unready);
        let mut keys = wanted(component, scene, &mut causes);
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

/// Adds the root causes named by the component's objects, and returns their subjects.
fn wanted(component: &Unready, scene: &ClusterSnapshot, causes: &mut Causes) -> Vec<Subject> {
    let mut subjects = Vec::new();
    for object in telling(component) {
        let by = wanting(object, scene);
        let Some(said) = object.want.as_ref().and_then(|want| said(want, by.as_ref())) else { continue };
        let (at, subject) = (causes.len(), said.subject.clone());
        let (_, cause) = causes.entry(subject.clone()).or_insert_with(|| (at, root_cause_of(said, object)));
        cause.failed |= object.verdict.is_failed();
        add(&mut cause.wanted_by, by.map(Subject::Object));
        add(&mut cause.components, [component.component.clone()]);
        subjects.push(subject);
    }
    subjects
}

fn root_cause_of(said: Said, object: &UnreadyObject) -> RootCause {
    let Said { subject, reason, message, hint, next } = said;
    RootCause {
        subject,
        failed: false,
        reason: reason.into(),
        message,
        own: false,
        wanted_by: Vec::new(),
        hint: hint.unwrap_or_else(|| object.verdict.hint().unwrap_or_default().to_owned()),
        next,
        components: Vec::new(),
    }
}

/// Returns the failed objects whose reasons name no other object; with `alone`, also the first of those that only wait.
fn unnamed(component: &Unready, alone: bool) -> impl Iterator<Item = &UnreadyObject> {
    let unnamed = || telling(component).filter(|object| object.want.is_none());
    let late = unnamed().filter(move |object| alone && !object.verdict.is_failed()).take(1);
    unnamed().filter(|object| object.verdict.is_failed()).chain(late)
}

/// Adds an object that nothing else explains as a root cause of its own.
fn itself(
    component: &Unready,
    worst: &UnreadyObject,
    needs: &[&str],
    scene: &ClusterSnapshot,
    causes: &mut Causes,
) -> Subject {
    let blamed = worst.cause.as_ref().or(worst.object.as_ref());
    let subject =
        blamed.map_or_else(|| Subject::Component(component.component.clone()), |it| Subject::Object(it.clone()));
    // Neither an applied object nor one of its pods, such as a claim: then the object that needs it is reported too.
    let other = worst.cause.as_ref().is_some_and(|cause| cause.kind != "Pod" && worst.object.as_ref() != Some(cause));
    let wanting = wanting(&UnreadyObject { cause: None, ..worst.clone() }, scene).filter(|_| other);
    let mut hint = worst.verdict.hint().unwrap_or_default().to_owned();
    if !needs.is_empty() {
        let too = format!("it needs {}, not ready either", needs.join(", "));
        hint = if hint.is_empty() { too } else { format!("{hint}; {too}") };
    }
    let next = match (blamed, &worst.container) {
        (Some(pod), Some(container)) if pod.kind == "Pod" => {
            kubectl(pod.namespace.as_deref(), &format!("logs {} -c {container} --previous", pod.name))
        }
        (Some(object), _) => kubectl(object.namespace.as_deref(), &format!("describe {object}")),
        (None, _) => format!("kind-harness logs {}", component.component),
    };
    let cause = RootCause {
        subject: subject.clone(),
        failed: worst.verdict.is_failed(),
        reason: worst.verdict.reason().to_owned(),
        message: worst.message().to_owned(),
        own: true,
        wanted_by: Vec::new(),
        hint,
        next,
        components: vec![component.component.clone()],
    };
    let at = causes.len();
    let (_, known) = causes.entry(subject.clone()).or_insert((at, cause));
    known.failed |= worst.verdict.is_failed();
    add(&mut known.wanted_by, wanting.map(Subject::Object));
    add(&mut known.components, [component.component.clone()]);
    subject
}

/// Adds a component to the causes of its needs, direct and indirect ones.
fn explain(
    component: &Unready,
    trouble: &Unreadiness,
    unready: &BTreeMap<&str, &Unready>,
    own: &BTreeMap<&str, Vec<Subject>>,
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
                add(&mut cause.wanted_by, [Subject::Component(component.component.clone())]);
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

/// Returns whether its needs explain why a component is not ready. A failure is not explained by needs that only wait:
/// both are reported.
fn is_symptom(component: &Unready, needs: &[&str], unready: &BTreeMap<&str, &Unready>) -> bool {
    let failed = |unready: &Unready| unready.objects.iter().any(|object| object.verdict.is_failed());
    !needs.is_empty() && (!failed(component) || needs.iter().any(|need| failed(unready[need])))
}

/// Returns the objects whose reasons count: the failed ones if there are any, and workloads rather than what routes to
/// them.
fn telling(component: &Unready) -> impl Iterator<Item = &UnreadyObject> {
    let any_failed = component.objects.iter().any(|object| object.verdict.is_failed());
    let candidates = move || component.objects.iter().filter(move |object| !any_failed || object.verdict.is_failed());
    let any_other = candidates().any(|object| !routes(object));
    candidates().filter(move |object| !any_other || !routes(object))
}

fn routes(object: &UnreadyObject) -> bool {
    object.object.as_ref().is_some_and(|object| matches!(object.kind.as_str(), "Service" | "Ingress"))
}

/// Returns the pod that needs something, or else the object that does.
fn wanting(object: &UnreadyObject, scene: &ClusterSnapshot) -> Option<ObjectRef> {
    let pod = object.object.as_ref().and_then(|object| scene.unready_pods(object).first().copied().map(name_of));
    object.cause.clone().or(pod).or_else(|| object.object.clone())
}

fn add<T: PartialEq>(list: &mut Vec<T>, more: impl IntoIterator<Item = T>) {
    for one in more {
        if !list.contains(&one) {
            list.push(one);
        }
    }
}
