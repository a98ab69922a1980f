//! examples/polyglot: two namespaces, a webhook, a cargo binary with files.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Service;
use kind_harness::environment::shared;
use kind_harness::readiness::assert::eventually;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::GroupVersionKind;

use super::{Example, block_on, examples, get};

/// How often the webhook and the object that it admits are deployed afresh.
const ROUNDS: usize = 2;

/// Returns the number of rounds: more of them on request, for what happens now and then.
fn rounds() -> usize {
    std::env::var("WEBHOOK_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS)
}

#[test]
fn an_object_never_comes_before_the_webhook_that_admits_it() {
    let example = Example::new(examples().join("polyglot"), &[]);
    for round in 1..=rounds() {
        let up = example.up();
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("kitchen.example.org", "v1", "Recipe"));
        let recipes: Api<DynamicObject> = Api::namespaced_with(example.client(&up), "kitchen", &resource);
        let soup = block_on(recipes.get("soup")).expect("the recipe");
        let labels = soup.metadata.labels.expect("labels");
        assert_eq!(labels.get("tasted").map(String::as_str), Some("yes"), "round {round}");
        // Templates name the image and the port that are there.
        assert!(
            soup.data["spec"]["cook"].as_str().is_some_and(|it| it.starts_with("localhost/kind-harness/greeterd:"))
        );
        let address = up["endpoints"]["greeter"]["http"].as_str().expect("an address");
        assert!(address.ends_with(&format!(":{}", soup.data["spec"]["port"].as_str().expect("a port"))));
        assert_eq!(get(&up, "greeter", "http", "/"), "GOOD EVENING");
        if round == 1 {
            assert_eq!(example.up()["unchanged"], true);
            a_killed_process_leaves_no_webhook(&example.client(&up));
            // Both namespaces are known to whoever looks.
            let (success, out, err) = example.run(&["status"]);
            assert!(success && out.matches(" ready ").count() == 3, "{out}{err}");
            let (success, out, err) = example.run(&["down", "--component", "policy"]);
            assert!(success, "{out}{err}");
            let policies: Api<Service> = Api::namespaced(example.client(&up), "policy");
            assert!(block_on(policies.get_opt("policy")).expect("an answer").is_none());
            assert_eq!(example.up()["unchanged"], false);
        }
        let (success, out, err) = example.run(&["down", "--keep-cluster"]);
        assert!(success, "{out}{err}");
    }
}

/// The line by which a process says that it answers the webhook.
const ANSWERS: &str = "this process answers";

/// The process that [`a_killed_process_leaves_no_webhook`] kills.
#[test]
#[ignore = "ends when it is killed"]
fn answers_until_it_is_killed() {
    let environment = shared(examples().join("polyglot/e2e.yaml"));
    block_on(async {
        let nobody = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let _webhook = environment.webhook("policy/policy", nobody).await.expect("a webhook");
        println!("\n{ANSWERS}");
        std::future::pending::<()>().await;
    });
}

/// A process that answers a webhook is killed: its Service answers again.
fn a_killed_process_leaves_no_webhook(client: &Client) {
    let configurations: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let webhooks = || block_on(configurations.get("tasting")).expect("the configuration").webhooks;
    let before = webhooks();
    let exe = std::env::current_exe().expect("this program");
    let process = duct::cmd!(exe, "--exact", "polyglot::answers_until_it_is_killed", "--ignored", "--nocapture");
    let process = process.env("KIND_HARNESS_NAME", Example::name()).env("KIND_HARNESS_YES", "1").unchecked();
    let process = process.reader().expect("a process");
    let answers = BufReader::new(&process).lines().map_while(Result::ok).any(|line| line == ANSWERS);
    let during = webhooks();
    process.kill().expect("it is killed");
    assert!(answers && during != before, "{during:?}");
    block_on(async {
        let is_as_before = move |it: &MutatingWebhookConfiguration| it.webhooks == before;
        let put_back = eventually(&configurations, "tasting").within(Duration::from_secs(10));
        put_back.satisfies("its Service answers", is_as_before).await.expect("the webhook is put back");
    });
}
