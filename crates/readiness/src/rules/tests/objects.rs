use super::*;

#[test]
fn services() {
    let service = |spec: &str, world: &str| {
        format!(
            "- {{apiVersion: v1, kind: Service, metadata: {{name: web, namespace: shop}}, spec: {{{spec}}}}}\n{world}"
        )
    };
    let slice = |name: &str, ports: &str, endpoints: &str| {
        format!(
            "- {{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {{name: {name}, namespace: shop, labels: {{kubernetes.io/service-name: web}}}}, ports: {ports}, endpoints: {endpoints}}}\n"
        )
    };
    let spec = "selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: metrics, port: 90}]";
    let both = slice("a", "[{name: http, port: 8080}, {name: metrics, port: 90}]", "[{conditions: {ready: true}}]");
    let unready = slice("a", "[{name: http}, {name: metrics}]", "[{conditions: {ready: false}}]");
    let apart = slice("a", "[{name: http}]", "[{}]") + &slice("b", "[{name: metrics}]", "[{conditions: {}}]");
    let pod = "- {apiVersion: v1, kind: Pod, metadata: {name: p, namespace: shop, labels: {app: web, x: y}}}";
    check(&[
        ("served", &service(spec, &both), Is::Ready),
        ("served by two slices", &service(spec, &apart), Is::Ready),
        ("nobody's to serve", &service("ports: [{port: 80}]", ""), Is::Ready),
        ("elsewhere", &service("type: ExternalName, externalName: example.com", ""), Is::Ready),
        ("no pod", &service(spec, ""), Is::Waiting("no pod matches its selector app=web")),
        ("pod not ready", &service(spec, &format!("{unready}{pod}")), Is::Waiting("the pod behind it is not ready")),
        (
            "a port that nobody serves",
            &service(spec, &slice("a", "[{name: metrics}]", "[{}]")),
            Is::Failing(Cause::Endpoints, "none serves port 80 (targetPort 8080)"),
        ),
        (
            "a port that only an unready pod serves",
            &service(
                spec,
                &(slice("a", "[{name: metrics}]", "[{}]")
                    + &slice("b", "[{name: http}]", "[{conditions: {ready: false}}]")),
            ),
            Is::Failing(Cause::Endpoints, "none serves port 80"),
        ),
        (
            "a port without a name",
            &service("selector: {app: web}, ports: [{port: 80}]", &slice("a", "[{name: '', port: 80}]", "[{}]")),
            Is::Ready,
        ),
        (
            "balanced by nobody",
            &service("type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]", ""),
            Is::Waiting("no address"),
        ),
    ]);
}

#[test]
fn definitions() {
    let definition = |conditions: &str| {
        format!(
            "- {{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {{name: w}}, status: {{conditions: [{conditions}]}}}}"
        )
    };
    let accepted = "{type: NamesAccepted, status: 'True'}";
    check(&[
        ("ok", &definition(&format!("{accepted}, {{type: Established, status: 'True'}}")), Is::Ready),
        ("new", &definition(""), Is::Waiting("not established yet")),
        (
            "soon",
            &definition(&format!("{accepted}, {{type: Established, status: 'False', reason: Installing}}")),
            Is::Waiting("Installing"),
        ),
        (
            "conflict",
            &definition("{type: NamesAccepted, status: 'False', message: taken}"),
            Is::Failing(Cause::Final, "taken"),
        ),
    ]);
}

#[test]
fn namespaces_and_claims() {
    let claim = |status: &str, world: &str| {
        format!(
            "- {{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {{name: data, namespace: shop, uid: c}}, status: {{{status}}}}}\n{world}"
        )
    };
    let event = |reason: &str, message: &str| {
        format!(
            "- {{apiVersion: v1, kind: Event, metadata: {{name: e}}, involvedObject: {{uid: c}}, reason: {reason}, message: '{message}'}}\n"
        )
    };
    let pod = "- {apiVersion: v1, kind: Pod, metadata: {name: p, namespace: shop}, spec: {volumes: [{persistentVolumeClaim: {claimName: data}}]}}";
    let waits = event("WaitForFirstConsumer", "waiting for first consumer");
    check(&[
        ("active", "- {apiVersion: v1, kind: Namespace, metadata: {name: shop}, status: {phase: Active}}", Is::Ready),
        (
            "terminating",
            "- {apiVersion: v1, kind: Namespace, metadata: {name: shop, deletionTimestamp: x}, status: {phase: Terminating}}",
            Is::Failing(Cause::Final, "being deleted"),
        ),
        (
            "deleted, while its phase is still the old one",
            "- {apiVersion: v1, kind: Namespace, metadata: {name: shop, deletionTimestamp: x}, status: {phase: Active}}",
            Is::Failing(Cause::Final, "being deleted"),
        ),
        (
            "terminating, for a reason",
            "- {apiVersion: v1, kind: Namespace, metadata: {name: shop}, status: {phase: Terminating, conditions: [\
             {type: NamespaceContentRemaining, status: 'True', reason: SomeResourcesRemain}, {type: NamespaceDeletionContentFailure, status: 'False'}]}}",
            Is::Failing(Cause::Final, "being deleted (SomeResourcesRemain)"),
        ),
        (
            "of a phase that nobody knows",
            "- {apiVersion: v1, kind: Namespace, metadata: {name: shop}, status: {phase: Moving}}",
            Is::Waiting("its phase is Moving"),
        ),
        ("bound", &claim("phase: Bound", ""), Is::Ready),
        ("lost", &claim("phase: Lost", ""), Is::Failing(Cause::Final, "lost")),
        ("pending", &claim("phase: Pending", ""), Is::Waiting("not bound yet")),
        ("nobody wants it yet", &claim("phase: Pending", &waits), Is::Ready),
        ("a pod wants it", &claim("phase: Pending", &format!("{waits}{pod}")), Is::Waiting("first consumer")),
        (
            "no class",
            &claim("phase: Pending", &event("ProvisioningFailed", "storageclass \"fast\" not found")),
            Is::Failing(Cause::Claim, "storageclass \"fast\" not found"),
        ),
    ]);
}

#[test]
fn kinds_of_one_sentence() {
    check(&[
        ("config map", "- {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}", Is::Ready),
        ("cron job", "- {apiVersion: batch/v1, kind: CronJob, metadata: {name: c}}", Is::Ready),
        (
            "ingress",
            "- {apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: i}}",
            Is::Waiting("no address"),
        ),
        (
            "autoscaler",
            "- {apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h}, status: {conditions: [{type: ScalingActive, status: 'False'}]}}",
            Is::Ready,
        ),
        (
            "api service",
            "- {apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: a}, status: {conditions: [{type: Available, status: 'False', reason: MissingEndpoints}]}}",
            Is::Waiting("MissingEndpoints"),
        ),
    ]);
}
