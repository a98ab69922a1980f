//! A cluster that is not ours, whose nodes pull from a registry to which the host pushes: as an account of one namespace,
//! and as several runs side by side.

mod suites;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use duct::cmd;
use k8s_openapi::api::core::v1::Secret;
use kind_harness::environment::Environment;
use serde_json::{Value, json};

use crate::engine::{Engine, harness};
use crate::registry::{LOGIN, Registry};

use suites::{APP, GUEST, KIND, OUTER, ROLE};

/// The exit code of a cluster that does not allow what is asked of it, and of a component that does not come up.
const CLUSTER: i32 = 5;
const NOT_READY: i32 = 7;

/// A cluster that is not ours, with an account of the namespace `shop`; removed when dropped.
struct Outer<'a> {
    engine: &'a Engine,
    folder: tempfile::TempDir,
    /// With the contexts `ci`, of that account, and `admin`.
    kubeconfig: PathBuf,
}

impl<'a> Outer<'a> {
    fn create(engine: &'a Engine, registry: &Registry) -> Result<Outer<'a>> {
        let folder = tempfile::tempdir()?;
        let (certs, kubeconfig) = (folder.path().join("certs"), folder.path().join("kubeconfig.json"));
        let hosts = certs.join(&registry.address);
        std::fs::create_dir_all(&hosts)?;
        let address = &registry.address;
        let text = format!(
            "server = \"http://{address}\"\n[host.\"http://{address}\"]\ncapabilities = [\"pull\", \"resolve\"]\n"
        );
        std::fs::write(hosts.join("hosts.toml"), text)?;
        std::fs::write(folder.path().join("kind.yaml"), KIND.replace("CERTS", &certs.display().to_string()))?;
        std::fs::write(folder.path().join("e2e.yaml"), OUTER)?;
        let outer = Outer { engine, folder, kubeconfig };
        outer.harness(&["up"])?;
        let make = "kubectl create namespace shop && kubectl -n shop create serviceaccount ci && \
                    kubectl -n shop create rolebinding ci --clusterrole=admin --serviceaccount=shop:ci";
        outer.on_node(make)?;
        outer.write_kubeconfig()?;
        Ok(outer)
    }

    /// Writes a kubeconfig with both contexts.
    fn write_kubeconfig(&self) -> Result<()> {
        let token = self.on_node("kubectl -n shop create token ci --duration=1h")?;
        let path = self.harness(&["kubeconfig"])?;
        let admin: kube::config::Kubeconfig = kube::config::Kubeconfig::read_from(path.trim())?;
        let mut all = serde_json::to_value(admin)?;
        let cluster = all["contexts"][0]["context"]["cluster"].clone();
        all["contexts"][0]["name"] = "admin".into();
        let own = json!({"name": "ci", "context": {"cluster": cluster, "user": "ci"}});
        all["contexts"].as_array_mut().context("contexts")?.push(own);
        all["users"].as_array_mut().context("users")?.push(json!({"name": "ci", "user": {"token": token}}));
        all["current-context"] = "ci".into();
        Ok(std::fs::write(&self.kubeconfig, all.to_string())?)
    }

    fn harness(&self, arguments: &[&str]) -> Result<String> {
        let state = self.folder.path().join("state");
        let command =
            harness(self.engine, self.folder.path(), &state, arguments).env("KIND_HARNESS_IMAGES", "packages");
        let output = command.stderr_capture().stdout_capture().unchecked().run()?;
        let said = || format!("{}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), said());
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// What a script prints on the cluster's node, where kubectl is an administrator's.
    fn on_node(&self, script: &str) -> Result<String> {
        let conf = "KUBECONFIG=/etc/kubernetes/admin.conf";
        self.engine.ask(&["exec", "-e", conf, "engines-push-control-plane", "sh", "-c", script])
    }
}

impl Drop for Outer<'_> {
    fn drop(&mut self) {
        let _ = self.harness(&["down"]);
    }
}

/// A suite in the cluster that is not ours, with state of its own.
struct Guest<'a> {
    outer: &'a Outer<'a>,
    folder: tempfile::TempDir,
}

impl<'a> Guest<'a> {
    fn of(outer: &'a Outer<'a>, registry: &Registry, context: &str, namespace: &str) -> Result<Guest<'a>> {
        let guest = Guest { outer, folder: tempfile::tempdir()? };
        let text = GUEST.replace("CONTEXT", context).replace("NAMESPACE", namespace);
        guest.write("e2e.yaml", &text.replace("REGISTRY", &registry.address))?;
        guest.write("app.yaml", APP)?;
        let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/faults/image").canonicalize()?;
        std::os::unix::fs::symlink(image, guest.folder.path().join("image"))?;
        Ok(guest)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        Ok(std::fs::write(self.folder.path().join(name), text)?)
    }

