//! For hosts without the packages: a container of an image that this repository has the recipe of. The harness finds
//! or installs the engine, and builds the image, as it does for a cluster.

use std::{path::Path, sync::OnceLock};

use kind_harness::{
    host::{
        folders::Folders,
        setup::{self, Host},
    },
    images,
    report::Events,
    suite::config::ImageSource,
};

/// A container; removed when dropped.
pub struct Container {
    id: String,
}

impl Container {
    /// Runs one whose `port` is reached at `host_port` of loopback; files of the host are mounted as an engine's `--volume`
    /// has it.
    pub fn run(
        recipe: &str,
        host_port: u16,
        port: u16,
        environment: &[&str],
        volumes: &[&str],
        arguments: &[&str],
    ) -> Self {
        let image = image(recipe);
        let publish = format!("127.0.0.1:{host_port}:{port}");
        // An engine's own limits are higher than some hosts allow, which then start nothing.
        let mut words = vec!["create", "--ulimit=nofile=4096:4096", "--ulimit=nproc=32768:32768"];
        words.extend(["--publish", &publish]);
        for variable in environment {
            words.extend(["--env", variable]);
        }
        for volume in volumes {
            words.extend(["--volume", volume]);
        }
        words.push(&image);
        words.extend(arguments);
        // Two steps, so that one that does not start is removed, too.
        let container = Self { id: engine(words).read().unwrap() };
        container.start();
        container
    }

    /// Kills what runs in it; its files stay.
    pub fn stop(&self) {
        engine(["kill", &self.id]).stdout_null().stderr_null().unchecked().run().unwrap();
    }

    /// Starts it again with its files.
    pub fn start(&self) {
        engine(["start", &self.id]).stdout_null().run().unwrap();
    }

    /// Stops its processes in their tracks, or lets them go on.
    pub fn pause(&self, is_paused: bool) {
        let verb = if is_paused { "pause" } else { "unpause" };
        engine([verb, &self.id]).stdout_null().run().unwrap();
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let remove = engine(["rm", "--force", "--volumes", &self.id]);
        remove.stdout_null().stderr_null().unchecked().run().unwrap();
    }
}

/// The engine, about to be called.
fn engine<'a>(words: impl IntoIterator<Item = &'a str>) -> duct::Expression {
    let engine = &host().engine;
    let call = duct::cmd(engine.kind.name(), words);
    match &engine.containers_conf {
        Some(path) => call.env("CONTAINERS_CONF", path),
        None => call,
    }
}

/// This host, set up if need be.
fn host() -> &'static Host {
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(|| {
        block_on(async {
            let folders = Folders::of_user().unwrap();
            setup::ensure(&folders, ImageSource::Packages, setup::consent_of_environment, &Events::discard())
                .await
                .unwrap()
        })
    })
}

/// The image of the recipe, built once.
fn image(recipe: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../images").join(recipe);
    block_on(async move { images::build(host(), &folder, &Events::discard()).await.unwrap() })
}

/// Tests may run inside a runtime, which must not wait for another.
fn block_on<T: Send>(work: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(work));
        waiting.join().unwrap()
    })
}
