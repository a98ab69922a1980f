use super::*;

const WORLD: &str = "
- {apiVersion: apps/v1, kind: Deployment, metadata: {name: api, namespace: shop, uid: d}}
- {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: api-5f, namespace: shop, uid: r, ownerReferences: [{uid: d}]}}
- apiVersion: v1
  kind: Pod
  metadata: {name: api-1, namespace: shop, uid: p, ownerReferences: [{uid: r}]}
  status:
    phase: Pending
    containerStatuses:
    - {name: proxy, ready: true, state: {running: {}}}
    - name: app
      ready: false
      restartCount: 4
      state: {waiting: {reason: CrashLoopBackOff, message: back-off 40s}}
      lastState: {terminated: {exitCode: 1, reason: Error}}
- apiVersion: v1
  kind: Pod
  metadata: {name: web-1, namespace: shop}
  status:
    initContainerStatuses: [{name: migrate, state: {terminated: {exitCode: 0}}}]
    containerStatuses: [{name: web, state: {waiting: {reason: CreateContainerConfigError, message: secret \"db\" not found}}}]
- {apiVersion: v1, kind: Event, involvedObject: {kind: Pod, name: api-1, namespace: shop}, type: Warning, reason: BackOff,
   message: Back-off restarting failed container app, count: 7, lastTimestamp: '2026-11-21T08:15:30Z'}
- {apiVersion: v1, kind: Event, involvedObject: {kind: Pod, name: api-1, namespace: shop}, type: Normal, reason: Pulled,
   message: Container image is there, lastTimestamp: '2026-11-21T08:14:01Z'}
";

fn example() -> Diagnosis {
    let mut scene = scene(WORLD);
    let tails = vec![LogTail { previous: true, lines: vec!["starting".into(), "panic: no database".into()] }];
    scene.logs.push(Log { namespace: "shop".into(), pod: "api-1".into(), container: "app".into(), tails });
    let crash = failed("api", "container app keeps crashing: exit code 1, 4 restarts");
    diagnose(&trouble(5, "", vec![crash, no_secret("web"), no_secret("mail")]), &scene)
}

#[test]
fn a_failure_as_the_user_reads_it() {
    snapbox::assert_data_eq!(
        example().to_string(),
        snapbox::str![[r#"
3 of 5 not ready; root cause: secret/db missing, wanted by pod/web-1, pod/mail-1; 1 more root cause
  hint: create secret/db, or correct its name where it is wanted
  next: kubectl -n shop get secrets
also: pod/api-1: container app keeps crashing: exit code 1, 4 restarts
  hint: do something
  next: kubectl -n shop describe pod/api-1
  api: failed
    deployment/api: container app keeps crashing: exit code 1, 4 restarts
      pod/api-1
        event 08:14:01 Normal Pulled: Container image is there
        event 08:15:30 Warning BackOff (7 times): Back-off restarting failed container app
        container app: waiting: CrashLoopBackOff: back-off 40s; exit code 1 before, 4 restarts
          log of the run before, last 2 lines:
            | starting
            | panic: no database
  web: failed
    deployment/web: container app cannot be created: secret "db" not found
      pod/web-1
        container web: waiting: CreateContainerConfigError: secret "db" not found
  mail: failed
    deployment/mail: container app cannot be created: secret "db" not found
      pod/mail-1: it is gone
"#]]
    );
}

#[test]
fn the_same_in_fields() {
    let json = serde_json::to_value(example()).unwrap();
    let cause = &json["rootCauses"][0];
    let named = |kind: &str, name: &str| serde_json::json!({"object": {"apiVersion": "v1", "kind": kind, "namespace": "shop", "name": name}});
    assert_eq!(cause["subject"], named("Secret", "db"));
    let told = ["verdict", "reason", "message"].map(|field| cause[field].as_str().unwrap_or_default());
    assert_eq!(told, ["failed", "Missing", "missing"]);
    assert_eq!(cause["wantedBy"], serde_json::json!([named("Pod", "web-1"), named("Pod", "mail-1")]));
    assert_eq!(cause["hint"], "create secret/db, or correct its name where it is wanted");
    let pod = &json["components"][0]["parts"][0]["parts"][0];
    assert_eq!(pod["name"], "pod/api-1");
    assert_eq!(pod["parts"][0]["name"], "container app");
    assert_eq!(pod["parts"][0]["logs"][0]["lines"][1], "panic: no database");
}

#[test]
fn nothing_is_needed_of_the_objects() {
    let odd = "[{}, {kind: Pod}, {kind: Pod, metadata: 3, status: []}, {kind: Event, involvedObject: x, count: many}]";
    let diagnosis = diagnose(&trouble(1, "", vec![failed("api", "")]), &scene(odd));
    assert!(diagnosis.to_string().starts_with("1 of 1 not ready; root cause: pod/api-1"), "{diagnosis}");
    assert_eq!(diagnose(&Unreadiness::default(), &ClusterSnapshot::default()).to_string(), "0 of 0 not ready");
}
