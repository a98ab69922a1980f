use super::*;

fn name(name: &str) -> ClusterName {
    ClusterName::new(name).unwrap()
}

#[test]
fn two_runs_never_work_on_one_cluster() {
    let home = tempfile::tempdir().unwrap();
    let folders = Folders { cache: home.path().into(), state: home.path().into() };
    let first = Records::lock(&folders, &name("a")).unwrap();
    assert!(matches!(Records::lock(&folders, &name("a")), Err(ClusterError::Busy { .. })));
    Records::lock(&folders, &name("b")).unwrap();
    drop(first);
    Records::lock(&folders, &name("a")).unwrap();
}

#[tokio::test]
async fn the_lock_of_a_process_that_was_killed_goes_with_the_cluster_and_that_of_a_living_one_stays() {
    let home = tempfile::tempdir().unwrap();
    let folders = Folders { cache: home.path().into(), state: home.path().into() };
    let records = Records::lock(&folders, &name("a")).unwrap();
    let path = use_lock(&folders, &name("a"));
    std::fs::write(&path, "").unwrap();
    records.forget().unwrap();
    assert!(!path.exists());
    let used = records.use_it().await.unwrap();
    records.forget().unwrap();
    assert!(path.exists());
    drop(used);
    assert!(!path.exists());
}

#[test]
fn what_is_written_is_read_and_forgotten() {
    let home = tempfile::tempdir().unwrap();
    let folders = Folders { cache: home.path().into(), state: home.path().into() };
    let records = Records::lock(&folders, &name("a")).unwrap();
    assert_eq!(records.read().unwrap(), None);
    let record = Record {
        name: name("a"),
        suite: "e2e.yaml".into(),
        namespace: "ns".into(),
        provider: ProviderKind::Kind,
        context: None,
        engine: None,
        nodes: vec![Node { name: "a-control-plane".into(), id: "1f".into() }],
        layers: None,
        images: None,
        ports: PortMap::default(),
        shape: String::new(),
        created: Timestamp::UNIX_EPOCH,
        lease: None,
        deployment: None,
    };
    records.write(&record).unwrap();
    assert_eq!(Records::peek(&folders, &name("a")).unwrap(), Some(record));
    records.forget().unwrap();
    records.forget().unwrap();
    assert_eq!(records.read().unwrap(), None);
}
