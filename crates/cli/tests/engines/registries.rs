//! Images from registries: as mirror, with a login, in trouble. One cluster serves them all.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use duct::cmd;
use kind_harness::host::folders::Folders;

use crate::architectures;
use crate::engine::{Engine, NotHere, harness};
use crate::front::{Front, Trouble};
use crate::registry::{LOGIN, Registry};

/// kind's configuration for the node image of packages, which is used here like any other image: from the engine.
pub(crate) const KIND: &str = "\
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking: {disableDefaultCNI: true}
nodes: [{role: control-plane, image: docker.io/kindest/node:tests}]
kubeadmConfigPatches:
  - |
    kind: KubeletConfiguration
    cgroupDriver: cgroupfs
    failCgroupV1: false
";

/// A suite of one image, and its folder.
pub(crate) struct Suite<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) folder: tempfile::TempDir,
    state: tempfile::TempDir,
}

/// How a run ended, and what it said.
pub(crate) struct Ended {
    code: Option<i32>,
    pub(crate) said: String,
}

impl<'a> Suite<'a> {
    /// A suite on `engine`, on which the node image is already.
    ///
    /// # Errors
    /// [`NotHere`] without a node image.
    pub(crate) fn on(engine: &'a Engine) -> Result<Suite<'a>> {
        let listed = engine.ask(&["images", "--format", "{{.Repository}}:{{.Tag}}"])?;
        let node = listed.lines().find(|image| image.starts_with("localhost/kind-harness/node:"));
        let node = node.ok_or_else(|| NotHere("no node image: the story from packages makes it".into()))?;
        engine.ask(&["tag", node, "docker.io/kindest/node:tests"])?;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("kind.yaml"), KIND)?;
        Ok(Suite { engine, folder, state: tempfile::tempdir()? })
    }

    pub(crate) fn write(&self, path: &str, text: &str) -> Result<()> {
        Ok(std::fs::write(self.folder.path().join(path), text)?)
    }

    /// Brings the suite up with `image`.
    pub(crate) fn up(&self, image: &str) -> Result<Ended> {
        self.up_with(image, &[])
    }

    /// Brings the suite up with `image` and more flags.
    fn up_with(&self, image: &str, flags: &[&str]) -> Result<Ended> {
        let text = format!(
            "suite: registries\nnamespace: registries\ndeadline: 40s\nimages: auto\ncluster: {{config: kind.yaml}}\n\
             components:\n  - name: app\n    images: [{{name: '{image}'}}]\n    manifests:\n      - inline: |\n          \
             apiVersion: v1\n          kind: Pod\n          metadata: {{name: app}}\n          \
             spec: {{terminationGracePeriodSeconds: 0, containers: [{{name: app, image: '{image}'}}]}}\n"
        );
        std::fs::write(self.folder.path().join("e2e.yaml"), text)?;
        self.run(&[&["up", "--keep"], flags].concat())
    }

    /// Returns the name of the node.
    pub(crate) fn node(&self) -> Result<String> {
        let state = format!("label=kind-harness.dev/state={}", self.state.path().join("kind-harness").display());
        let is_node = "label=io.x-k8s.kind.role=control-plane";
        self.engine.ask(&["ps", "--filter", &state, "--filter", is_node, "--format", "{{.Names}}"])
    }

    /// Returns the image that the pod is told to run.
    fn running(&self) -> Result<String> {
        let node = self.node()?;
        let image = "jsonpath={.spec.containers[0].image}";
        self.engine.ask(&["exec", &node, "kubectl", "-n", "registries", "get", "pod", "app", "-o", image])
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Ended> {
        let began = Instant::now();
        let command = harness(self.engine, self.folder.path(), self.state.path(), arguments);
        let output = command.stderr_to_stdout().stdout_capture().unchecked().run()?;
        println!("  {}: {:.1} s", arguments.join(" "), began.elapsed().as_secs_f64());
        Ok(Ended { code: output.status.code(), said: String::from_utf8_lossy(&output.stdout).into_owned() })
    }

    /// Removes an image from the engine, so that it has to be pulled.
    pub(crate) fn forget(&self, image: &str) {
        // Containers of the node do not hold it.
        let _ = self.engine.ask(&["rmi", "-f", image]);
    }
}

impl Drop for Suite<'_> {
    fn drop(&mut self) {
        let _ = self.run(&["down"]);
        self.forget("docker.io/kindest/node:tests");
    }
}

