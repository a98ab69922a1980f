use super::*;

fn widget(conditions: &str, world: &str) -> String {
    format!(
        "- {{apiVersion: example.com/v1, kind: Widget, metadata: {{name: w, generation: 3}}, status: {{conditions: {conditions}}}}}\n{world}"
    )
}

const PROMISES: &str = "
- apiVersion: apiextensions.k8s.io/v1
  kind: CustomResourceDefinition
  metadata: {name: widgets.example.com}
  spec:
    group: example.com
    names: {kind: Widget, plural: widgets}
    versions: [{name: v1, schema: {openAPIV3Schema: {properties: {status: {properties: {conditions: {}}}}}}}]";

#[test]
fn custom_resources() {
    check(&[
        ("none", &widget("{}", ""), Is::Ready),
        ("none yet, though promised", &widget("[]", PROMISES), Is::Waiting("not reported conditions yet")),
        (
            "none, which another kind of its group promises",
            &widget("[]", &PROMISES.replace("kind: Widget", "kind: Gadget")),
            Is::Ready,
        ),
        (
            "none, which its namesake in another group promises",
            &widget("[]", &PROMISES.replace("group: example.com", "group: example.org")),
            Is::Ready,
        ),
        ("up", &widget("[{type: Ready, status: 'True'}]", PROMISES), Is::Ready),
        (
            "up, of an older generation",
            &widget("[{type: Ready, status: 'True', observedGeneration: 2}]", ""),
            Is::Waiting("older generation"),
        ),
        (
            "not up",
            &widget("[{type: Synced, status: 'True'}, {type: Ready, status: 'False', reason: Why}]", ""),
            Is::Waiting("Ready is False: Why"),
        ),
        ("unknown", &widget("[{type: Available, status: Unknown}]", ""), Is::Waiting("Available is Unknown")),
        (
            "down",
            &widget("[{type: Ready, status: 'True'}, {type: Degraded, status: 'True'}]", ""),
            Is::Waiting("Degraded is True"),
        ),
        ("not down", &widget("[{type: Degraded, status: 'False'}]", ""), Is::Ready),
        ("down, or not: nobody knows", &widget("[{type: Degraded, status: Unknown}]", ""), Is::Ready),
        ("progressing", &widget("[{type: Progressing, status: 'True'}]", ""), Is::Waiting("Progressing is True")),
        (
            "progressing, as a Deployment does when it is complete",
            &widget("[{type: Progressing, status: 'True', reason: NewReplicaSetAvailable}]", ""),
            Is::Ready,
        ),
        ("being deleted", &widget("[]", "").replace("generation: 3", "deletionTimestamp: x"), Is::Waiting("deleted")),
        (
            "stalled, of an older generation",
            &widget("[{type: Stalled, status: 'True', observedGeneration: 1}]", ""),
            Is::Waiting("older generation"),
        ),
        ("conditions that are none", &widget("{Ready: 'False'}", ""), Is::Ready),
        ("names nobody knows", &widget("[{type: Painted, status: 'False'}]", ""), Is::Ready),
        (
            "stalled",
            &widget("[{type: Stalled, status: 'True', message: broken}]", ""),
            Is::Failing(Cause::Final, "stalled: broken"),
        ),
        (
            "reconciling",
            &widget("[{type: Reconciling, status: 'True', reason: Busy}]", ""),
            Is::Waiting("reconciling: Busy"),
        ),
    ]);
}

fn gateway_api(kind: &str, spec: &str, status: &str) -> String {
    format!(
        "- {{apiVersion: gateway.networking.k8s.io/v1, kind: {kind}, metadata: {{name: r, generation: 3}}, spec: {{{spec}}}, status: {{{status}}}}}"
    )
}

#[test]
fn conditions_of_parents_and_listeners() {
    let route = |spec: &str, parents: &str| gateway_api("HTTPRoute", spec, &format!("parents: [{parents}]"));
    let parent = |name: &str, conditions: &str| format!("{{parentRef: {{name: {name}}}, conditions: [{conditions}]}}");
    let up = "{type: Accepted, status: 'True', observedGeneration: 3}, {type: ResolvedRefs, status: 'True', observedGeneration: 3}";
    let one = "parentRefs: [{name: web}]";
    let two = "parentRefs: [{name: web}, {name: inner}]";
    let refused = "{type: Accepted, status: 'False', reason: NoMatchingParent}";
    let old = up.replace("observedGeneration: 3", "observedGeneration: 2");
    let gateway = |listeners: &str| {
        gateway_api(
            "Gateway",
            "",
            &format!("conditions: [{{type: Programmed, status: 'True'}}], listeners: [{listeners}]"),
        )
    };
    check(&[
        ("accepted", &route(one, &parent("web", up)), Is::Ready),
        ("no parent yet", &route(one, ""), Is::Waiting("parent web: its controller has not reported conditions yet")),
        ("no status yet", &gateway_api("GRPCRoute", one, ""), Is::Waiting("parent web")),
        ("no conditions yet", &route(one, &parent("web", "")), Is::Waiting("parent web")),
        ("one of two", &route(two, &parent("web", up)), Is::Waiting("parent inner")),
        ("both", &route(two, &format!("{}, {}", parent("web", up), parent("inner", up))), Is::Ready),
        (
            "refused by one",
            &route(two, &format!("{}, {}", parent("web", up), parent("inner", refused))),
            Is::Waiting("parent inner: Accepted is False: NoMatchingParent"),
        ),
        (
            "of an older generation",
            &route(one, &parent("web", &old)),
            Is::Waiting("parent web: condition Accepted is of an older generation"),
        ),
        ("without parents", &gateway_api("HTTPRoute", "", ""), Is::Ready),
        (
            "a listener that is up",
            &gateway(
                "{name: https, conditions: [{type: Programmed, status: 'True'}, {type: Conflicted, status: 'False'}]}",
            ),
            Is::Ready,
        ),
        (
            "a listener that is not",
            &gateway(
                "{name: https, conditions: [{type: ResolvedRefs, status: 'False', reason: InvalidCertificateRef}]}",
            ),
            Is::Waiting("listener https: ResolvedRefs is False: InvalidCertificateRef"),
        ),
        (
            "a policy",
            &gateway_api(
                "BackendTLSPolicy",
                "",
                "ancestors: [{ancestorRef: {name: web}, conditions: [{type: Accepted, status: 'False', reason: Conflicted}]}]",
            ),
            Is::Waiting("ancestor web: Accepted is False"),
        ),
    ]);
}
