//! The operator in the cluster, and in this process with the rights that it has in the cluster.

use std::time::Duration;

use anyhow::Result;
use greetings::{Greeting, GreetingSpec, webhook};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kind_harness::readiness::assert::eventually;
use kind_harness::{Environment, TestNamespace};
use kube::Client;
use kube::api::{Api, ListParams, PostParams};
use tokio::net::TcpListener;

fn greeting(object: &str, name: &str) -> Greeting {
    Greeting::new(object, GreetingSpec { name: name.to_owned() })
}

/// Makes a greeting, and waits for its text.
async fn is_greeted(client: Client, namespace: &TestNamespace, name: &str) -> Result<()> {
    let greetings: Api<Greeting> = Api::namespaced(client.clone(), &namespace.name);
    greetings.create(&PostParams::default(), &greeting("one", name)).await?;
    let texts: Api<ConfigMap> = Api::namespaced(client, &namespace.name);
    let text = format!("data: {{text: 'hello, {name}'}}");
    eventually(&texts, "one").within(Duration::from_secs(20)).matches(&text).await?;
    Ok(())
}

#[kind_harness::test]
async fn a_greeting_becomes_a_text(environment: &Environment, namespace: &TestNamespace) -> Result<()> {
    is_greeted(environment.client(), namespace, "cluster").await?;
    // The webhook of the cluster judges too.
    let greetings: Api<Greeting> = Api::namespaced(environment.client(), &namespace.name);
    let refused = greetings.create(&PostParams::default(), &greeting("nobody", " ")).await.unwrap_err().to_string();
    assert!(refused.contains("a greeting needs a name"), "{refused}");
    Ok(())
}

/// The same controller, in this process: a debugger may stop it anywhere, and it may do what it may in the cluster.
#[kind_harness::test(exclusive)]
async fn the_operator_runs_here_with_its_own_rights(
    environment: &Environment,
    namespace: &TestNamespace,
) -> Result<()> {
    environment.scale("operator", 0).await?;
    let access = environment.service_account("greetings/operator").await?;
    let controller = tokio::spawn(greetings::run(access.client()));
    // Nobody is left in the cluster to answer for the webhook.
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let host = environment.webhook("greetings/operator", listener.local_addr()?).await?;
    let (certificate, key) = (host.certificate.clone(), host.key.clone());
    let stricter: webhook::Judge =
        |greeting| (greeting.spec.name == "nobody").then(|| "not nobody, says the test".into());
    let serving = tokio::spawn(async move { webhook::serve(listener, &certificate, &key, stricter).await });

    is_greeted(environment.client(), namespace, "host").await?;
    let greetings: Api<Greeting> = Api::namespaced(environment.client(), &namespace.name);
    let refused = greetings.create(&PostParams::default(), &greeting("two", "nobody")).await.unwrap_err().to_string();
    assert!(refused.contains("not nobody, says the test"), "{refused}");

    // A verb that is missing in the role is missing here.
    let secrets: Api<Secret> = Api::namespaced(access.client(), &namespace.name);
    let denied = secrets.list(&ListParams::default()).await.unwrap_err();
    assert!(matches!(&denied, kube::Error::Api(status) if status.code == 403), "{denied}");

    controller.abort();
    serving.abort();
    host.restore(environment).await?;
    environment.scale("operator", 1).await?;
    let refused = greetings.create(&PostParams::default(), &greeting("three", "")).await.unwrap_err().to_string();
    assert!(refused.contains("a greeting needs a name"), "{refused}");
    Ok(())
}
