//! What CI shows of specs: they run in a process of their own, in an environment in a cluster in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its cluster has failed")]

mod specimens;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

/// A cluster in memory, and the files that CI collects.
struct Job {
    folder: TempDir,
    _server: fake_api::Server,
}

impl Job {
    fn new() -> Job {
        let server = fake_api::Server::default();
        for (version, plural, kind, namespaced) in [
            ("v1", "namespaces", "Namespace", false),
            ("v1", "configmaps", "ConfigMap", true),
            ("v1", "secrets", "Secret", true),
            ("v1", "nodes", "Node", false),
            ("v1", "pods", "Pod", true),
        ] {
            server.serve_kind(version, kind, plural, namespaced);
        }
        server.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}}));
        let job = Job { folder: TempDir::new().unwrap(), _server: server.clone() };
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "in-memory",
            "clusters": [{"name": "c", "cluster": {"server": format!("http://{}", server.listen())}}],
            "contexts": [{"name": "in-memory", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
        });
        std::fs::write(job.path("kubeconfig"), kubeconfig.to_string()).unwrap();
        job
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// This program, about to run specimens in a job of GitHub Actions.
    fn specs(&self, names: &[&str]) -> duct::Expression {
        let names = names.iter().map(|name| format!("specimens::{name}"));
        let options = ["--exact", "--ignored", "--test-threads", "1"].map(str::to_owned);
        let command = duct::cmd(std::env::current_exe().unwrap(), options.into_iter().chain(names));
        let ours = |name: &str| name.starts_with("KIND_HARNESS") || name.starts_with("GITHUB") || name == "NEXTEST";
        let command = std::env::vars()
            .filter(|(name, _)| ours(name))
            .fold(command.dir(env!("CARGO_MANIFEST_DIR")), |command, (name, _)| command.env_remove(name));
        command
            .env("CARGO_PKG_NAME", env!("CARGO_PKG_NAME"))
            .env("KUBECONFIG", self.path("kubeconfig"))
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("KIND_HARNESS_SHARE", "process")
            .env("KIND_HARNESS_JUNIT", self.path("reports/junit.xml"))
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_WORKSPACE", env!("CARGO_MANIFEST_DIR"))
            .env("GITHUB_STEP_SUMMARY", self.path("summary.md"))
            .env("RUST_BACKTRACE", "0")
            .stderr_to_stdout()
            .stdout_capture()
            .unchecked()
    }

    #[track_caller]
    fn eventually(&self, file: &str, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.read(file).contains(text) {
            assert!(Instant::now() < deadline, "{text:?} is not in {file}:\n{}", self.read(file));
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
}

/// The line of a specimen.
fn line_of(name: &str) -> usize {
    let text = include_str!("specimens.rs");
    let function = format!("async fn {name}(");
    text.lines().position(|line| line.starts_with(&function)).unwrap() + 1
}

#[track_caller]
fn assert_all_in(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in:\n{text}");
    }
}

#[test]
fn specs_are_in_the_junit_report_and_those_that_fail_are_annotated_and_summarized() {
    let job = Job::new();
    let output = job.specs(&["passes", "fails", "panics"]).run().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(101), "{said}");

    let junit = job.read("reports/junit.xml");
    let line = line_of("fails");
    assert_all_in(
        &junit,
        &[
            "<testsuite name=\"kind-harness::reports\" tests=\"3\" skipped=\"0\" errors=\"0\" failures=\"2\"",
            "<testcase name=\"specimens::passes\" classname=\"kind-harness::reports\"",
            &format!("file=\"tests/reports/specimens.rs\" line=\"{line}\""),
            "<failure message=\"reports has no color\">reports has no color\nit was &lt;blue&gt;\nbundle: ",
            "<failure message=\"the test panicked: panicked as it should\">",
            "<testsuite name=\"environment reports\" tests=\"2\" skipped=\"0\" errors=\"0\" failures=\"0\"",
            "<property name=\"phase.ready\" value=\"",
            "<property name=\"phase.teardown\" value=\"",
            "<testcase name=\"app\" classname=\"environment reports\"",
        ],
    );
    let annotation = format!("\n::error file=tests/reports/specimens.rs,line={line},title=specimens%3A%3Afails::");
    assert_all_in(&said, &[&annotation, "::reports has no color%0Ait was <blue>%0A"]);
    assert!(!said.contains("title=specimens%3A%3Apasses"), "{said}");
    let summary = job.read("summary.md");
    assert_all_in(
        &summary,
        &[
            ": 1 specs passed, 2 failed\n",
            "| ready | ",
            "| app | ",
            "#### specimens::fails\n",
            "it was <blue>\nbundle: ",
        ],
    );
    assert_eq!(std::fs::read_dir(job.path("reports")).unwrap().count(), 1, "no lock is left");
}

#[test]
fn specs_that_were_running_when_their_process_was_killed_are_errors() {
    let job = Job::new();
    let running = job.specs(&["passes", "waits"]).start().unwrap();
    job.eventually("reports/junit.xml", "environment reports");
    job.eventually("reports/junit.xml", "name=\"specimens::passes\"");
    job.eventually("reports/junit.xml", "it has begun and has not ended");
    let run = std::fs::read_dir(job.path("state/kind-harness/.runs")).unwrap().next().unwrap().unwrap();
    job.eventually(run.path().to_str().unwrap(), "specimens::waits");
    running.kill().unwrap();
    let _ = running.wait();
    job.eventually("reports/junit.xml", "the run was killed while this was running");
    let junit = job.read("reports/junit.xml");
    assert_all_in(&junit, &["errors=\"1\"", "type=\"killed\""]);
    job.eventually("summary.md", ": killed\n");
    job.eventually("summary.md", "specs specimens::waits\n");
}

#[test]
fn a_suite_that_cannot_be_read_is_annotated_once_and_fails_its_specs() {
    let job = Job::new();
    let output = job.specs(&["has_no_suite"]).run().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.matches("::error ").count(), 1, "{said}");
    assert_all_in(&said, &["::error file=tests/reports/absent.yaml,title=the test environment did not come up::"]);
    assert_all_in(&job.read("reports/junit.xml"), &["failures=\"1\"", "the test environment did not come up: "]);
    assert_all_in(&job.read("summary.md"), &["#### tests/reports/absent.yaml did not come up\n"]);
}
