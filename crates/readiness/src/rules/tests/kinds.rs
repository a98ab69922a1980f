use super::*;
use crate::settings::{Field, KindRule};

const SERVICE: &str = "
- {apiVersion: v1, kind: Service, metadata: {name: hook, namespace: shop}, spec: {selector: {app: hook}, ports: [{port: 443}]}}";
const SERVED: &str = "
- {apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: hook-1, namespace: shop, labels: {kubernetes.io/service-name: hook}}, ports: [{name: '', port: 443}], endpoints: [{conditions: {ready: true}}]}";

#[test]
fn webhooks_need_their_services() {
    let hook = |kind: &str, world: &str| {
        format!(
            "- {{apiVersion: admissionregistration.k8s.io/v1, kind: {kind}, metadata: {{name: h}}, \
             webhooks: [{{name: elsewhere, clientConfig: {{url: 'https://x'}}}}, {{name: deny.shop.io, clientConfig: {{service: {{name: hook, namespace: shop}}}}}}]}}{world}"
        )
    };
    check(&[
        (
            "no service",
            &hook("ValidatingWebhookConfiguration", ""),
            Is::Waiting("deny.shop.io is served by service/hook, which is not ready: it is not there"),
        ),
        ("a service without pods", &hook("MutatingWebhookConfiguration", SERVICE), Is::Waiting("no pod matches")),
        ("served", &hook("MutatingWebhookConfiguration", &format!("{SERVICE}{SERVED}")), Is::Ready),
    ]);
}

#[test]
fn services_that_match_no_pod() {
    let service = "- {apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {selector: {app: wbe}, ports: [{port: 80}]}}";
    let pod = |ready: &str| {
        format!(
            "\n- {{apiVersion: v1, kind: Pod, metadata: {{name: p, namespace: shop, labels: {{app: web}}}}, status: {{conditions: [{{type: Ready, status: '{ready}'}}]}}}}"
        )
    };
    let coming =
        "\n- {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: r, namespace: shop}, spec: {replicas: 1}}";
    check(&[
        ("nothing else is there", service, Is::Waiting("no pod matches its selector app=wbe")),
        ("others are on their way", &format!("{service}{}", pod("False")), Is::Waiting("no pod matches")),
        ("a pod is not made yet", &format!("{service}{}{coming}", pod("True")), Is::Waiting("no pod matches")),
        (
            "all pods are made, and ready",
            &format!("{service}{}{coming}", pod("True"))
                .replace("{replicas: 1}", "{replicas: 1}, status: {readyReplicas: 1}"),
            Is::Failing(Cause::Endpoints, "no pod matches"),
        ),
        (
            "all others are ready",
            &format!("{service}{}", pod("True")),
            Is::Failing(Cause::Endpoints, "no pod matches its selector app=wbe"),
        ),
        ("endpoints were not saved", &format!("{}{}", service.replace("wbe", "web"), pod("True")), Is::Ready),
        (
            "endpoints of the older kind",
            &format!(
                "{service}\n- {{apiVersion: v1, kind: Endpoints, metadata: {{name: web, namespace: shop}}, subsets: [{{addresses: [{{ip: 10.0.0.1}}], ports: [{{port: 80}}]}}]}}"
            ),
            Is::Ready,
        ),
    ]);
}

#[test]
fn claims_and_classes() {
    let claim = |metadata: &str, spec: &str, world: &str| {
        format!(
            "- {{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {{name: data, namespace: shop{metadata}}}, spec: {{{spec}}}, status: {{phase: Pending}}}}\n{world}"
        )
    };
    let late = "- {apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: late, annotations: {storageclass.kubernetes.io/is-default-class: 'true'}}, volumeBindingMode: WaitForFirstConsumer}";
    let soon = late.replace("WaitForFirstConsumer", "Immediate");
    let chosen = ", annotations: {volume.kubernetes.io/selected-node: n1}";
    let pod = "\n- {apiVersion: v1, kind: Pod, metadata: {name: p, namespace: shop, uid: p}, spec: {volumes: [{persistentVolumeClaim: {claimName: data}}]}, status: {conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: 'pod has unbound immediate PersistentVolumeClaims'}]}}";
    let failed = "\n- {apiVersion: v1, kind: Event, metadata: {name: e, namespace: shop}, involvedObject: {kind: PersistentVolumeClaim, namespace: shop, name: data}, reason: ProvisioningFailed, message: 'storageclass \"x\" not found'}";
    let before = |pod: &str, claim: &str| format!("{}\n{claim}", pod.trim());
    check(&[
        ("its class waits", &claim("", "storageClassName: late", late), Is::Ready),
        ("the default class waits", &claim("", "", late), Is::Ready),
        ("a pod wants it", &claim("", "", &format!("{late}{pod}")), Is::Waiting("not bound")),
        ("a node is chosen for it", &claim(chosen, "", late), Is::Waiting("not bound")),
        ("its class does not wait", &claim("", "", &soon), Is::Waiting("not bound")),
        ("its pod waits", &before(pod, &claim("", "", "")), Is::Waiting("it waits for persistentvolumeclaim/data")),
        (
            "its pod fails with it",
            &before(pod, &claim("", "", failed)),
            Is::Failing(Cause::Claim, "storageclass \"x\" not found"),
        ),
    ]);
}

