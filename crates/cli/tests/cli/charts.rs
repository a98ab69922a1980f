//! Charts of a repository, rendered by the real helm: fetched once, and told clearly when they cannot be.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kind_harness::host::folders::Folders;
use kind_harness::host::setup::{Tool, consent_of_environment, ensure_tool};
use kind_harness::report::Events;
use rstest::rstest;

use crate::support::{Ended, Host};

/// The exit code of sources that give no objects.
const SOURCES: i32 = 13;

/// The password in the repository's address.
const PASSWORD: &str = "open-sesame-42";

/// A repository of one chart, `c` 0.1.0, that wants a login and counts requests.
struct Repository {
    host: String,
    served: Arc<Served>,
    runtime: tokio::runtime::Runtime,
}

struct Served {
    archive: Vec<u8>,
    requests: AtomicUsize,
}

impl Repository {
    fn start(runtime: tokio::runtime::Runtime, archive: Vec<u8>) -> Repository {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let served = Arc::new(Served { archive, requests: AtomicUsize::new(0) });
        let router = axum::Router::new().fallback(answer).with_state(served.clone());
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, router).await
        });
        Repository { host, served, runtime }
    }

    /// Its address with the login of `password`.
    fn address(&self, password: &str) -> String {
        format!("http://tester:{password}@{}", self.host)
    }

    /// The requests since the last call.
    fn requests(&self) -> usize {
        self.served.requests.swap(0, Ordering::Relaxed)
    }
}

