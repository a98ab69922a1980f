//! Charts of a registry that wants a login: pushed by the real helm, rendered by the harness.

use anyhow::{Context, Result, ensure};
use duct::cmd;
use kind_harness::host::folders::Folders;
use kind_harness::host::setup::{Tool, consent_of_environment, ensure_tool};
use kind_harness::report::Events;

use crate::cache::logins;
use crate::registry::{LOGIN, Registry};

/// The exit code of sources that give no objects.
const SOURCES: i32 = 13;

const CHART: [(&str, &str); 3] = [
    ("c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n"),
    ("c/values.yaml", "text: none\n"),
    (
        "c/templates/t.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {text: '{{ .Values.text }}'}\n",
    ),
];

/// A suite with a chart, a cache of its own, and files of logins.
struct Suite {
    registry: Registry,
    folder: tempfile::TempDir,
}

impl Suite {
    fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().context("a folder")?)?;
        Ok(std::fs::write(path, text)?)
    }

    /// The command with helm's settings: its logins, and the authority of the registry.
    fn harness(&self, login: &str) -> duct::Expression {
        let folder = self.folder.path();
        let command = cmd!(env!("CARGO_BIN_EXE_kind-harness"), "render");
        let command = command.dir(folder).env("HELM_REGISTRY_CONFIG", folder.join(login));
        let command = command.env("SSL_CERT_FILE", self.registry.authority()).env("NO_COLOR", "1");
        let command = command.env("XDG_CACHE_HOME", folder.join("cache")).env("XDG_STATE_HOME", folder.join("state"));
        command.stdin_null().stderr_to_stdout().stdout_capture().unchecked()
    }

    /// Renders the chart `name`, which must end with `code` and say each of `words`, and never the password.
    fn render(&self, name: &str, values: &str, login: &str, code: i32, words: &[&str]) -> Result<()> {
        let address = &self.registry.address;
        let suite = format!(
            "suite: s\nnamespace: s\ncomponents:\n  - name: db\n    helm:\n      chart: oci://{address}/charts/{name}\n{values}"
        );
        self.write("e2e.yaml", &suite)?;
        let ended = self.harness(login).run()?;
        let said = String::from_utf8_lossy(&ended.stdout);
        ensure!(ended.status.code() == Some(code), "{:?} instead of {code}:\n{said}", ended.status);
        for word in words {
            ensure!(said.contains(word), "{word:?} is not in:\n{said}");
        }
        ensure!(!said.contains(LOGIN.1) && !said.contains("other-password"), "{said}");
        Ok(())
    }
}

/// Refused with its line and helm's words while something is wrong, rendered, and then kept: the registry may be gone.
pub(crate) fn of_a_registry(registry: Registry) -> Result<()> {
    let user = Folders::of_user()?;
    let mut suite = Suite { registry, folder: tempfile::tempdir()? };
    CHART.iter().try_for_each(|(path, text)| suite.write(path, text))?;
    suite.write("login.json", &logins(&suite.registry.address))?;
    suite.write("none.json", "{}")?;
    suite.write("wrong.json", &logins_with(&suite.registry.address, "other-password"))?;
    let events = Events::discard();
    let helm = ensure_tool(Tool::Helm, &user, consent_of_environment, &events);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let helm = runtime.block_on(helm)?;
    let tools = suite.folder.path().join("cache/kind-harness");
    std::fs::create_dir_all(&tools)?;
    std::os::unix::fs::symlink(user.cache.join("tools"), tools.join("tools"))?;
    let to = format!("oci://{}/charts", suite.registry.address);
    for args in [&["package", "c"][..], &["push", "c-0.1.0.tgz", &to]] {
        let run = helm.command(args.iter().copied()).dir(suite.folder.path());
        let run = run.env("HELM_REGISTRY_CONFIG", suite.folder.path().join("login.json"));
        runtime.block_on(run.env("SSL_CERT_FILE", suite.registry.authority()).output())?;
    }

    let version = "      version: 0.1.0\n";
    let advice = "its registry wants another login, which `helm registry login` keeps";
    suite.render("c", version, "none.json", SOURCES, &["e2e.yaml:6: component db: ", advice])?;
    suite.render("c", version, "wrong.json", SOURCES, &["401", advice])?;
    suite.render(
        "c",
        "      version: 0.9.0\n",
        "login.json",
        SOURCES,
        &["e2e.yaml:6: ", "charts/c 0.9.0", "not found"],
    )?;
    suite.render("nothing", version, "login.json", SOURCES, &["charts/nothing 0.1.0", "not found"])?;
    suite.render("c", version, "login.json", 0, &["text: none"])?;
    suite.render("c", "", "login.json", 0, &["is kept as it is today; `version: 0.1.0` in e2e.yaml"])?;

    suite.registry.stop();
    suite.render("c", version, "none.json", 0, &["text: none"])?;
    suite.render("c", &format!("{version}      set: {{ text: other }}\n"), "none.json", 0, &["text: other"])?;
    suite.render("other", version, "login.json", SOURCES, &["charts/other 0.1.0", "connection refused"])
}

fn logins_with(registry: &str, password: &str) -> String {
    use base64::Engine as _;
    let login = base64::prelude::BASE64_STANDARD.encode(format!("{}:{password}", LOGIN.0));
    serde_json::json!({"auths": {registry: {"auth": login}}}).to_string()
}
