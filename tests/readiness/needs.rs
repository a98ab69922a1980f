//! What is missing may be made by something that still starts: by what a component needs, or by the component itself.

use std::time::Duration;

use kind_harness::readiness::{NotReady, Place, Probe, Readiness, Settings};
use tokio::time::{Instant, timeout};

use crate::early::needs;
use crate::objects::{deployment, endpoints, pod, service, waits};
use crate::server::Server;
use crate::{definition, front, in_seconds, settle, start};

fn lacks_secret(name: &str) -> String {
    pod(name, &waits("CreateContainerConfigError", "secret \"tls\" not found"))
}

const JOB: &str = "- {apiVersion: batch/v1, kind: Job, metadata: {name: certs, namespace: shop, uid: j}}\n";

/// Fails within the grace of a missing Secret, counted from now.
async fn fails_after_three_seconds(readiness: &Readiness) -> NotReady {
    let began = Instant::now();
    let error = readiness.wait_for_all_ready(Some(&["web"]), in_seconds(60)).await.expect_err("failed");
    assert!(error.to_string().contains("secret \"tls\" not found"), "{error}");
    assert!((3..4).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    error
}

async fn does_not_fail(readiness: &Readiness) {
    let early = timeout(Duration::from_secs(30), readiness.wait_for_all_ready(None, in_seconds(60))).await;
    assert!(early.is_err(), "{early:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_of_the_component_may_make_its_secret() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    let applied = server.put(&(deployment("web", 0) + JOB + &service("web")));
    readiness.expect("web", applied, Vec::new());
    server.put(&lacks_secret("web"));
    does_not_fail(&readiness).await;
    server.put(&JOB.replace("uid: j}", "uid: j}, status: {conditions: [{type: Complete, status: 'True'}]}"));
    fails_after_three_seconds(&readiness).await;
}

#[tokio::test(start_paused = true)]
async fn two_that_lack_the_same_do_not_wait_for_each_other() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    readiness.expect("web", server.put(&(deployment("web", 0) + &deployment("api", 0))), Vec::new());
    server.put(&(lacks_secret("web") + &lacks_secret("api")));
    fails_after_three_seconds(&readiness).await;
}

#[tokio::test(start_paused = true)]
async fn a_component_that_is_needed_may_make_a_secret_while_it_starts() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    readiness.plan(needs(&[("web", &["certs"]), ("certs", &[])]));
    readiness.expect("web", server.put(&deployment("web", 0)), Vec::new());
    server.put(&lacks_secret("web"));
    does_not_fail(&readiness).await;
    readiness.expect("certs", server.put(&deployment("certs", 0)), Vec::new());
    does_not_fail(&readiness).await;
    server.put(&deployment("certs", 1));
    fails_after_three_seconds(&readiness).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_needed_cannot() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    readiness.plan(needs(&[("web", &[]), ("certs", &[]), ("never", &[]), ("front", &["web"])]));
    readiness.expect("web", server.put(&deployment("web", 0)), Vec::new());
    readiness.expect("certs", server.put(&deployment("certs", 0)), Vec::new());
    server.put(&lacks_secret("web"));
    let error = fails_after_three_seconds(&readiness).await.to_string();
    assert!(error.contains("; if it waits for certs or never, say so in `needs`"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_operators_service_waits_for_its_pods() {
    let server = Server::default();
    server.serve_kind("example.com/v1", "Analysis", "analyses", true);
    server.put(&definition("True"));
    let (readiness, _events) = start(&server);
    let resource = |ready: &str| {
        format!(
            "- {{apiVersion: example.com/v1, kind: Analysis, metadata: {{name: a, namespace: shop, uid: a}}, \
             status: {{conditions: [{{type: Ready, status: '{ready}'}}]}}}}\n"
        )
    };
    let applied = server.put(&(deployment("operator", 1) + &resource("False") + &service("web")));
    readiness.expect("web", applied, Vec::new());
    let pods = pod("operator", "conditions: [{type: Ready, status: 'True'}]");
    server.put(&pods.replace("uid: d-operator}]}}", "uid: d-operator}]}, status: {readyReplicas: 1}}"));
    does_not_fail(&readiness).await;
    server.put(&resource("True"));
    let began = Instant::now();
    let error = readiness.wait_for_all_ready(None, in_seconds(60)).await.expect_err("no pod").to_string();
    assert!(error.contains("service/web: no pod matches its selector app=web"), "{error}");
    assert!((5..6).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    server.put(&endpoints("web", true));
    readiness.wait_for_all_ready(None, in_seconds(5)).await.expect("ready");
}

#[tokio::test(start_paused = true)]
async fn a_components_own_503_is_not_the_api_servers() {
    let server = Server::default();
    let settings = Settings::default();
    let readiness = Readiness::start_with(front::client(&server, 503), "shop", (), settings);
    let at = Place::Service { namespace: "shop".into(), name: "web".into(), port: 80 };
    let probe = Probe::Http { at, path: "/ready".into(), status: 200, contains: None };
    readiness.expect("web", server.put(&deployment("web", 1)), vec![probe]);
    let error = readiness.wait_for_all_ready(None, in_seconds(60)).await.expect_err("late");
    assert!(matches!(error, NotReady::Deadline { .. }), "{error}");
    assert!(error.to_string().contains("GET service/web:80/ready answers 503 Service Unavailable"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_is_scaled_to_zero_is_ready_and_not_asked() {
    let server = Server::default();
    let (readiness, _events) = start(&server);
    let scaled = |replicas: u8| {
        format!(
            "- {{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web, namespace: shop, uid: d-web, generation: 1}}, \
             spec: {{replicas: {replicas}, template: {{metadata: {{labels: {{app: web}}}}}}}}, status: {{observedGeneration: 1}}}}\n"
        )
    };
    let at = Place::Service { namespace: "shop".into(), name: "web".into(), port: 80 };
    let nobody = Place::Host("127.0.0.1:1".parse().expect("an address"));
    let command = vec!["true".to_owned()];
    let exec = Probe::Exec {
        namespace: "shop".into(),
        selector: "kind-harness.dev/component=web".into(),
        command,
        contains: None,
    };
    let applied = server.put(&(scaled(0) + &service("web")));
    readiness.expect("web", applied, vec![Probe::Tcp(at), Probe::Tcp(nobody), exec]);
    readiness.wait_for_all_ready(None, in_seconds(10)).await.expect("nothing has to answer");
    server.put(&scaled(1));
    settle().await;
    readiness.wait_for_all_ready(None, in_seconds(10)).await.expect_err("now its pod has to be ready");
}
