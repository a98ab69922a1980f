//! Removal names the uid of each object, so that nothing else of its name is deleted.

use super::*;

/// Every request to delete names a uid, and another object of the same name is left alone.
#[tokio::test(start_paused = true)]
async fn only_what_has_the_uid_is_deleted() {
    let server = Server::default();
    let mut waves = shop(&server);
    let recorded = |name: &str, uid: &str| Target { object: object(name), ownership: Ownership::Uid(uid.into()) };
    waves[1][0].objects = vec![recorded("configmap/api", "of-before"), recorded("deployment/api", "deployments-api")];
    let (result, events) = run(&server, waves, &RemoveOptions::default()).await;
    assert_eq!(result, Ok(()));
    assert_eq!(server.left(), ["configmaps/api"], "somebody else's by now");
    let told = events.iter().any(|event| {
        event.kind == EventKind::Warning("configmap/api is another one than was deployed; it is left alone".into())
    });
    assert!(told, "{events:?}");
    assert_eq!(server.without_uid(), Vec::<String>::new());
}

/// A run that was killed before it learned a uid has left its mark, or it is not its object.
#[rstest]
#[case::ours(json!({"labels": {"app.kubernetes.io/managed-by": "kind-harness"}, "annotations": {"kind-harness.dev/environment": "e"}}), true)]
#[case::ours_though_the_manifest_names_a_manager(json!({"labels": {"app.kubernetes.io/managed-by": "Helm", "kind-harness.dev/component": "a"}, "annotations": {"kind-harness.dev/environment": "e"}}), true)]
#[case::another_managers(json!({"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {"kind-harness.dev/environment": "e"}}), false)]
#[case::with_our_name_in_another_label(json!({"labels": {"app": "kind-harness"}, "annotations": {"kind-harness.dev/environment": "e"}}), false)]
#[case::another_environments(json!({"labels": {"app.kubernetes.io/managed-by": "kind-harness"}, "annotations": {"kind-harness.dev/environment": "f"}}), false)]
#[case::without_a_label(json!({"annotations": {"kind-harness.dev/environment": "e"}}), false)]
#[case::without_an_annotation(json!({"labels": {"app.kubernetes.io/managed-by": "kind-harness"}}), false)]
#[tokio::test(start_paused = true)]
async fn what_has_no_recorded_uid_is_known_by_its_mark(#[case] metadata: Value, #[case] goes: bool) {
    let server = Server::default();
    server.put_with("configmaps", "a", metadata);
    let target = Target { object: object("configmap/a"), ownership: Ownership::Mark("e".into()) };
    let waves = vec![vec![RemovalTarget { component: "a".into(), objects: vec![target] }]];
    let (result, _) = run(&server, waves, &RemoveOptions::default()).await;
    assert_eq!(result, Ok(()));
    assert_eq!(server.left().is_empty(), goes);
    assert_eq!(server.without_uid(), Vec::<String>::new());
}

/// As in the tests above, where pods are forced and dismissed and finalizers removed.
#[tokio::test(start_paused = true)]
async fn force_names_uids_too() {
    let server = Server::default();
    let mut waves = shop(&server);
    server.put_with_finalizer("widgets", "w", "example.com/guard");
    waves[1][0].objects.push(object("widget/w").into());
    server.make_stubborn("db-1-a");
    server.make_slow("cache-1-a");
    let (result, _) = run(&server, waves, &RemoveOptions { force: true, ..RemoveOptions::default() }).await;
    assert_eq!(result, Ok(()));
    let changes = server.changes();
    for change in ["DELETE pods/db-1-a", "DELETE pods/cache-1-a", "PATCH widgets/w"] {
        position(&changes, change);
    }
    assert_eq!(server.without_uid(), Vec::<String>::new());
}

/// A look that is refused does not mean that the object is gone.
#[tokio::test(start_paused = true)]
async fn what_may_not_be_looked_at_is_told() {
    let server = Server::default();
    server.put("configmaps", "a");
    server.forbid("configmaps");
    let target = Target { object: object("configmap/a"), ownership: Ownership::Mark("e".into()) };
    let waves = vec![vec![RemovalTarget { component: "a".into(), objects: vec![target] }]];
    let (result, _) = run(&server, waves, &RemoveOptions::default()).await;
    let error = result.unwrap_err();
    assert!(error.contains("configmap/a cannot be removed") && error.contains("forbidden"), "{error}");
}

/// As after the removal of a definition, while its kind is still remembered.
#[tokio::test(start_paused = true)]
async fn what_is_not_served_any_more_is_gone() {
    let server = Server::default();
    server.set_served("configmaps", false);
    let target = Target { object: object("configmap/a"), ownership: Ownership::Mark("e".into()) };
    let waves = vec![vec![RemovalTarget { component: "a".into(), objects: vec![target] }]];
    let (result, _) = run(&server, waves, &RemoveOptions::default()).await;
    assert_eq!(result, Ok(()));
}
