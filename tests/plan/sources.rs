//! Objects that are not plain files: charts, kustomizations, addresses, programs and texts in e2e.yaml.

use std::collections::BTreeMap;
use std::path::Path;

use kind_harness::host::folders::Folders;
use kind_harness::host::setup::{Tool, consent_of_environment, ensure_tool};
use kind_harness::readiness::ObjectRef;
use kind_harness::report::Events;
use kind_harness::sources;
use kind_harness::suite::config::{self, Overrides};
use kind_harness::suite::plan::{ComponentObjects, Plan, Task};
use serde_json::Value;

const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n";

/// A suite in a folder of its own, with its own cache.
struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new(suite: &str, files: &[(&str, &str)]) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let fixture = Fixture { folder };
        fixture.write("e2e.yaml", &format!("suite: s\nnamespace: s\ncomponents:\n{suite}"));
        files.iter().for_each(|(path, text)| fixture.write(path, text));
        fixture
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Returns folders of its own, but for the tools, which are installed once for all.
    async fn folders(&self) -> Folders {
        let users = Folders::of_user().unwrap();
        for tool in [Tool::Kustomize, Tool::Helm, Tool::Curl] {
            ensure_tool(tool, &users, consent_of_environment, &Events::discard()).await.unwrap();
        }
        let cache = self.folder.path().join("cache");
        std::fs::create_dir_all(&cache).unwrap();
        // A second call finds the link.
        let _ = std::os::unix::fs::symlink(users.cache.join("tools"), cache.join("tools"));
        Folders { cache, state: self.folder.path().join("state") }
    }

    fn plan(&self) -> Plan {
        let loaded = config::load(&self.folder.path().join("e2e.yaml"), &Overrides::default());
        Plan::new(loaded.unwrap_or_else(|error| panic!("{error}"))).unwrap()
    }

    async fn rendered(&self) -> Result<Plan, String> {
        let plan = self.plan();
        let rendered = sources::render(&plan, &self.folders().await, consent_of_environment, &Events::discard()).await;
        rendered.map(|rendered| plan.with_rendered(rendered)).map_err(|error| error.to_string())
    }

    async fn objects(&self) -> Vec<String> {
        let plan = self.rendered().await.unwrap_or_else(|error| panic!("{error}"));
        let all = plan.objects().unwrap_or_else(|error| panic!("{error}"));
        let name = |object: &ObjectRef| format!("{object} {}", object.namespace.as_deref().unwrap_or("-"));
        all.iter().flat_map(|it| &it.manifests).map(|it| name(&ObjectRef::of(&it.object))).collect()
    }
}

#[tokio::test]
async fn programs_and_texts_are_sources() {
    let suite = "  - name: app\n    namespace: apps\n    manifests:\n      - command: [./print.sh, b]\n      - inline: |\n          \
                 apiVersion: v1\n          kind: ConfigMap\n          metadata: { name: c }\n          data: { home: '{{ env.HOME }}' }\n";
    let script = "#!/bin/sh\nprintf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: { name: %s }\\n' \"$1\"\n";
    let fixture = Fixture::new(suite, &[("print.sh", script)]);
    let path = fixture.folder.path().join("print.sh");
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(fixture.objects().await, ["configmap/b apps", "configmap/c apps"]);
    let plan = fixture.rendered().await.unwrap();
    let home = &plan.manifests().unwrap()[0][1].object.data["data"]["home"];
    assert_eq!(home, &std::env::var("HOME").unwrap());
}

#[tokio::test]
async fn a_rendered_source_counts_for_the_digest_and_an_unrendered_one_is_named() {
    let fixture =
        Fixture::new("  - { name: app, manifests: [{ command: [cat, a.yaml] }] }\n", &[("a.yaml", CONFIG_MAP)]);
    let error = fixture.plan().manifests().unwrap_err().to_string();
    assert!(error.contains("this is not rendered yet") && error.contains("cat a.yaml"), "{error}");
    let before = fixture.rendered().await.unwrap().digest().unwrap();
    let again = fixture.rendered().await.unwrap();
    assert_eq!(before, again.digest().unwrap());
    assert_eq!(before, fixture.plan().with_rendered(again.rendered()).digest().unwrap());
    fixture.write("a.yaml", &CONFIG_MAP.replace("name: a", "name: z"));
    assert_ne!(before, fixture.rendered().await.unwrap().digest().unwrap());
}

