//! The engine that rows use, with bystanders on it: a running container on a network of its own, and a volume.
//!
//! Made once for the process, and removed at its end.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};

use anyhow::{Context, Result, bail, ensure};
use kind_harness::host::folders::Folders;
use kind_harness::host::setup::{Engine, known_engines};

use crate::NotHere;
use crate::world::{World, ask};

/// What every container, volume and network of these tests is labelled with; the value is the process id.
pub(crate) const MARK: &str = "kind-harness-hostile";

/// Prints nothing and never ends.
const IDLE: &str = "fn main() { loop { std::thread::park(); } }";

/// An engine with bystanders.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    /// An image whose containers idle.
    pub(crate) image: String,
    /// In front of PATH: the engine's command, which writes down what it is asked and passes it on.
    pub(crate) bin: PathBuf,
    /// A cache in which the engine is remembered by that command.
    pub(crate) cache: PathBuf,
    /// Part of every fact about the bystanders.
    pub(crate) bystanders: Vec<String>,
}

static BENCH: OnceLock<Result<Bench, String>> = OnceLock::new();
static TURN: Mutex<()> = Mutex::new(());

/// The bench, and the right to use the engine until the turn is dropped. `gc` looks at everything that the engine has, so
/// rows that use it run one after the other, those of other processes too.
///
/// # Errors
/// [`NotHere`] where there is no engine.
pub(crate) fn take() -> Result<(&'static Bench, Turn)> {
    let thread = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let file = File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile.lock"))?;
    file.lock()?;
    let turn = Turn { _file: file, _thread: thread };
    match BENCH.get_or_init(|| Bench::make().map_err(|error| format!("{error:#}"))) {
        Ok(bench) => Ok((bench, turn)),
        Err(why) => bail!(NotHere(why.clone())),
    }
}

/// The right to use the engine.
pub(crate) struct Turn {
    _file: File,
    _thread: std::sync::MutexGuard<'static, ()>,
}

/// Removes the bystanders.
pub(crate) fn close() {
    let Some(Ok(bench)) = BENCH.get() else { return };
    let _ = bench.remove(&format!("{MARK}={}", std::process::id()));
    let _ = ask(&bench.engine, &["rmi", "-f", &bench.image]);
    let _ = std::fs::remove_dir_all(&bench.bin);
    let _ = std::fs::remove_dir_all(&bench.cache);
}

/// The engine that works on this host, tried with the user's kind.
fn tried_engine(cache: &Path) -> Result<Engine> {
    let folders = Folders::of_user()?;
    let ours = Folders { cache: cache.join("kind-harness"), state: folders.state };
    std::fs::create_dir_all(&ours.cache)?;
    let tools = folders.cache.join("tools");
    if tools.exists() && !ours.cache.join("tools").exists() {
        std::os::unix::fs::symlink(tools, ours.cache.join("tools"))?;
    }
    let tried = doctor(cache).output()?;
    let engine = known_engines(&ours).into_iter().next();
    engine.with_context(|| format!("no engine works here: {}", String::from_utf8_lossy(&tried.stdout)))
}

fn doctor(cache: &Path) -> Command {
    let mut doctor = crate::row::cli(&["doctor"]);
    doctor.env("XDG_CACHE_HOME", cache).env_remove("HOSTILE_CALLS");
    doctor
}

impl Bench {
    fn make() -> Result<Bench> {
        let (pid, here) = (std::process::id(), Path::new(env!("CARGO_TARGET_TMPDIR")));
        let cache = here.join(format!("hostile-cache-{pid}"));
        let engine = tried_engine(&cache)?;
        let mut bench = Bench {
            image: format!("localhost/{MARK}:{pid}"),
            bin: here.join(format!("hostile-bin-{pid}")),
            bystanders: Vec::new(),
            cache,
            engine,
        };
        bench.remove_leftovers()?;
        bench.prepare_cli()?;
        bench.import(here)?;
        bench.add_bystanders(pid)?;
        Ok(bench)
    }

    /// Removes what processes of these tests have left that were killed.
    fn remove_leftovers(&self) -> Result<()> {
        for list in [["ps", "-a", "--format", "{{.Names}}"], ["network", "ls", "--format", "{{.Name}}"]] {
            let names = ask(&self.engine, &list)?;
            let pids = names.lines().filter_map(|name| name.strip_prefix("bystander-"));
            for pid in pids.filter(|pid| !Path::new("/proc").join(pid).exists()) {
                self.remove(&format!("{MARK}={pid}"))?;
                let _ = ask(&self.engine, &["rmi", "-f", &format!("localhost/{MARK}:{pid}")]);
            }
        }
        Ok(())
    }

