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
