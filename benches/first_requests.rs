//! Whether an environment that is up answers: the reference suite is deployed again and again in one cluster, and each of
//! its ports is asked once, at once.
//!
//! `cargo bench --bench first_requests [-- ROUNDS]` prints how many first requests were not answered, and fails when any.

#![allow(clippy::print_stdout, reason = "figures are what a bench is for")]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Namespace;
use kind_harness::Environment;
use kind_harness::host::folders::Folders;
use kind_harness::host::setup;
use kind_harness::report::Events;
use kind_harness::run::session::{LeaseOptions, Session};
use kind_harness::suite::config::{self, Keep, Overrides};
use kind_harness::suite::plan::Plan;
use kind_harness::teardown::{RemoveOptions, Undo, UnfinishedReports};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams};
use kube::runtime::wait::{await_condition, conditions};

/// How long all objects of the suite may take to go.
const GOING: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<ExitCode> {
    // `cargo bench` passes flags of its own.
    let rounds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(50);
    let mut session = session()?;
    let asked = ask_in_rounds(&mut session, rounds).await;
    session.down(&RemoveOptions::default()).await?;
    let asked = asked?;
    println!(
        "{} of {} first requests failed, n = {rounds} deployments of {} components",
        asked.failures.len(),
        asked.requests,
        session.plan.components().count()
    );
    for failure in &asked.failures {
        println!("  {failure}");
    }
    Ok(if asked.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Default)]
struct Asked {
    requests: usize,
    failures: Vec<String>,
}

/// A run on a cluster and ports of its own.
fn session() -> Result<Session> {
    let name = Some(format!("first-requests-{}", std::process::id()));
    let overrides = Overrides { name, auto_ports: true, ..Overrides::from_env()? };
    let plan = Plan::new(config::load(Path::new("e2e.yaml"), &overrides)?)?;
    let folders = Folders::of_user()?;
    Ok(Session {
        plan,
        folders,
        events: Events::discard(),
        undo: Undo::default(),
        // Each round uses the cluster again.
        terms: LeaseOptions { keep: Keep::Always, ttl: Some(Duration::from_secs(3600)), ..LeaseOptions::default() },
        record: Mutex::default(),
        reports: UnfinishedReports::default(),
        agree: setup::consent_of_environment,
        confirm: |_| true,
    })
}

async fn ask_in_rounds(session: &mut Session, rounds: usize) -> Result<Asked> {
    let mut asked = Asked::default();
    for round in 1..=rounds {
        let begun = Instant::now();
        let environment = Environment::from(session.up().await?);
        let up = begun.elapsed();
        session.undo.keep();
        ask(session, &environment, round, &mut asked).await;
        println!("round {round}: up in {:.1} s", up.as_secs_f64());
        if round < rounds {
            clear(&environment).await?;
        }
    }
    Ok(asked)
}

/// Asks each port once: what is checked must answer as it should, the others must answer.
async fn ask(session: &Session, environment: &Environment, round: usize, asked: &mut Asked) {
    for component in session.plan.components() {
        for port in &component.ports {
            let Some(address) = environment.endpoint(&component.name, &port.name) else { continue };
            let check = component.checks.iter().find(|check| check.port.as_ref() == Some(&port.name));
            let path = check.and_then(|check| check.path.as_deref()).unwrap_or("/");
            asked.requests += 1;
            let failure = match reqwest::get(format!("http://{address}{path}")).await {
                Ok(answer) if check.is_none_or(|check| answer.status() == check.wanted_status()) => continue,
                Ok(answer) => answer.status().to_string(),
                Err(error) => format!("{error:?}"),
            };
            asked.failures.push(format!("round {round}: {} {}: {failure}", component.name, port.name));
        }
    }
}

/// Takes all components away, and leaves the cluster.
async fn clear(environment: &Environment) -> Result<()> {
    let namespaces: Api<Namespace> = Api::all(environment.client());
    let namespace = namespaces.get(environment.namespace()).await?;
    let uid = namespace.uid().context("what was read has a uid")?;
    namespaces.delete(environment.namespace(), &DeleteParams::default()).await?;
    let gone = await_condition(namespaces, environment.namespace(), conditions::is_deleted(&uid));
    tokio::time::timeout(GOING, gone).await.context("the namespace does not go")??;
    Ok(())
}
