//! A run ends as soon as a component has failed for good, whatever others still wait for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use kind_harness::cluster::PortMap;
use kind_harness::deploy::{Applier, ComponentManifests, Deployer, HostContext, StageError, Webhooks};
use kind_harness::images::{ComponentImages, ImageError};
use kind_harness::readiness::{NotReady, Readiness};
use kind_harness::report::Events;
use kind_harness::suite::config::Component;
use kind_harness::suite::manifests;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::objects::{crashes, deployment, pod};
use crate::server::Server;
use crate::{front, settle};

/// What each component needs, directly or not.
pub(crate) fn needs(all: &[(&str, &[&str])]) -> BTreeMap<String, BTreeSet<String>> {
    all.iter()
        .map(|(name, needs)| ((*name).to_owned(), needs.iter().map(|need| (*need).to_owned()).collect()))
        .collect()
}

fn parcel(name: &str) -> ComponentManifests {
    let folder = tempfile::tempdir().expect("a folder");
    let yaml = format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\n");
    std::fs::write(folder.path().join("app.yaml"), yaml).expect("a manifest");
    let manifests = manifests::load(folder.path(), &["app.yaml".into()]).expect("a manifest");
    ComponentManifests {
        component: Component { name: name.into(), ..Component::default() },
        manifests,
        ..ComponentManifests::default()
    }
}

type Run = JoinHandle<Result<BTreeMap<String, kind_harness::deploy::DeployedComponent>, StageError>>;

/// Brings components up that need what `plan` says. The images of `late` come when the sender says so, and those of
/// `broken` cannot be built.
fn run(server: &Server, plan: &[(&str, &[&str])]) -> (Run, watch::Sender<bool>) {
    let client = front::client(server, 503);
    let readiness = Readiness::start(client.clone(), "shop", ());
    readiness.plan(needs(plan));
    let (sender, arrived) = watch::channel(false);
    let images = move |component: String| {
        let mut arrived = arrived.clone();
        async move {
            match component.as_str() {
                "late" => drop(arrived.wait_for(|arrived| *arrived).await),
                "broken" => return Err(Arc::new(ImageError::Abandoned)),
                _ => {}
            }
            Ok(ComponentImages::new())
        }
        .boxed()
    };
    let deployer = Deployer {
        applier: Applier::new(client, "shop"),
        readiness,
        images: Arc::new(images),
        ports: PortMap::default(),
        events: Events::discard(),
        context: HostContext::default(),
        patience: Duration::from_secs(300),
        webhooks: Webhooks::default(),
    };
    let stage = plan.iter().map(|(name, _)| parcel(name)).collect();
    let run = tokio::spawn(async move { deployer.bring_up(stage, &mut Duration::from_secs(300)).await });
    (run, sender)
}

#[tokio::test(start_paused = true)]
async fn a_crash_loop_ends_the_run_while_another_image_is_built() {
    let server = Server::default();
    let (run, _images) = run(&server, &[("web", &[]), ("late", &[])]);
    settle().await;
    server.put(&(deployment("web", 0) + &pod("web", &crashes(3))));
    let began = Instant::now();
    let error = timeout(Duration::from_mins(5), run).await.expect("it ends").expect("the run").expect_err("it crashes");
    assert!(began.elapsed() < Duration::from_millis(250), "{:?}", began.elapsed());
    let StageError::NotReady(error) = error else { panic!("{error}") };
    let NotReady::Failed { failed, waiting, of: 2 } = *error else { panic!("{error}") };
    assert_eq!((failed[0].component.as_str(), waiting[0].component.as_str()), ("web", "late"));
    let text = failed[0].objects[0].to_string();
    assert_eq!(text, "deployment/web: pod/web-1-a: container app keeps crashing: exit code 7, 3 restarts");
    let verdict = format!("{:?}", failed[0].objects[0].verdict);
    assert!(verdict.contains("; if it waits for late, say so in `needs`"), "{verdict}");
}

#[tokio::test(start_paused = true)]
async fn what_it_needs_may_still_heal_it() {
    let server = Server::default();
    let (mut run, images) = run(&server, &[("web", &["late"]), ("late", &[])]);
    settle().await;
    server.put(&(deployment("web", 0) + &pod("web", &crashes(3))));
    assert!(timeout(Duration::from_mins(2), &mut run).await.is_err(), "it may wait for what is being built");
    images.send(true).expect("somebody waits");
    settle().await;
    server.put(&deployment("late", 1));
    assert!(timeout(Duration::from_secs(20), &mut run).await.is_err(), "it has not tried again since");
    server.put(&pod("web", &crashes(4)));
    let began = Instant::now();
    let error = run.await.expect("the run").expect_err("it still crashes").to_string();
    assert!(began.elapsed() < Duration::from_millis(250), "{:?}", began.elapsed());
    assert!(error.starts_with("component web of 2 failed: ") && !error.contains("needs"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_ends_the_run_while_another_image_is_built() {
    let server = Server::default();
    let (run, _images) = run(&server, &[("refused", &[]), ("late", &[]), ("web", &[])]);
    let error = timeout(Duration::from_mins(5), run).await.expect("it ends").expect("the run").expect_err("refused");
    let StageError::Deploy(error) = error else { panic!("{error}") };
    assert_eq!(error.failed.len(), 1, "{error}");
    assert!(error.to_string().contains("deployment/refused was refused: spec.x is wrong"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_built_ends_the_run_while_another_is() {
    let server = Server::default();
    let (run, _images) = run(&server, &[("broken", &[]), ("late", &[])]);
    let error = timeout(Duration::from_mins(5), run).await.expect("it ends").expect("the run").expect_err("no image");
    let StageError::Deploy(error) = error else { panic!("{error}") };
    assert_eq!(error.failed.len(), 1, "{error}");
    assert!(error.failed[0].1.is_about_images());
}
