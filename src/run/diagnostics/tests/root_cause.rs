use super::*;

const CRASH: &str = "container app keeps crashing: exit code 1, 3 restarts";

/// Each case has the headline and the next command of the first root cause.
#[test]
fn the_root_is_told_first_and_once() {
    let wanting = |name: &str, want| trouble(1, "", vec![wants(failed(name, "it lacks something"), want)]);
    let image = |image: &str| Want::Image { image: image.into(), lack: ImageLack::NotFound };
    let late = |name: &str| waiting(name, "0 of 1 replicas ready: pod/x: container app: ContainerCreating");
    let cases = [
        (
            "one Secret that many want",
            trouble(6, "", ["api", "web", "jobs", "mail", "auth"].map(no_secret).into()),
            "5 of 6 not ready; root cause: secret/db missing, wanted by pod/api-1, pod/web-1, pod/jobs-1 and 2 more",
            "kubectl -n shop get secrets",
        ),
        (
            "a key of a Secret",
            wanting("api", Want::Key { object: object("Secret", "db"), key: "password".into() }),
            "1 of 1 not ready; root cause: secret/db has no key password, wanted by pod/api-1",
            "kubectl -n shop describe secret db",
        ),
        (
            "a claim that does not exist",
            wanting("db", Want::Object(object("PersistentVolumeClaim", "data"))),
            "1 of 1 not ready; root cause: persistentvolumeclaim/data missing, wanted by pod/db-1",
            "kubectl -n shop get persistentvolumeclaims",
        ),
        (
            "an image that two want",
            trouble(2, "", ["api", "web"].map(|name| wants(failed(name, "no image"), image("shop/x:9"))).into()),
            "2 of 2 not ready; root cause: image shop/x:9 does not exist, wanted by pod/api-1, pod/web-1",
            "kubectl -n shop describe pod/api-1",
        ),
        (
            "a resource that the nodes lack",
            wanting("api", Want::NodeResource("memory".into())),
            "1 of 1 not ready; root cause: node resource memory is not enough on any node, wanted by pod/api-1",
            "kubectl describe nodes",
        ),
        (
            "a taint",
            wanting("api", Want::Taint("gpu: only".into())),
            "1 of 1 not ready; root cause: taint gpu: only is on the nodes and not tolerated, wanted by pod/api-1",
            "kubectl describe nodes",
        ),
        (
            "a quota",
            wanting("api", Want::Quota(object("ResourceQuota", "compute"))),
            "1 of 1 not ready; root cause: resourcequota/compute is exceeded, wanted by pod/api-1",
            "kubectl -n shop describe resourcequota compute",
        ),
        (
            "a component that others need, by way of others too",
            trouble(4, "api: db\nweb: api", vec![failed("db", CRASH), late("api"), late("web")]),
            "3 of 4 not ready; root cause: pod/db-1: container app keeps crashing: exit code 1, 3 restarts, wanted by component api, component web",
            "kubectl -n shop describe pod/db-1",
        ),
        (
            "what crashes for want of a component that failed is a symptom",
            trouble(2, "api: db", vec![no_secret("db"), failed("api", CRASH)]),
            "2 of 2 not ready; root cause: secret/db missing, wanted by pod/db-1, component api",
            "kubectl -n shop get secrets",
        ),
        (
            "what crashes while a component is only late is told first",
            trouble(2, "api: db", vec![late("db"), failed("api", CRASH)]),
            "2 of 2 not ready; root cause: pod/api-1: container app keeps crashing: exit code 1, 3 restarts; 1 more root cause",
            "kubectl -n shop describe pod/api-1",
        ),
        (
            "what was missing and is there now is not to blame",
            trouble(
                1,
                "",
                vec![waiting("api", "secret/db is there now, and will be tried again (secret \"db\" not found)")],
            ),
            "1 of 1 not ready; root cause: deployment/api: secret/db is there now, and will be tried again (secret \"db\" not found)",
            "kubectl -n shop describe deployment/api",
        ),
        (
            "components that need each other are no endless loop",
            trouble(2, "a: b\nb: a", vec![late("a"), late("b")]),
            "2 of 2 not ready",
            "",
        ),
    ];
    for (name, trouble, headline, next) in cases {
        let diagnosis = diagnose(&trouble, &ClusterSnapshot::default());
        assert_eq!(diagnosis.headline(), headline, "{name}");
        assert_eq!(diagnosis.root_causes.first().map_or("", |cause| &cause.next), next, "{name}");
    }
}