#[tokio::test]
async fn kustomize_does_all_that_it_can_and_only_when_something_changed() {
    let files = [
        (
            "k/kustomization.yaml",
            "resources: [a.yaml]\nnamePrefix: x-\nconfigMapGenerator: [{name: g, files: [t.txt]}]\n",
        ),
        ("k/a.yaml", CONFIG_MAP),
        ("k/t.txt", "one"),
    ];
    let fixture = Fixture::new("  - { name: app, manifests: [k] }\n", &files);
    let first = fixture.objects().await;
    assert!(first.contains(&"configmap/x-a -".to_owned()) && first.len() == 2, "{first:?}");
    // What is kept is found without running anything.
    assert_eq!(sources::recall(&fixture.plan(), &fixture.folders().await).len(), 1);
    fixture.write("k/t.txt", "two");
    assert!(sources::recall(&fixture.plan(), &fixture.folders().await).is_empty());
    assert_ne!(first, fixture.objects().await, "the generated name has a hash");
    fixture.write("k/kustomization.yaml", "resources: [gone.yaml]\n");
    let error = fixture.rendered().await.unwrap_err();
    assert!(
        error.contains("e2e.yaml:4: component app: kustomize k cannot be rendered: ") && error.contains("gone.yaml"),
        "{error}"
    );
}

const CHART: [(&str, &str); 4] = [
    ("c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n"),
    ("c/values.yaml", "text: none\ncount: 1\n"),
    (
        "c/crds/crd.yaml",
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: as.example.org}\n",
    ),
    (
        "c/templates/t.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}', namespace: '{{ .Release.Namespace }}'}\n\
         data: {text: {{ required \"text is needed\" .Values.text | quote }}, count: {{ kindOf .Values.count }}}\n\
         ---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: late, annotations: {helm.sh/hook: 'post-install,post-upgrade', helm.sh/hook-weight: '5'}}\n\
         ---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: early, annotations: {helm.sh/hook: pre-install}}\n\
         ---\napiVersion: v1\nkind: Pod\nmetadata: {name: test, annotations: {helm.sh/hook: test}}\n",
    ),
];

#[tokio::test]
async fn a_chart_is_rendered_by_helm_and_its_hooks_are_tasks() {
    let suite = "  - name: db\n    helm: { chart: c, release: r, set: { text: '{{ env.HOME }}', count: 3 } }\n";
    let fixture = Fixture::new(suite, &CHART);
    assert_eq!(fixture.objects().await, ["customresourcedefinition/as.example.org -", "configmap/r s"]);
    let plan = fixture.rendered().await.unwrap();
    let objects = plan.objects().unwrap().remove(0);
    assert_eq!(objects.before.iter().map(Task::to_string).collect::<Vec<_>>(), ["hook pre-install (0)"]);
    assert_eq!(objects.after.iter().map(Task::to_string).collect::<Vec<_>>(), ["hook post-install (5)"]);
    let data = &objects.manifests[1].object.data["data"];
    assert_eq!(
        (data["text"].as_str(), data["count"].as_str()),
        (std::env::var("HOME").ok().as_deref(), Some("float64"))
    );
}

#[tokio::test]
async fn a_chart_that_cannot_be_rendered_is_told_in_helms_words() {
    let suite = "  - name: db\n    helm: { chart: c, set: { text: '' } }\n";
    let error = Fixture::new(suite, &CHART).rendered().await.unwrap_err();
    assert!(error.contains("e2e.yaml:5: component db: helm c cannot be rendered: "), "{error}");
    assert!(error.contains("text is needed") && error.contains("c/templates/t.yaml:4"), "{error}");
}

/// A server of one file, on a free port.
async fn serve(status: &'static str, body: &'static str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
    });
    format!("http://{address}/all.yaml")
}

#[tokio::test]
async fn an_address_is_fetched_once_and_must_have_the_hash() {
    let url = serve("200 OK", CONFIG_MAP).await;
    let fixture = Fixture::new(&format!("  - {{ name: app, manifests: [{{ url: '{url}' }}] }}\n"), &[]);
    assert_eq!(fixture.objects().await, ["configmap/a -"]);
    // The server answers only once.
    assert_eq!(fixture.objects().await, ["configmap/a -"]);

    let (url, hash) = (serve("200 OK", CONFIG_MAP).await, "0".repeat(64));
    let fixture =
        Fixture::new(&format!("  - {{ name: app, manifests: [{{ url: '{url}', sha256: '{hash}' }}] }}\n"), &[]);
    let error = fixture.rendered().await.unwrap_err();
    assert!(error.contains("its SHA-256 is ") && error.contains(&format!("expects {hash}")), "{error}");

    let url = serve("404 Not Found", "").await;
    let fixture = Fixture::new(&format!("  - {{ name: app, manifests: [{{ url: '{url}' }}] }}\n"), &[]);
    let error = fixture.rendered().await.unwrap_err();
    assert!(
        error.contains(&format!("e2e.yaml:4: component app: {url} cannot be rendered: ")) && error.contains("404"),
        "{error}"
    );
}

