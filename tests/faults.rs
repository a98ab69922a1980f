//! The corpus of faults: each folder of `tests/faults` is one fault, with what readiness must say of it.
//!
//! Without a cluster, the recordings that are there are replayed. With `KIND_HARNESS_FAULTS_IMAGE`, an image with a
//! shell that is on the nodes, every fault is also made in the cluster of the current kubeconfig context, each in a
//! namespace of its own, and recorded. `just faults` does that.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kind_harness::config::duration;
use kind_harness::deploy::Applier;
use kind_harness::manifests;
use kind_harness::object::ObjectRef;
use kind_harness::ready::{Readiness, Recorder, Replay, Settings, replay};
use kind_harness::report::Events;
use kube::api::{Api, Patch, PatchParams};
use serde::Deserialize;
use tokio::time::Instant;

/// How many faults are made at the same time.
const AT_ONCE: usize = 4;

/// What readiness must say of a fault.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// `Failed`; `Waiting` at the deadline; or `Ready`, and never `Failed` before.
    verdict: String,
    /// The word for it.
    reason: String,
    /// The kind of the object to blame.
    cause: String,
    /// From applied to the verdict, at most.
    within: String,
    /// `KIND_HARNESS_FAULTS_<this>` must be set; its value stands for `$<this>` in the manifest.
    #[serde(default)]
    needs: Option<String>,
    /// Labels of the namespace.
    #[serde(default)]
    namespace: BTreeMap<String, String>,
    /// `deployments/NAME`, deleted after a second.
    #[serde(default)]
    delete: Option<String>,
}

impl Expect {
    fn of(folder: &Path) -> anyhow::Result<Expect> {
        let text = std::fs::read_to_string(folder.join("expect.yaml"))?;
        Ok(serde_saphyr::from_str(&text)?)
    }

    fn within(&self) -> anyhow::Result<Duration> {
        duration::parse(&self.within).map_err(anyhow::Error::msg)
    }

    /// Holds a recording against it.
    fn check(&self, replayed: &Replay) -> anyhow::Result<()> {
        let failed: Vec<_> = replayed.verdicts.iter().filter(|c| c.judgement.verdict.name() == "Failed").collect();
        if self.verdict != "Failed" {
            ensure!(failed.is_empty(), "a failure was declared: {failed:?}");
        }
        let kind = |object: &Option<ObjectRef>, cause: &Option<ObjectRef>| {
            cause.as_ref().or(object.as_ref()).is_some_and(|blamed| blamed.kind == self.cause)
        };
        let found = replayed.verdicts.iter().rev().find(|change| {
            let judgement = &change.judgement;
            judgement.verdict.name() == self.verdict
                && judgement.reason == self.reason
                // What only waits names the pod in its sentence.
                && (self.verdict == "Waiting" || kind(&change.object, &judgement.cause))
        });
        let found = found.with_context(|| format!("{self:?} was not found in {:#?}", replayed.verdicts))?;
        ensure!(found.at <= self.within()?, "found after {:?}", found.at);
        let how = match self.verdict.as_str() {
            "Failed" => "failed",
            "Waiting" => "deadline",
            _ => "ready",
        };
        ensure!(replayed.waits.last().is_some_and(|wait| wait.how == how), "{:?}", replayed.waits);
        Ok(())
    }
}