#[test]
fn kinds_that_only_have_to_exist() {
    for (api_version, kind) in [
        ("v1", "ServiceAccount"),
        ("v1", "Secret"),
        ("batch/v1", "CronJob"),
        ("policy/v1", "PodDisruptionBudget"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("example.com/v1", "Widget"),
    ] {
        let object = format!("- {{apiVersion: {api_version}, kind: {kind}, metadata: {{name: x, generation: 2}}");
        check(&[
            (kind, &format!("{object}}}"), Is::Ready),
            (kind, &format!("{object}, status: {{observedGeneration: 2}}}}"), Is::Ready),
            (
                kind,
                &format!("{object}, status: {{observedGeneration: 1}}}}"),
                Is::Waiting("at generation 1, not yet at 2"),
            ),
        ]);
    }
    let unable = "- {apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h}, status: {conditions: [{type: AbleToScale, status: 'False', message: no target}]}}";
    let up = "- {apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: a}, status: {conditions: [{type: Available, status: 'True'}]}}";
    let address = "status: {loadBalancer: {ingress: [{ip: 10.0.0.1}]}}";
    check(&[
        ("an autoscaler without a target", unable, Is::Waiting("it cannot scale: no target")),
        ("an API that is served", up, Is::Ready),
        (
            "an API of which nothing is known",
            "- {apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: a}}",
            Is::Waiting("not available yet"),
        ),
        (
            "an ingress with an address",
            &format!("- {{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {{name: i}}, {address}}}"),
            Is::Ready,
        ),
        (
            "a load balancer with an address",
            &format!(
                "- {{apiVersion: v1, kind: Service, metadata: {{name: s}}, spec: {{type: LoadBalancer}}, {address}}}"
            ),
            Is::Ready,
        ),
    ]);
}

#[test]
fn of_other_kinds_of_kubernetes_only_the_ready_condition_counts() {
    let object = |api_version: &str, kind: &str, condition: &str| {
        format!(
            "- {{apiVersion: {api_version}, kind: {kind}, metadata: {{name: x}}, status: {{conditions: [{{{condition}}}]}}}}"
        )
    };
    let request = object("certificates.k8s.io/v1", "CertificateSigningRequest", "type: Failed, status: 'True'");
    check(&[
        ("ready", &object("v1", "Node", "type: Ready, status: 'True'"), Is::Ready),
        (
            "not ready",
            &object("v1", "Node", "type: Ready, status: 'False', reason: KubeletNotReady"),
            Is::Waiting("not ready: KubeletNotReady"),
        ),
        ("of which another is not good", &request, Is::Ready),
    ]);
}

#[test]
fn objects_with_hardly_anything_in_them() {
    let bare =
        |api_version: &str, kind: &str| format!("- {{apiVersion: {api_version}, kind: {kind}, metadata: {{name: x}}}}");
    check(&[
        ("deployment", &bare("apps/v1", "Deployment"), Is::Waiting("has not looked at it yet")),
        ("stateful set", &bare("apps/v1", "StatefulSet"), Is::Waiting("has not looked at it yet")),
        ("daemon set", &bare("apps/v1", "DaemonSet"), Is::Waiting("has not looked at it yet")),
        ("replica set", &bare("apps/v1", "ReplicaSet"), Is::Waiting("has not looked at it yet")),
        ("controller", &bare("v1", "ReplicationController"), Is::Waiting("0 of 1 replicas created")),
        ("job", &bare("batch/v1", "Job"), Is::Waiting("0 of 1 pods completed")),
        ("pod", &bare("v1", "Pod"), Is::Waiting("not scheduled yet")),
        ("claim", &bare("v1", "PersistentVolumeClaim"), Is::Waiting("not bound yet")),
        ("service", &bare("v1", "Service"), Is::Ready),
        ("namespace", &bare("v1", "Namespace"), Is::Ready),
        (
            "definition",
            &bare("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
            Is::Waiting("not established yet"),
        ),
        (
            "conditions of truth values",
            "- {apiVersion: v1, kind: Pod, metadata: {name: x}, status: {conditions: [{type: Ready, status: true}]}}",
            Is::Ready,
        ),
        (
            "a count with a fraction",
            "- {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: r}, spec: {replicas: 1.0}, status: {replicas: '1', readyReplicas: 1.0, availableReplicas: 1}}",
            Is::Ready,
        ),
    ]);
}

#[test]
fn a_suite_may_name_the_fields_that_tell() {
    let rule = KindRule {
        group: "example.com".into(),
        kind: "Widget".into(),
        ready: Some(Field::new(".status.parts[0].phase", "Running")),
        failed: Some(Field::new("{.status['broken']}", true)),
    };
    let settings = Settings { kinds: vec![rule], ..Settings::default() };
    let found = |status: &str, metadata: &str| {
        let yaml = format!(
            "{{apiVersion: example.com/v2, kind: Widget, metadata: {{name: w{metadata}}}, status: {{{status}}}}}"
        );
        let view = View::new(serde_saphyr::from_str(&yaml).expect("YAML"));
        judge(&view, &World::default(), &settings)
    };
    let waiting = |found: Finding| match found {
        Finding::Waiting(why) => why.text,
        other => panic!("{other:?}"),
    };
    assert_eq!(found("parts: [{phase: Running}]", ""), Finding::Ready);
    assert_eq!(waiting(found("", "")), ".status.parts[0].phase is not set, not Running yet");
    assert_eq!(waiting(found("parts: [{phase: 7}]", "")), ".status.parts[0].phase is 7, not Running yet");
    assert!(found("broken: true, parts: [{phase: Running}]", "").fault().is_some());
    assert_eq!(waiting(found("parts: [{phase: Running}]", ", deletionTimestamp: x")), "it is being deleted");
    assert_eq!(
        waiting(found("observedGeneration: 1, parts: [{phase: Running}]", ", generation: 2")),
        "its controller is at generation 1, not yet at 2"
    );
}

#[test]
fn services_of_what_is_scaled_to_zero() {
    let set = |kind: &str, name: &str, replicas: u8, labels: &str| {
        format!(
            "\n- {{apiVersion: apps/v1, kind: {kind}, metadata: {{name: {name}, namespace: shop, uid: {name}}}, spec: {{replicas: {replicas}, {labels}}}}}"
        )
    };
    let template = "template: {metadata: {labels: {app: hook, tier: a}}}";
    let selector = "selector: {matchLabels: {app: hook}}";
    let other = "template: {metadata: {labels: {app: other}}}";
    let up = "\n- {apiVersion: v1, kind: Pod, metadata: {name: p, namespace: shop}, status: {conditions: [{type: Ready, status: 'True'}]}}";
    let found = |world: &str| found(&format!("{SERVICE}{world}{up}"));
    let ready = |world: &str| found(world) == Finding::Ready;
    assert!(ready(&set("Deployment", "d", 0, template)));
    assert!(ready(&set("StatefulSet", "s", 0, selector)), "where only its selector is known");
    assert!(ready(&(set("Deployment", "d", 0, template) + &set("ReplicaSet", "r", 0, template))));
    assert!(!ready(""));
    assert!(!ready(&set("Deployment", "d", 1, template)));
    assert!(!ready(&set("Deployment", "d", 0, other)));
    assert!(!ready(&(set("Deployment", "d", 0, template) + &set("StatefulSet", "s", 1, selector))));
    let hook = "- {apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: h}, \
         webhooks: [{name: deny, clientConfig: {service: {name: hook, namespace: shop}}}]}";
    let yaml = format!("{hook}{SERVICE}{}", set("Deployment", "d", 0, template));
    check(&[("but no webhook", &yaml, Is::Waiting("what it selects is scaled to zero"))]);
}