#[test]
fn what_is_wrong_in_the_file_is_shown_with_its_place() {
    let suite = "suite: s\nnamespace: s\ncomponents:\n  - name: app\n    manifests:\n      - { url: ftp://x }\n      - { kustomize: k, inline: a }\n      \
                 - { inline: \"{{ images['no'] }}\" }\n    helm: { chart: nowhere }\n    needs: [{ component: app, until: later }]\n    before: [{}]\n";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("e2e.yaml"), suite).unwrap();
    let error = config::load(&folder.path().join("e2e.yaml"), &Overrides::default()).unwrap_err();
    let told: Vec<_> = error
        .diagnostics()
        .iter()
        .map(|it| format!("{} {}", it.position.map_or(0, |position| position.line), it.message))
        .collect();
    assert!(told.iter().any(|it| it.starts_with("7 a source has exactly one of")), "{told:?}");
    assert!(told.iter().any(|it| it.starts_with("10 ")), "{told:?}");
    assert!(told.iter().any(|it| it.starts_with("11 work has exactly one of")), "{told:?}");

    let suite = "suite: s\nnamespace: s\ncomponents:\n  - name: app\n    manifests:\n      - { url: ftp://x, sha256: abc }\n      \
                 - { inline: \"{{ images['no'] }}\" }\n    helm: { chart: nowhere }\n    before: [{ command: [] }]\n";
    std::fs::write(folder.path().join("e2e.yaml"), suite).unwrap();
    let error =
        config::load(Path::new(&folder.path().join("e2e.yaml")), &Overrides::default()).unwrap_err().to_string();
    for part in [
        "`ftp://x` is no address of the web",
        "this is no SHA-256",
        "there is no image `no` here",
        "the chart `nowhere` does not exist",
        "there is nothing to run",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

/// Every object of a text of YAML documents, by kind and name.
fn objects_of(text: &str) -> BTreeMap<String, Value> {
    let all: Vec<Value> = serde_saphyr::from_multiple(text).expect("YAML");
    let all = all.into_iter().filter(|object| !object.is_null());
    all.map(|object| (format!("{} {}", object["kind"], object["metadata"]["name"]), object)).collect()
}

#[tokio::test]
async fn our_objects_are_those_of_the_tools() {
    let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop");
    let suite = format!(
        "  - name: store\n    helm: {{ chart: {shop}/charts/store, values: [{shop}/values/e2e.yaml], set: {{ token: t-1, image: i }} }}\n  \
         - name: api\n    manifests: [{{ kustomize: {shop}/config/e2e }}]\n",
        shop = shop.display()
    );
    let fixture = Fixture::new(&suite, &[]);
    let plan = fixture.rendered().await.unwrap();
    let all = plan.objects().unwrap();
    let ours = all.iter().flat_map(ComponentObjects::all).map(|it| serde_json::to_value(&it.object).unwrap());
    let ours: BTreeMap<String, Value> =
        ours.map(|object| (format!("{} {}", object["kind"], object["metadata"]["name"]), object)).collect();

    let folders = fixture.folders().await;
    let tool = async |tool| ensure_tool(tool, &folders, consent_of_environment, &Events::discard()).await.unwrap();
    let args =
        ["template", "store", "charts/store", "--namespace", "s", "--include-crds", "--values", "values/e2e.yaml"];
    let helm = tool(Tool::Helm).await.command(args).arg("--set").arg("token=t-1,image=i").dir(&shop).output().await;
    let kustomize = tool(Tool::Kustomize).await.command(["config/e2e"]).dir(&shop).output().await;
    let mut theirs = objects_of(&helm.unwrap());
    theirs.extend(objects_of(&kustomize.unwrap()));
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    for (name, object) in theirs {
        assert_eq!(ours[&name], object, "{name}");
    }
}

#[test]
fn the_files_of_a_suite_are_those_that_its_sources_read() {
    let suite = "  - name: app\n    manifests: [plain, kustomized, { inline: '{}' }, { command: [cat, of-a-program.yaml] }]\n    \
                 helm: { chart: chart, values: [values.yaml] }\n    before: [{ job: job.yaml }]\n";
    let kustomization = "resources: [c.yaml, ../kustomized-base]\n";
    let read = [
        ("plain/a.yaml", CONFIG_MAP),
        ("plain/deeper/b.yml", CONFIG_MAP),
        ("kustomized/kustomization.yaml", kustomization),
        ("kustomized/c.yaml", CONFIG_MAP),
        ("kustomized-base/kustomization.yaml", "resources: [d.yaml]\n"),
        ("kustomized-base/d.yaml", CONFIG_MAP),
        ("chart/Chart.yaml", "apiVersion: v2\nname: chart\nversion: 1.0.0\n"),
        ("chart/templates/e.yaml", CONFIG_MAP),
        ("values.yaml", ""),
        ("job.yaml", CONFIG_MAP),
    ];
    let fixture = Fixture::new(suite, &read);
    for other in ["plain/notes.txt", "other.yaml", "of-a-program.yaml"] {
        fixture.write(other, "");
    }
    let root = fixture.folder.path();
    let inputs: Vec<_> = fixture.plan().inputs().unwrap().into_iter().collect();
    let mut expected: Vec<_> = read.iter().map(|(path, _)| root.join(path)).chain([root.join("e2e.yaml")]).collect();
    expected.sort();
    assert_eq!(inputs, expected);
}