impl Ended {
    #[track_caller]
    pub(crate) fn with(self, code: i32, words: &[&str]) -> Result<String> {
        ensure!(self.code == Some(code), "{:?} instead of {code}:\n{}", self.code, self.said);
        for word in words {
            ensure!(self.said.contains(word), "{word:?} is not in:\n{}", self.said);
        }
        Ok(self.said)
    }
}

/// Pushes a small image to `registry` by that name, and removes it from the engine; returns its full name.
pub(crate) fn push(engine: &Engine, registry: &str, name: &str) -> Result<String> {
    let image = push_content(engine, registry, name, name)?;
    // A run before this one may have pulled it from the mirror.
    let _ = engine.ask(&["rmi", "-f", &format!("docker.io/{name}")]);
    Ok(image)
}

/// A static program that waits.
pub(crate) fn pause() -> Result<PathBuf> {
    let entries = std::fs::read_dir(Folders::of_user()?.cache)?;
    let mut programs = entries.flatten().map(|entry| entry.path().join("pause"));
    Ok(programs.find(|path| path.is_file()).ok_or_else(|| NotHere("no `pause`: the story makes it".into()))?)
}

/// Pushes an image with a file of that content. What the engine has of other registries stays.
fn push_content(engine: &Engine, registry: &str, name: &str, content: &str) -> Result<String> {
    let folder = tempfile::tempdir()?;
    std::fs::copy(pause()?, folder.path().join("pause"))?;
    // Each image has a layer that no other has.
    std::fs::write(folder.path().join("name"), content)?;
    let image = format!("{registry}/{name}");
    let tar = cmd!("tar", "-C", folder.path(), "-c", ".");
    let import = engine.on(cmd!(engine.name, "import", "--change", r#"ENTRYPOINT ["/pause"]"#, "-", &image));
    tar.pipe(import).stdout_null().stderr_null().run().context("import")?;
    let insecure = (engine.name == "podman").then_some("--tls-verify=false");
    engine.ask(&["push"].into_iter().chain(insecure).chain([image.as_str()]).collect::<Vec<_>>())?;
    engine.ask(&["rmi", &image])?;
    Ok(image)
}

/// Docker Hub's mirror: images are pulled once, and a run that has them asks no registry for anything.
pub(crate) fn mirror(engine: &Engine, registry: &Registry, front: &Front) -> Result<()> {
    push(engine, &registry.address, "library/tiny:1")?;
    let suite = Suite::on(engine)?;
    front.requests();
    suite.up("tiny:1")?.with(0, &["docker.io answers"])?;
    ensure!(front.requests() > 0, "the image came from elsewhere");
    suite.up("docker.io/library/tiny:1")?.with(0, &["the engine has every image"])?;
    suite.run(&["down"])?.with(0, &[])?;
    suite.up("docker.io/library/tiny:1")?.with(0, &[])?;
    let again = front.requests();
    ensure!(again == 0, "{again} requests for images that the engine has");
    moved(&suite, registry, front)?;
    troubles(&suite, registry, front)?;
    architectures::foreign(&suite, registry)
}

/// A tag that moved is noticed with `--pull` and not before, told with both digests, and deployed; later runs go on with it.
fn moved(suite: &Suite<'_>, registry: &Registry, front: &Front) -> Result<()> {
    let (image, repository) = ("docker.io/library/tiny:1", "library/tiny");
    let old = digest(registry, repository)?;
    push_content(suite.engine, &registry.address, "library/tiny:1", "moved")?;
    let new = digest(registry, repository)?;
    ensure!(old != new, "the tag has not moved");
    front.requests();
    suite.up(image)?.with(0, &["unchanged"])?;
    let asked = front.requests();
    ensure!(asked == 0, "{asked} requests without --pull");
    ensure!(suite.running()? == image, "{} runs", suite.running()?);

    suite.up_with(image, &["--pull"])?.with(0, &["has moved", &old, &new])?;
    ensure!(front.requests() > 0, "the registry was not asked");
    let running = suite.running()?;
    ensure!(running.starts_with("localhost/kind-harness/tiny:"), "{running} runs");

    suite.up(image)?.with(0, &["unchanged"])?;
    let asked = front.requests();
    ensure!(asked == 0, "{asked} requests for an image that has moved before");
    let said = suite.up_with(image, &["--pull"])?.with(0, &["unchanged"])?;
    ensure!(!said.contains("has moved") && front.requests() > 0, "{said}");
    ensure!(suite.running()? == running, "{} runs", suite.running()?);
    suite.forget(&running);
    Ok(())
}

/// The registry refuses in between, is slow, breaks off, and answers something else.
fn troubles(suite: &Suite<'_>, registry: &Registry, front: &Front) -> Result<()> {
    let engine = suite.engine;
    for (name, trouble) in [
        ("busy", Trouble::Refuses(StatusCode::TOO_MANY_REQUESTS, 2)),
        ("down", Trouble::Refuses(StatusCode::SERVICE_UNAVAILABLE, 2)),
        ("slow", Trouble::Slow(Duration::from_millis(700))),
    ] {
        push(engine, &registry.address, &format!("library/{name}:1"))?;
        front.make(trouble);
        suite.up(&format!("{name}:1"))?.with(0, &[])?;
        front.make(Trouble::None);
    }
    for (name, trouble) in [("broken", Trouble::Breaks), ("corrupt", Trouble::Corrupts), ("html", Trouble::Html)] {
        push(engine, &registry.address, &format!("library/{name}:1"))?;
        front.make(trouble);
        let said = suite.up(&format!("{name}:1"))?.with(IMAGES, &[&format!("{name}:1")])?;
        println!("  {trouble:?}: {}", said.lines().rfind(|line| line.contains("pull")).unwrap_or_default());
        front.make(Trouble::None);
        suite.up(&format!("{name}:1"))?.with(0, &[]).context("the registry works again")?;
    }
    Ok(())
}

/// The exit code of images that cannot be had.
const IMAGES: i32 = 4;

/// A registry with HTTPS of its own authority and a login: refused without one, and with one pulled by name and digest.
pub(crate) fn login(engine: &Engine, registry: &Registry) -> Result<()> {
    let suite = Suite::on(engine)?;
    let log_in = |engine: &Engine| {
        let (user, password) = LOGIN;
        let login = cmd!(engine.name, "login", "-u", user, "--password-stdin", &registry.address);
        engine.on(login).stdin_bytes(password).stdout_null().stderr_null().run().context("login")
    };
    log_in(engine)?;
    let image = push(engine, &registry.address, "shop/private:1")?;
    let digest = digest(registry, "shop/private")?;
    engine.ask(&["logout", &registry.address])?;
    let said = suite.up(&image)?.with(IMAGES, &[&image])?;
    println!("  without login: {}", said.lines().rfind(|line| line.contains("pull")).unwrap_or_default());
    log_in(engine)?;
    suite.up(&image)?.with(0, &[&format!("{} answers", registry.address)])?;
    let pinned = format!("{}/shop/private@{digest}", registry.address);
    suite.forget(&image);
    suite.up(&pinned)?.with(0, &[])?;
    suite.up(&pinned)?.with(0, &["unchanged"])?;
    suite.forget(&pinned);
    Ok(())
}

/// The digest of the image `repository:1`, as the registry keeps it.
fn digest(registry: &Registry, repository: &str) -> Result<String> {
    let repositories = registry.files().join("docker/registry/v2/repositories");
    let tag = repositories.join(repository).join("_manifests/tags/1/current/link");
    Ok(std::fs::read_to_string(&tag).with_context(|| tag.display().to_string())?.trim().to_owned())
}