async fn answer(State(served): State<Arc<Served>>, headers: HeaderMap, request: Request) -> axum::response::Response {
    served.requests.fetch_add(1, Ordering::Relaxed);
    let login = format!("Basic {}", BASE64_STANDARD.encode(format!("tester:{PASSWORD}")));
    if headers.get("authorization").is_none_or(|sent| sent.to_str().unwrap_or_default() != login) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match request.uri().path() {
        "/index.yaml" => {
            "apiVersion: v1\nentries: {c: [{apiVersion: v2, name: c, version: 0.1.0, urls: [c-0.1.0.tgz]}]}\n"
                .into_response()
        }
        "/c-0.1.0.tgz" => served.archive.clone().into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A host with the real helm, and a repository.
fn host() -> (Host, Repository) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (host, user) = (Host::bare(), Folders::of_user().unwrap());
    host.write("c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n");
    host.write("c/values.yaml", "text: none\n");
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\ndata: {text: '{{ .Values.text }}'}\n";
    host.write("c/templates/t.yaml", map);
    let folder = host.path("c");
    let packed = async {
        let helm = ensure_tool(Tool::Helm, &user, consent_of_environment, &Events::discard()).await.unwrap();
        let package = helm.command([Path::new("package"), &folder]).dir(folder.parent().unwrap());
        package.output().await.unwrap()
    };
    runtime.block_on(packed);
    let archive = std::fs::read(host.path("c-0.1.0.tgz")).unwrap();
    let cache = host.path("home/.cache/kind-harness");
    std::fs::create_dir_all(&cache).unwrap();
    std::os::unix::fs::symlink(user.cache.join("tools"), cache.join("tools")).unwrap();
    (host, Repository::start(runtime, archive))
}

/// Renders a suite with this chart, whose `chart` is on line 6; the password must not be in any output or file.
fn render(host: &Host, chart: &str) -> Ended {
    render_for(host, &["db"], chart, &[])
}

/// The same with the chart in each of `components`, and with variables of the environment.
fn render_for(host: &Host, components: &[&str], chart: &str, variables: &[(&str, &str)]) -> Ended {
    let chart: String = chart.lines().map(|line| format!("      {line}\n")).collect();
    let components: String = components.iter().map(|name| format!("  - name: {name}\n    helm:\n{chart}")).collect();
    host.write("suite/e2e.yaml", &format!("suite: s\nnamespace: s\ncomponents:\n{components}"));
    let ended = host.run_with(&["render"], variables);
    for said in [&ended.stdout, &ended.stderr] {
        assert!(!said.contains(PASSWORD) && !said.contains("wrong-password"), "{said}");
    }
    ended
}

#[test]
fn a_chart_of_a_repository_is_fetched_once() {
    let (host, repository) = host();
    let repo = repository.address(PASSWORD);
    let first = render(&host, &format!("chart: c\nrepo: {repo}\nversion: 0.1.0\nset: {{ text: one }}"));
    assert!(first.code == Some(0) && first.stdout.contains("text: one"), "{}{}", first.stdout, first.stderr);
    assert_eq!(repository.requests(), 2, "the index and the chart");
    // What is rendered is kept, and the chart too, for other values.
    for text in ["one", "two"] {
        let again = render(&host, &format!("chart: c\nrepo: {repo}\nversion: 0.1.0\nset: {{ text: {text} }}"));
        assert!(again.stdout.contains(&format!("text: {text}")), "{}{}", again.stdout, again.stderr);
    }
    assert_eq!(repository.requests(), 0);

    let newest = render(&host, &format!("chart: c\nrepo: {repo}\nset: {{ text: three }}"));
    assert!(newest.stdout.contains("text: three"), "{}", newest.stderr);
    assert!(newest.stderr.contains("is kept as it is today; `version: 0.1.0` in e2e.yaml"), "{}", newest.stderr);
}

#[test]
fn components_with_one_chart_fetch_it_once() {
    let (host, repository) = host();
    let chart = format!("chart: c\nrepo: {}\nversion: 0.1.0", repository.address(PASSWORD));
    let ended = render_for(&host, &["one", "two", "three"], &chart, &[]);
    assert_eq!(ended.stdout.matches("kind: ConfigMap").count(), 3, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(repository.requests(), 2, "the index and the chart");
}

#[test]
fn a_chart_without_a_version_is_asked_for_again_with_pull() {
    let (host, repository) = host();
    let newest = format!("chart: c\nrepo: {}", repository.address(PASSWORD));
    for chart in [&newest, &format!("{newest}\nversion: 0.1.0")] {
        assert_eq!(render(&host, chart).code, Some(0));
    }
    assert_eq!(repository.requests(), 4);
    // What is kept is not what the repository has now.
    for kept in std::fs::read_dir(host.path("home/.cache/kind-harness/charts")).unwrap() {
        std::fs::write(kept.unwrap().path().join("c/values.yaml"), "text: old\n").unwrap();
    }
    let asked = |chart: &str, variables: &[(&str, &str)]| {
        let ended = render_for(&host, &["db"], &format!("{chart}\nrelease: other"), variables);
        let text = ended.stdout.lines().find(|line| line.contains("text:")).unwrap_or(&ended.stderr);
        (text.trim().to_owned(), repository.requests())
    };
    assert_eq!(asked(&newest, &[]), ("text: old".to_owned(), 0));
    let pull = [("KIND_HARNESS_PULL", "true")];
    assert_eq!(asked(&newest, &pull), ("text: none".to_owned(), 2), "the newest");
    assert_eq!(asked(&newest, &[]), ("text: none".to_owned(), 0), "which stays");
    assert_eq!(asked(&format!("{newest}\nversion: 0.1.0"), &pull), ("text: old".to_owned(), 0), "it has its version");
}

#[test]
fn an_address_without_a_hash_is_asked_for_again_with_pull() {
    let host = Host::bare();
    // It is asked for its version first. Otherwise its last arguments are a file and the address.
    let curl = "#!/bin/sh\n[ $# -gt 2 ] || exit 0\necho curl >> \"$CALLS\"\nwhile [ $# -gt 2 ]; do shift; done\n\
                printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: one}\\n' > \"$1\"\n";
    host.program("curl", curl);
    let asked = |hash: &str, variables: &[(&str, &str)]| {
        let before = host.calls().lines().count();
        let suite = format!(
            "suite: s\nnamespace: s\ncomponents:\n  - name: db\n    manifests: [{{ url: 'https://example.org/objects.yaml'{hash} }}]\n"
        );
        host.write("suite/e2e.yaml", &suite);
        let ended = host.run_with(&["render"], variables);
        assert!(ended.code == Some(0) && ended.stdout.contains("kind: ConfigMap"), "{}{}", ended.stdout, ended.stderr);
        (ended.stderr, host.calls().lines().count() - before)
    };
    let pull = [("KIND_HARNESS_PULL", "true")];
    let (told, requests) = asked("", &[]);
    assert_eq!(requests, 1);
    assert_eq!(asked("", &[]).1, 0, "it is kept");
    assert_eq!(asked("", &pull).1, 1);
    let hash = told.split_once("`sha256: ").and_then(|(_, rest)| rest.split_once('`')).expect(&told).0;
    let hash = format!(", sha256: {hash}");
    assert_eq!(asked(&hash, &[]).1, 1, "it is another source");
    assert_eq!(asked(&hash, &pull).1, 0, "which has its hash");
}

#[rstest]
#[case::of_no_such_name("chart: nothing\nversion: 0.1.0", PASSWORD, &["helm nothing 0.1.0 of", "\"nothing\"", "not found"])]
#[case::of_no_such_version("chart: c\nversion: 0.9.0", PASSWORD, &["helm c 0.9.0 of", "0.9.0"])]
#[case::without_the_right_login("chart: c\nversion: 0.1.0", "wrong-password", &["401", "its repository wants another login"])]
fn a_chart_is_refused(#[case] chart: &str, #[case] password: &str, #[case] parts: &[&str]) {
    let (host, repository) = host();
    let ended = render(&host, &format!("{chart}\nrepo: {}", repository.address(password)));
    ended.failed_with(SOURCES, &["e2e.yaml:6: component db: ", "it cannot be fetched"]);
    ended.failed_with(SOURCES, parts);
    assert_eq!(std::fs::read_dir(host.path("home/.cache/kind-harness/charts")).unwrap().count(), 0);
}

#[test]
fn a_repository_that_is_gone_is_told_and_not_missed_once_the_chart_is_here() {
    let (host, repository) = host();
    let repo = repository.address(PASSWORD);
    let chart = format!("chart: c\nrepo: {repo}\nversion: 0.1.0");
    assert_eq!(render(&host, &chart).code, Some(0));
    drop(repository.runtime);
    assert_eq!(render(&host, &format!("{chart}\nset: {{ text: other }}")).code, Some(0));
    let ended = render(&host, &format!("chart: other\nrepo: {repo}\nversion: 0.1.0"));
    ended.failed_with(SOURCES, &["e2e.yaml:6: component db: helm other 0.1.0 of ", "connection refused"]);
}
