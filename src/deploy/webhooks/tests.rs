//! Webhooks, and the objects that they admit.

use kube::core::Status;

use super::*;
use crate::suite::config::Component;

fn parcel(name: &str, yaml: &str) -> ComponentManifests {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("m.yaml"), yaml).unwrap();
    let manifests = crate::suite::manifests::load(folder.path(), &["m.yaml".into()]).unwrap();
    ComponentManifests {
        component: Component { name: name.into(), ..Component::default() },
        manifests,
        ..Default::default()
    }
}

fn configuration(more: &str) -> String {
    format!(
        "{{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {{name: c}}, webhooks: \
         [{{name: w.example.org, {more} clientConfig: {{service: {{name: hook, namespace: certs}}}}, rules: [{{operations: \
         [CREATE], apiGroups: [example.org], apiVersions: [v1], resources: [widgets, policies]}}]}}]}}"
    )
}

fn admitted(configuration: &str, object: &str) -> Vec<String> {
    let webhooks = Webhooks::of(&[parcel("certs", configuration)], "shop");
    let object = parcel("app", object).manifests.remove(0).object;
    webhooks.admitting(&object, "app").map(ToString::to_string).collect()
}

#[test]
fn an_object_waits_for_the_webhooks_of_other_components_that_admit_it() {
    let widget = "{apiVersion: example.org/v1, kind: Widget, metadata: {name: a}}";
    assert_eq!(admitted(&configuration(""), widget), ["w.example.org of certs"]);
    assert_eq!(admitted(&configuration(""), &widget.replace("Widget", "Policy")), ["w.example.org of certs"]);
    assert!(admitted(&configuration(""), &widget.replace("Widget", "Gadget")).is_empty());
    assert!(admitted(&configuration(""), &widget.replace("example.org", "example.com")).is_empty());
    assert!(admitted(&configuration("objectSelector: {matchLabels: {a: b}},"), widget).is_empty());
    let webhooks = Webhooks::of(&[parcel("certs", &configuration(""))], "shop");
    let object = parcel("certs", widget).manifests.remove(0).object;
    assert_eq!(webhooks.admitting(&object, "certs").count(), 0, "its own");
}

#[test]
fn the_service_of_a_webhook_that_cannot_be_called_is_in_the_message() {
    let error = |text: &str| {
        let status = Status { message: text.to_owned(), code: 500, ..Status::default() };
        kube::Error::Api(Box::new(status))
    };
    let text = "Internal error occurred: failed calling webhook \"webhook.cert-manager.io\": failed to call webhook: Post \
                \"https://cert-manager-webhook.cert-manager.svc:443/validate?timeout=30s\": dial tcp: connection refused";
    let expected = Some(("cert-manager".to_owned(), "cert-manager-webhook".to_owned()));
    assert_eq!(uncalled(&error(text)), expected);
    assert_eq!(uncalled(&error("Internal error occurred: etcd")), None);
}

#[test]
fn components_whose_webhooks_admit_each_other_s_objects_do_not_wait() {
    let own = |group: &str, other: &str| {
        let hook = configuration("").replace("example.org]", &format!("{group}]"));
        format!("{hook}\n---\n{{apiVersion: {other}/v1, kind: Widget, metadata: {{name: a}}}}")
    };
    let stage = [
        parcel("a", &own("a.org", "b.org")),
        parcel("b", &own("b.org", "a.org")),
        parcel("c", "{apiVersion: a.org/v1, kind: Widget, metadata: {name: c}}"),
    ];
    let webhooks = Webhooks::of(&stage, "shop");
    let holders = super::super::shared::Shared::of(&stage, &webhooks).needs;
    assert!(holders["a"].contains("b") && holders["b"].contains("a"), "each would wait for the other");
    assert!(holders["c"].contains("a") && !holders["a"].contains("c"), "c waits, and nobody waits for it");
}
