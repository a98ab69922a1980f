//! A picture of a host: containers, volumes, networks, interfaces, network namespaces, firewall rules, files.
//!
//! Each fact has a key that says which thing it is about, and a value that changes when the thing was replaced or changed.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use kind_harness::host::setup::{Engine, EngineKind};

/// Facts by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct World(pub(crate) BTreeMap<String, String>);

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = self.0.iter().map(|(key, value)| format!("{key} {value}"));
        f.write_str(&facts.collect::<Vec<_>>().join(", "))
    }
}

impl World {
    /// What `engine` has: containers and networks by id, volumes by name and time of creation.
    ///
    /// # Errors
    /// When the engine does not list it.
    pub(crate) fn of_engine(engine: &Engine) -> Result<World> {
        let mut world = World::default();
        let is_podman = engine.kind == EngineKind::Podman;
        for line in containers(engine)?.lines() {
            // What follows says since when.
            let words: Vec<&str> = line.split(' ').take(3).collect();
            world.add_line("container", &words.join(" "));
        }
        let networks = ask(engine, &["network", "ls", "--no-trunc", "--format", "{{.ID}} {{.Name}}"])?;
        networks.lines().for_each(|line| world.add_line("network", line));
        // Others do not list when a volume was made.
        let format = if is_podman { "{{.Name}} {{.CreatedAt}}" } else { "{{.Name}}" };
        let volumes = ask(engine, &["volume", "ls", "--format", format])?;
        volumes.lines().for_each(|line| world.add_line("volume", line));
        Ok(world)
    }

    /// Interfaces and network namespaces: what an engine that was killed leaves, and does not list.
    pub(crate) fn of_network() -> World {
        let mut world = World::default();
        for entry in entries(Path::new("/sys/class/net")) {
            let index = std::fs::read_to_string(entry.join("ifindex")).unwrap_or_default();
            world.0.insert(format!("interface {}", entry.display()), index.trim().into());
        }
        for entry in entries(Path::new("/run/netns")) {
            let inode = std::fs::metadata(&entry).map(|it| it.ino().to_string()).unwrap_or_default();
            world.0.insert(format!("network namespace {}", entry.display()), inode);
        }
        world
    }

    /// The rules of iptables, each with how often it is there.
    ///
    /// # Errors
    /// When iptables does not list them.
    pub(crate) fn of_firewall() -> Result<World> {
        let mut world = World::default();
        let saved = run("iptables-save", &[], None)?;
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        saved.lines().filter(|line| line.starts_with("-A")).for_each(|rule| *counts.entry(rule).or_default() += 1);
        world.0.extend(counts.into_iter().map(|(rule, count)| (format!("rule {rule}"), count.to_string())));
        Ok(world)
    }

    /// Everything below `root`, `root` included. Symbolic links are not followed.
    pub(crate) fn of_files(root: &Path) -> World {
        let mut world = World::default();
        world.add_files(root);
        world
    }

    fn add_files(&mut self, path: &Path) {
        let Ok(metadata) = std::fs::symlink_metadata(path) else { return };
        let common = format!("{:o} {} {}", metadata.mode(), metadata.uid(), metadata.ino());
        let value = if metadata.is_symlink() {
            let target = std::fs::read_link(path).unwrap_or_default();
            format!("{common} -> {}", target.display())
        } else if metadata.is_file() {
            let mut hasher = DefaultHasher::new();
            std::fs::read(path).unwrap_or_default().hash(&mut hasher);
            format!("{common} {:x}", hasher.finish())
        } else {
            format!("{common} {:x}", metadata.rdev())
        };
        self.0.insert(file_key(path), value);
        if metadata.is_dir() {
            entries(path).iter().for_each(|entry| self.add_files(entry));
        }
    }

    fn add_line(&mut self, what: &str, line: &str) {
        let (id, rest) = line.split_once(' ').unwrap_or((line, ""));
        self.0.insert(format!("{what} {id}"), rest.to_owned());
    }

    /// Both pictures as one.
    #[must_use]
    pub(crate) fn and(mut self, other: World) -> World {
        self.0.extend(other.0);
        self
    }
}

/// The key of the fact about the file at `path`.
pub(crate) fn file_key(path: &Path) -> String {
    format!("file {}", String::from_utf8_lossy(path.as_os_str().as_bytes()))
}

/// The engine's containers, a line each.
fn containers(engine: &Engine) -> Result<String> {
    // Podman also tells what is left of containers that it no longer knows. That fails if one is removed meanwhile: it lists
    // them first, and looks at each then.
    let all = if engine.kind == EngineKind::Podman { "--external" } else { "--all" };
    let list = || ask(engine, &["ps", "-a", all, "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}"]);
    for _ in 0..9 {
        match list() {
            Err(error) if error.to_string().contains("container not known") => {}
            listed => return listed,
        }
    }
    list()
}

/// What the engine prints.
///
/// # Errors
/// When it fails, with what it wrote to standard error.
pub(crate) fn ask(engine: &Engine, args: &[&str]) -> Result<String> {
    run(engine.kind.name(), args, engine.containers_conf.as_deref())
}

fn run(program: &str, args: &[&str], containers_conf: Option<&Path>) -> Result<String> {
    let command = duct::cmd(program, args).stdin_null().stdout_capture().stderr_capture().unchecked();
    let command = containers_conf.into_iter().fold(command, |command, path| command.env("CONTAINERS_CONF", path));
    let output = command.run().with_context(|| program.to_owned())?;
    let failed = || format!("{program} {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), failed());
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