    /// A command of the engine that writes down its arguments, and a cache in which the harness remembers it.
    fn prepare_cli(&self) -> Result<()> {
        let name = self.engine.kind.name();
        let script = format!(
            "#!/bin/sh\n[ -z \"$HOSTILE_CALLS\" ] || printf '%s\\n' \"{name} $*\" >> \"$HOSTILE_CALLS\"\nexec {} \"$@\"\n",
            self.engine.kind.path().display()
        );
        std::fs::create_dir_all(&self.bin)?;
        std::fs::write(self.bin.join(name), script)?;
        std::fs::set_permissions(self.bin.join(name), PermissionsExt::from_mode(0o755))?;
        let doctor = doctor(&self.cache)
            .env("PATH", crate::row::path_with(&self.bin)?)
            .env("KIND_HARNESS_ENGINE", name)
            .output()?;
        let remembered = self.cache.join("kind-harness/host").join(format!("{name}.json"));
        ensure!(remembered.exists(), "doctor: {}", String::from_utf8_lossy(&doctor.stdout));
        Ok(())
    }

    /// Makes the image: a static program that idles.
    fn import(&self, here: &Path) -> Result<()> {
        let idle = here.join(format!("idle-{}", std::process::id()));
        std::fs::create_dir_all(&idle)?;
        let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
        let mut compile = Command::new(rustc);
        compile.args(["--edition", "2024", "-C", "target-feature=+crt-static", "-C", "strip=symbols", "-o"]);
        let mut compile = compile.arg(idle.join("idle")).arg("-").stdin(Stdio::piped()).spawn()?;
        compile.stdin.take().context("rustc takes no input")?.write_all(IDLE.as_bytes())?;
        ensure!(compile.wait()?.success(), "rustc could not make a static program");
        let tar = Command::new("tar").arg("-cC").arg(&idle).arg("idle").output()?.stdout;
        let mut import = Command::new(self.engine.kind.name());
        if let Some(path) = &self.engine.containers_conf {
            import.env("CONTAINERS_CONF", path);
        }
        import.args(["import", "-", &self.image]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut import = import.spawn()?;
        import.stdin.take().context("import takes no input")?.write_all(&tar)?;
        ensure!(import.wait()?.success(), "the image could not be imported");
        std::fs::remove_dir_all(&idle)?;
        Ok(())
    }

    fn add_bystanders(&mut self, pid: u32) -> Result<()> {
        let (name, mark) = (format!("bystander-{pid}"), format!("{MARK}={pid}"));
        let (engine, mounted) = (&self.engine, format!("{name}:/data"));
        ask(engine, &["network", "create", "--label", &mark, &name])?;
        ask(engine, &["volume", "create", "--label", &mark, &name])?;
        let id = ask(
            engine,
            &[
                "run",
                "-d",
                "--name",
                &name,
                "--label",
                &mark,
                "--network",
                &name,
                "-v",
                &mounted,
                "-p",
                "127.0.0.1::8080",
                &self.image,
                "/idle",
            ],
        )?;
        let format =
            "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.NetworkID}}{{end}} {{.NetworkSettings.SandboxKey}}";
        let found = ask(engine, &["inspect", "--format", format, &id])?;
        let namespace = found.rsplit('/').next().unwrap_or_default().to_owned();
        let address = found.split(' ').next().unwrap_or_default().to_owned();
        ensure!(!address.is_empty(), "the bystander has no address: {found}");
        let network = ask(engine, &["network", "ls", "--no-trunc", "--format", "{{.ID}} {{.Name}}"])?;
        let network = network.lines().find_map(|line| line.strip_suffix(&format!(" {name}")).map(str::to_owned));
        self.bystanders = vec![id, name, address, namespace, network.context("the network is not listed")?];
        self.bystanders.retain(|part| !part.is_empty());
        Ok(())
    }

    /// Removes everything with this label.
    fn remove(&self, label: &str) -> Result<()> {
        let filter = format!("label={label}");
        for (list, remove) in
            [("ps -aq", "rm -f -v"), ("volume ls -q", "volume rm -f"), ("network ls -q", "network rm")]
        {
            let mut args: Vec<&str> = list.split(' ').collect();
            args.extend(["--filter", &filter]);
            let found = ask(&self.engine, &args)?;
            for thing in found.lines() {
                let mut args: Vec<&str> = remove.split(' ').collect();
                args.push(thing);
                ask(&self.engine, &args)?;
            }
        }
        Ok(())
    }

    /// What there is on the engine and of it, on this host.
    pub(crate) fn picture(&self) -> Result<World> {
        let world = World::of_engine(&self.engine)?.and(World::of_network());
        // Only root may list the rules.
        if rustix::process::geteuid().is_root() { Ok(world.and(World::of_firewall()?)) } else { Ok(world) }
    }
}
