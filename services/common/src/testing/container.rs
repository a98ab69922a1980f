//! For hosts without the packages: a container of an image that this repository has the recipe of.

use duct::cmd;

/// A container; removed when dropped.
pub struct Container {
    engine: &'static str,
    id: String,
}

impl Container {
    /// Runs one whose `port` is reached at `host_port` of loopback.
    pub fn run(recipe: &str, host_port: u16, port: u16, environment: &[&str], arguments: &[&str]) -> Self {
        let engine = engine();
        let image = image(engine, recipe);
        let publish = format!("127.0.0.1:{host_port}:{port}");
        let mut words = vec!["run", "--detach", "--publish", &publish];
        for variable in environment {
            words.extend(["--env", variable]);
        }
        words.push(&image);
        words.extend(arguments);
        let id = duct::cmd(engine, words).read().unwrap();
        Self { engine, id }
    }

    /// Kills what runs in it; its files stay.
    pub fn stop(&self) {
        cmd!(self.engine, "kill", &self.id).stdout_null().stderr_null().unchecked().run().unwrap();
    }

    /// Starts it again with its files.
    pub fn start(&self) {
        cmd!(self.engine, "start", &self.id).stdout_null().run().unwrap();
    }

    /// Stops its processes in their tracks, or lets them go on.
    pub fn pause(&self, is_paused: bool) {
        let verb = if is_paused { "pause" } else { "unpause" };
        cmd!(self.engine, verb, &self.id).stdout_null().run().unwrap();
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        cmd!(self.engine, "rm", "--force", "--volumes", &self.id)
            .stdout_null()
            .stderr_null()
            .unchecked()
            .run()
            .unwrap();
    }
}

fn engine() -> &'static str {
    let works = |engine: &&str| cmd!(*engine, "version").stdout_null().stderr_null().run().is_ok();
    ["podman", "docker"].into_iter().find(works).expect("neither packages on this host nor an engine that answers")
}

/// The newest image that was built from the recipe, whoever built it; or else it is built now.
fn image(engine: &str, recipe: &str) -> String {
    let name = format!("localhost/kind-harness/{recipe}");
    let list = cmd!(engine, "images", "--quiet", &name).read().unwrap_or_default();
    if let Some(id) = list.lines().next() {
        return id.to_owned();
    }
    let folder = format!("{}/../../images/{recipe}", env!("CARGO_MANIFEST_DIR"));
    let file = format!("{folder}/Containerfile");
    let tag = format!("{name}:test");
    cmd!(engine, "build", "--quiet", "--file", file, "--tag", &tag, folder).stdout_null().run().unwrap();
    tag
}