    /// Runs a command that has to end with `code`, saying each of `words`; returns all that it says.
    fn run(&self, arguments: &[&str], code: i32, words: &[&str]) -> Result<String> {
        let command =
            self.here(harness(self.outer.engine, self.folder.path(), &self.folder.path().join("state"), arguments));
        said(arguments.join(" "), &command, code, words)
    }

    /// `command`, with what a run of the suite finds in its environment.
    fn here(&self, command: duct::Expression) -> duct::Expression {
        command.env("KUBECONFIG", &self.outer.kubeconfig).env("KIND_HARNESS_IMAGES", "packages")
    }

    /// Where a process of tests reaches the port, and what is there. With `keep` it uses what `up` has left; otherwise it
    /// has an environment of its own, as each part of a suite that is shared out has.
    fn endpoint(&self, keep: &str) -> Result<String> {
        let command = cmd!(std::env::current_exe()?, "endpoint-in", self.folder.path().join("e2e.yaml"));
        let command = command.env("XDG_STATE_HOME", self.folder.path().join("state")).env("KIND_HARNESS_YES", "1");
        let command = self.outer.engine.on(command.env("KIND_HARNESS_KEEP", keep));
        said("endpoint".into(), &self.here(command), 0, &["answers 200 OK"])
    }
}

fn said(what: String, command: &duct::Expression, code: i32, words: &[&str]) -> Result<String> {
    let began = Instant::now();
    let output = command.stderr_to_stdout().stdout_capture().unchecked().run()?;
    println!("  {what}: {:.1} s", began.elapsed().as_secs_f64());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.code() == Some(code), "{what} ended with {:?} instead of {code}:\n{said}", output.status);
    for word in words {
        ensure!(said.contains(word), "{word:?} is not in:\n{said}");
    }
    ensure!(!said.contains(LOGIN.1), "the password is in:\n{said}");
    Ok(said)
}

/// Becomes a process of tests that uses the environment of `suite`, and says where it reaches the port of its component.
pub(crate) fn tell_endpoint(suite: &str) -> ExitCode {
    let environment = kind_harness::environment::shared(suite);
    match tokio::runtime::Runtime::new().map(|runtime| runtime.block_on(use_environment(environment))) {
        Ok(Ok(said)) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::FAILURE,
    }
}

async fn use_environment(environment: &Environment) -> Result<String> {
    let address = environment.endpoint("api", "http").context("no endpoint")?;
    let answer = reqwest::get(format!("http://{address}/v2/")).await?;
    // An account of one namespace may make none for tests.
    if environment.namespace() != "shop" {
        let namespace = environment.test_namespace("copies").await?;
        environment.copy(["api"], &namespace, |_| {}).await?;
        let secrets: kube::Api<Secret> = kube::Api::namespaced(environment.client(), &namespace.name);
        secrets.get("kind-harness-pull-api").await.context("a copy pulls with the same login")?;
    }
    Ok(format!("{address} answers {}", answer.status()))
}

/// Pushes to a registry with a login, and deploys from it into a cluster that is not ours.
pub(crate) fn to_another_cluster(engine: &Engine, registry: &Registry) -> Result<()> {
    let conf = tempfile::tempdir()?;
    let (registries, logins) = (conf.path().join("registries.conf"), conf.path().join("auth.json"));
    std::fs::write(&registries, format!("[[registry]]\nlocation = \"{}\"\ninsecure = true\n", registry.address))?;
    std::fs::write(&logins, "{}")?;
    let engine = engine.clone().with("CONTAINERS_REGISTRIES_CONF", &registries.display().to_string());
    let engine = &engine.with("REGISTRY_AUTH_FILE", &logins.display().to_string());
    let outer = Outer::create(engine, registry)?;
    let guest = Guest::of(&outer, registry, "ci", "shop")?;
    let missing = format!("`cluster.pullSecrets` needs a login for {}, and podman has none", registry.address);
    guest.run(&["up"], 4, &[&missing])?;
    let (user, password) = LOGIN;
    let login = cmd!(engine.name, "login", "-u", user, "--password-stdin", &registry.address);
    engine.on(login).stdin_bytes(password).stdout_null().stderr_null().run().context("login")?;
    as_an_account_of_one_namespace(&outer, &guest, registry)?;
    side_by_side(&outer, registry)?;
    drop(outer);
    let traces = engine.traces()?;
    // Other clusters of this host may come and go meanwhile.
    let left: Vec<_> = traces.iter().filter(|trace| trace.contains("engines-push")).map(String::as_str).collect();
    ensure!(left.is_empty(), "left behind: {}", left.join(", "));
    Ok(())
}