#[test]
fn names_of_different_namespaces_are_different_things() {
    let mut other = no_secret("web");
    let elsewhere = ObjectRef { namespace: Some("other".into()), ..object("Secret", "db") };
    other.objects[0].want = Some(Want::Object(elsewhere));
    let diagnosis = diagnose(&trouble(2, "", vec![no_secret("api"), other]), &ClusterSnapshot::default());
    assert_eq!(diagnosis.root_causes.len(), 2);
}

#[test]
fn a_claim_is_blamed_for_the_pods_that_wait_for_it() {
    let scene = scene(
        "- {apiVersion: apps/v1, kind: Deployment, metadata: {name: db, namespace: shop, uid: d}}
- {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: db-1, namespace: shop, uid: r, ownerReferences: [{uid: d}]}}
- apiVersion: v1
  kind: Pod
  metadata: {name: db-1-a, namespace: shop, ownerReferences: [{uid: r}]}
  spec: {volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]}
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: other, namespace: shop}, status: {phase: Pending}}
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data, namespace: shop}, status: {phase: Pending}}",
    );
    let reason = "0 of 1 replicas ready: pod/db-1-a: it waits for persistentvolumeclaim/data: not bound yet";
    let late = wants(waiting("db", reason), Want::Claim(object("PersistentVolumeClaim", "data")));
    let diagnosis = diagnose(&trouble(1, "", vec![late]), &scene);
    let expected = "1 of 1 not ready; root cause: persistentvolumeclaim/data is not bound, wanted by pod/db-1-a";
    assert_eq!(diagnosis.headline(), expected);
    let mut db = failed("db", "no volume can be provisioned: storageclass.storage.k8s.io \"fast\" not found");
    db.objects[0].cause = Some(object("PersistentVolumeClaim", "data"));
    let claim = Verdict::failed("ProvisioningFailed", db.objects[0].message(), "correct storageClassName");
    db.objects.push(UnreadyObject { object: db.objects[0].cause.clone(), ..unready("data", claim) });
    let expected = "1 of 1 not ready; root cause: persistentvolumeclaim/data: no volume can be provisioned: \
                    storageclass.storage.k8s.io \"fast\" not found, wanted by pod/db-1-a";
    assert_eq!(diagnose(&trouble(1, "", vec![db]), &scene).headline(), expected);
}

#[test]
fn what_only_routes_to_pods_is_not_blamed_for_them() {
    let mut api = waiting("api", "0 of 1 replicas ready: pod/api-1: container app: ContainerCreating");
    let service = UnreadyObject {
        object: Some(object("Service", "api")),
        ..unready("api", Verdict::waiting("NoEndpoints", "the pod behind it is not ready"))
    };
    api.objects.insert(0, service);
    let diagnosis = diagnose(&trouble(1, "", vec![api]), &ClusterSnapshot::default());
    assert_eq!(diagnosis.root_causes[0].subject.to_string(), "deployment/api");
}

#[test]
fn one_component_may_have_several_root_causes() {
    let mut api = no_secret("api");
    api.objects.extend(failed("worker", CRASH).objects);
    api.objects.extend(waiting("late", "0 of 1 replicas ready").objects);
    let diagnosis = diagnose(&trouble(1, "", vec![api]), &ClusterSnapshot::default());
    let objects: Vec<_> = diagnosis.root_causes.iter().map(|cause| cause.subject.to_string()).collect();
    assert_eq!(objects, ["secret/db", "pod/worker-1"]);
}