fn cases() -> Vec<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults");
    let entries = std::fs::read_dir(corpus).expect("the corpus");
    let mut folders: Vec<_> =
        entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn name(folder: &Path) -> String {
    folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[test]
fn every_fault_is_a_manifest_and_an_expectation() {
    for folder in cases() {
        let expect = Expect::of(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        assert!(["Ready", "Waiting", "Failed"].contains(&expect.verdict.as_str()), "{expect:?}");
        expect.within().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let manifests = manifests::load(&folder, "dev", &["manifest.yaml".into()]);
        assert!(!manifests.unwrap_or_else(|error| panic!("{error}")).is_empty());
    }
}

#[test]
fn recordings_come_to_what_is_expected() {
    for folder in cases() {
        let Ok(file) = std::fs::File::open(folder.join("recording.jsonl")) else { continue };
        let replayed = replay(BufReader::new(file)).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let checked = Expect::of(&folder).and_then(|expect| expect.check(&replayed));
        checked.unwrap_or_else(|error| panic!("{}: {error:#}", folder.display()));
    }
}

#[tokio::test]
async fn the_cluster_shows_them() -> anyhow::Result<()> {
    let Ok(image) = std::env::var("KIND_HARNESS_FAULTS_IMAGE") else { return Ok(()) };
    let client = kube::Client::try_default().await.context("the current context of the kubeconfig")?;
    let run = |folder: PathBuf| {
        let (client, image) = (client.clone(), image.clone());
        async move { (name(&folder), case(&client, &image, &folder).await) }
    };
    let mut wrong = Vec::new();
    let mut runs = stream::iter(cases()).map(run).buffer_unordered(AT_ONCE);
    while let Some((name, result)) = runs.next().await {
        match result {
            Ok(true) => println!("{name}: found"),
            Ok(false) => println!("{name}: skipped, it needs what is not there"),
            Err(error) => wrong.push(format!("{name}: {error:#}")),
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Makes one fault, records what readiness says of it, and removes it. Says whether it could be made.
async fn case(client: &kube::Client, image: &str, folder: &Path) -> anyhow::Result<bool> {
    let expect = Expect::of(folder)?;
    let mut text = std::fs::read_to_string(folder.join("manifest.yaml"))?.replace("$IMAGE", image);
    if let Some(need) = &expect.needs {
        let Ok(value) = std::env::var(format!("KIND_HARNESS_FAULTS_{need}")) else { return Ok(false) };
        text = text.replace(&format!("${need}"), &value);
    }
    let namespace = format!("fault-{}", name(folder));
    let applier = Applier::new(client.clone(), &namespace);
    applier.namespace(&namespace).await?;
    let result = faulty(client, &applier, &namespace, &expect, &text, folder).await;
    applier.delete_namespace(&namespace).await?;
    result.map(|()| true)
}

async fn faulty(
    client: &kube::Client,
    applier: &Applier,
    namespace: &str,
    expect: &Expect,
    text: &str,
    folder: &Path,
) -> anyhow::Result<()> {
    let labels = serde_json::json!({"metadata": {"labels": expect.namespace}});
    Api::<Namespace>::all(client.clone()).patch(namespace, &PatchParams::default(), &Patch::Merge(labels)).await?;
    let written = tempfile::tempdir()?;
    std::fs::write(written.path().join("manifest.yaml"), text)?;
    let manifests = manifests::load(written.path(), "dev", &["manifest.yaml".into()])?;
    let fresh = written.path().join("recording.jsonl");
    let (events, settings) = (Events::discard(), Settings::default());
    let recorder = Recorder::create(&fresh)?;
    let readiness = Readiness::start_recorded(client.clone(), namespace, events.clone(), settings, Some(recorder));
    let mut applied = Vec::new();
    for manifest in &manifests {
        applied.push(applier.apply(manifest, &events).await?);
    }
    let gone = applied.iter().map(|applied| applied.object.clone()).find(|_| expect.delete.is_some());
    readiness.expect("fault", applied, Vec::new());
    let deadline = Instant::now() + expect.within()?;
    let wait = readiness.wait_for_all_ready(None, deadline);
    let deletion = async {
        if let Some(object) = gone {
            tokio::time::sleep_until(Instant::now() + Duration::from_secs(1)).await;
            applier.delete(&object).await?;
        }
        Ok::<_, kube::Error>(())
    };
    let (_, deleted) = tokio::join!(wait, deletion);
    deleted?;
    drop(readiness);
    // Only what is as expected becomes part of the corpus.
    expect.check(&replay(BufReader::new(std::fs::File::open(&fresh)?))?)?;
    std::fs::copy(&fresh, folder.join("recording.jsonl"))?;
    Ok(())
}