fn as_an_account_of_one_namespace(outer: &Outer<'_>, guest: &Guest<'_>, registry: &Registry) -> Result<()> {
    let in_shop = || outer.on_node("kubectl -n shop get deployments,services,secrets,pods -o name");
    let before = in_shop()?;
    // The registry lets no node in without the Secret, and no node has the image yet.
    let text = std::fs::read_to_string(guest.folder.path().join("e2e.yaml"))?;
    guest.write("e2e.yaml", &text.replace(", pullSecrets: true", ""))?;
    let said = guest.run(&["up"], NOT_READY, &["tests-registry@sha256:"])?;
    println!("  without the Secret: {}", said.lines().find(|line| line.contains("error:")).unwrap_or_default());
    guest.write("e2e.yaml", &text)?;
    guest.run(&["up"], 0, &["api.http: nothing answers from here, so tests get a port-forward"])?;
    let image = outer.on_node("kubectl -n shop get pods -o jsonpath='{.items[0].spec.containers[0].image}'")?;
    let pushed = format!("{}/e2e/tests-registry@sha256:", registry.address);
    ensure!(image.starts_with(&pushed), "the pod runs {image}");
    let config =
        "kubectl -n shop get secret kind-harness-pull-api -o jsonpath='{.data.\\.dockerconfigjson}' | base64 -d";
    let config: Value = serde_json::from_str(&outer.on_node(config)?)?;
    let registries: Vec<&String> = config["auths"].as_object().context("auths")?.keys().collect();
    ensure!(registries == [&registry.address], "the Secret is for {registries:?}");
    guest.run(&["up"], 0, &["unchanged"])?;
    let endpoint = guest.endpoint("always")?;
    ensure!(endpoint.contains("by port-forward while this process runs"), "{endpoint}");

    guest.write("app.yaml", &format!("{APP}{ROLE}"))?;
    let rule = r#"lacks {apiGroups: ["rbac.authorization.k8s.io"], resources: ["clusterroles"], verbs: ["get"]} of a ClusterRole"#;
    guest.run(&["up"], CLUSTER, &[rule])?;
    guest.write("app.yaml", APP)?;
    guest.run(&["down"], 0, &[])?;
    let after = in_shop()?;
    ensure!(after == before, "before: {before}\nafter: {after}");
    Ok(())
}

/// Two runs of one suite at once, by an account that may make namespaces and list nodes.
fn side_by_side(outer: &Outer<'_>, registry: &Registry) -> Result<()> {
    let namespaces = || outer.on_node("kubectl get namespaces -o name");
    let before = namespaces()?;
    let guests = [1, 2].map(|_| Guest::of(outer, registry, "admin", "shop-{{ run }}"));
    let guests: Vec<Guest<'_>> = guests.into_iter().collect::<Result<_>>()?;
    at_once(&guests, |guest| guest.run(&["up"], 0, &[", by node port"]))?;
    let both = namespaces()?;
    ensure!(both.matches("namespace/shop-").count() == 2, "{both}");
    for guest in &guests {
        let endpoint = guest.endpoint("always")?;
        ensure!(!endpoint.contains("by port-forward"), "{endpoint}");
    }
    guests.iter().try_for_each(|guest| guest.run(&["down"], 0, &[]).map(drop))?;
    let all_gone = || {
        // `down` does not wait for the end of a namespace.
        outer.on_node(
            "for it in $(kubectl get ns -o name | grep /shop-); do kubectl wait --for=delete $it --timeout=60s; done",
        )?;
        let after = namespaces()?;
        ensure!(after == before, "before: {before}\nafter: {after}");
        Ok(())
    };
    all_gone()?;
    at_once(&[&guests[0], &guests[0]], |guest| guest.endpoint("never"))?;
    all_gone()
}

/// Does something with each at the same time; what they return has to differ.
fn at_once<T: Sync>(each: &[T], work: impl Fn(&T) -> Result<String> + Sync) -> Result<()> {
    let ended = std::thread::scope(|scope| {
        let running: Vec<_> = each.iter().map(|it| scope.spawn(|| work(it))).collect();
        running.into_iter().map(|it| it.join().expect("no part of a test panics")).collect::<Result<Vec<_>>>()
    })?;
    ensure!(ended.windows(2).all(|two| two[0] != two[1]), "both say:\n{}", ended[0]);
    Ok(())
}
