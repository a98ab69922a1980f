//! Binaries for images, cached per user under a hash of their inputs: another checkout of the same sources, or the same
//! one after `cargo clean`, need not compile them again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::builds::ImageBuilder;
use super::cargo::{Metadata, Package};
use super::content::{Content, files};
use super::variables::{Variables, heard};
use super::{ImageError, cargo};
use crate::host::exec::Cmd;
use crate::host::folders::Folders;
use crate::host::setup::yes_or_no;
use crate::report::{Outcome, Phase, Step};
use crate::suite::config::CargoSpec;

/// Folders of a package that are not inputs of its binary.
pub(super) const NOT_IN_A_BINARY: [&str; 5] = ["target", "tests", "benches", "examples", ".git"];

/// The folder of the cache for binaries.
const KEPT_IN: &str = "binaries";

/// Binaries that were not used for this long are deleted.
const KEPT_UNUSED: Duration = Duration::from_secs(14 * 24 * 3600);

impl ImageBuilder {
    /// Returns the binaries of all cargo images.
    pub(super) async fn binaries(
        self: Arc<Self>,
        root: PathBuf,
        wanted: Vec<CargoSpec>,
    ) -> Result<BTreeMap<CargoSpec, PathBuf>, Arc<ImageError>> {
        if wanted.is_empty() {
            return Ok(BTreeMap::new());
        }
        let _bench = self.benches.acquire().await;
        let step = self.events.step(Phase::Images, "cargo");
        let (binaries, outcome) = binaries(&root, &wanted, &self.host.folders, &step).await?;
        step.finish(outcome);
        Ok(binaries)
    }
}

/// Returns each of the binaries `wanted` of the workspace at `root`, compiled unless all are cached.
///
/// They are compiled in one run of cargo even if only one is missing: a subset would be compiled with other features of
/// shared dependencies, that is, from scratch.
async fn binaries(
    root: &Path,
    wanted: &[CargoSpec],
    folders: &Folders,
    step: &Step,
) -> Result<(BTreeMap<CargoSpec, PathBuf>, Outcome), ImageError> {
    let file = |source| ImageError::File { image: cargo::names(wanted), source };
    let variables = Variables::of_process();
    let sources = Sources::of(root, wanted, &variables).await?;
    let folder = folders.cache.join(KEPT_IN);
    let mut kept = BTreeMap::new();
    for spec in wanted {
        kept.insert(spec.clone(), folder.join(sources.key(spec).map_err(file)?).join(spec.binary()));
    }
    if kept.values().all(|path| path.is_file()) {
        kept.values().try_for_each(|path| touch(path)).map_err(file)?;
        return Ok((kept, Outcome::Unchanged));
    }
    let mut built = cargo::build(root, wanted, &variables, sources.are_locked(is_ci()), step).await?;
    let sources = Sources::of(root, wanted, &variables).await?;
    let is_set = |name: &str| std::env::var_os(name).is_some();
    for (spec, binary) in &mut built {
        // Not cached if sources were edited meanwhile, or are outside of what the key covers: the key would not match
        // them.
        let place = folder.join(sources.key(spec).map_err(file)?).join(spec.binary());
        if kept.get(spec) == Some(&place) && sources.explain(&spec.package, binary, is_set).map_err(file)? {
            publish(binary, &place).map_err(file)?;
            *binary = place;
        }
    }
    throw_away(folders).map_err(file)?;
    Ok((built, Outcome::Done))
}

/// Returns whether builds must use exactly the dependencies of the lock file.
fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| yes_or_no(&value) == Ok(true))
}

/// The inputs of a workspace's packages.
pub(super) struct Sources {
    metadata: Metadata,
    /// The inputs shared by all packages: compiler, flags, lock file, the workspace's settings.
    common: Content,
}

impl Sources {
    pub(super) async fn of(root: &Path, wanted: &[CargoSpec], variables: &Variables) -> Result<Sources, ImageError> {
        let failed = |source| ImageError::Build { image: cargo::names(wanted), source };
        // Without third-party packages, which the lock file represents: resolving them takes cargo ten times as long.
        let metadata = Cmd::new("cargo", ["metadata", "--format-version", "1", "--no-deps"]).dir(root);
        let compiler = Cmd::new("rustc", ["-vV"]).dir(root);
        let (metadata, compiler) = (metadata.output().await.map_err(failed)?, compiler.output().await.map_err(failed)?);
        let metadata: Metadata = serde_json::from_str(&metadata).map_err(|source| ImageError::Metadata { source })?;
        let file = |source| ImageError::File { image: cargo::names(wanted), source };
        let mut common = Content::default();
        common.add("rustc", compiler.as_bytes());
        for command in cargo::commands(root, wanted, variables) {
            common.add("cargo", command.to_string().replace(&*root.to_string_lossy(), "").as_bytes());
        }
        variables.add_to(&mut common);
        let workspace = &metadata.workspace_root;
        for path in [workspace.join("Cargo.lock"), workspace.join("Cargo.toml")] {
            add_if_there(&mut common, &path).map_err(file)?;
        }
        for path in configuration(root) {
            add_if_there(&mut common, &path).map_err(file)?;
        }
        Ok(Sources { metadata, common })
    }

    /// Returns whether cargo runs with `--locked`: in CI, if there is a lock file.
    fn are_locked(&self, ci: bool) -> bool {
        ci && self.metadata.workspace_root.join("Cargo.lock").is_file()
    }

    /// Returns the hash of the inputs of a binary.
    fn key(&self, spec: &CargoSpec) -> std::io::Result<String> {
        let mut content = self.common.clone();
        content.add("package", spec.package.as_bytes());
        if spec.bin.is_some() {
            content.add("bin", spec.binary().as_bytes());
        }
        let root = &self.metadata.workspace_root;
        for path in self.files(spec)? {
            content.add_file(path.strip_prefix(root).unwrap_or(&path), &path)?;
        }
        Ok(content.tag())
    }

    /// Returns the files of a binary's package and of its path dependencies.
    pub(super) fn files(&self, spec: &CargoSpec) -> std::io::Result<Vec<PathBuf>> {
        let each = self.folders(&spec.package).into_iter().map(|folder| files(folder, &NOT_IN_A_BINARY));
        Ok(each.collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// Returns the folders of `package` and of its path dependencies, except dev and optional ones: whether an optional
    /// one is in a binary is only known once it is built.
    fn folders(&self, package: &str) -> BTreeSet<&Path> {
        let packages = || self.metadata.packages.iter();
        let by_folder: BTreeMap<&Path, &Package> =
            packages().filter_map(|package| Some((package.folder()?, package))).collect();
        let mut open: Vec<&Path> = packages().filter(|it| it.name == package).filter_map(Package::folder).collect();
        let mut folders = BTreeSet::new();
        while let Some(folder) = open.pop() {
            if folders.insert(folder) {
                open.extend(by_folder.get(folder).into_iter().flat_map(|package| package.needs()));
            }
        }
        folders
    }

    /// Returns whether [`Sources::key`] covers all inputs of `binary` that cargo reports: only files in the packages'
    /// folders, and no variable for which `is_set` returns true, except those in the key.
    fn explain(&self, package: &str, binary: &Path, is_set: impl Fn(&str) -> bool) -> std::io::Result<bool> {
        let told = fs_err::read_to_string(binary.with_extension("d"))?;
        let folders = self.folders(package);
        let files = dependencies(&told).all(|path| folders.iter().any(|folder| path.starts_with(folder)));
        Ok(files && !heard(binary)?.iter().any(|name| is_set(name)))
    }
}

/// Returns the configuration files that cargo and rustup read when they run in `root`: there, in every parent folder,
/// and in cargo's home.
fn configuration(root: &Path) -> Vec<PathBuf> {
    const NAMES: [&str; 4] = [".cargo/config.toml", ".cargo/config", "rust-toolchain.toml", "rust-toolchain"];
    let root = root.canonicalize().unwrap_or_else(|_| root.into());
    let mut paths: Vec<_> =
        root.ancestors().flat_map(|folder| NAMES.map(|name| folder.join(name))).filter(|path| path.is_file()).collect();
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    if let Some(cargo) = std::env::var_os("CARGO_HOME").map(PathBuf::from).or(home) {
        paths.extend(["config.toml", "config"].map(|name| cargo.join(name)));
    }
    paths
}

/// Adds the file at `path` under its name only: another checkout may have another path.
fn add_if_there(content: &mut Content, path: &Path) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default();
    if path.is_file() { content.add_file(Path::new(name), path) } else { Ok(()) }
}

/// Returns the files on the right of a makefile's `target: file file…`, in which `\ ` is an escaped space.
fn dependencies(told: &str) -> impl Iterator<Item = PathBuf> {
    let files = told.lines().filter_map(|line| line.split_once(": ")).map(|(_, files)| files.replace("\\ ", "\0"));
    let files: Vec<PathBuf> =
        files.flat_map(|line| line.split(' ').map(|name| name.replace('\0', " ").into()).collect::<Vec<_>>()).collect();
    files.into_iter()
}

/// Copies `binary` to `place` atomically.
fn publish(binary: &Path, place: &Path) -> std::io::Result<()> {
    let folder = place.parent().unwrap_or(Path::new("."));
    fs_err::create_dir_all(folder)?;
    let copy = tempfile::NamedTempFile::new_in(folder)?;
    fs_err::copy(binary, copy.path())?;
    copy.persist(place).map_err(|error| error.error)?;
    Ok(())
}

fn touch(path: &Path) -> std::io::Result<()> {
    fs_err::File::open(path)?.file().set_modified(SystemTime::now())
}

/// Deletes binaries that have not been used for a long time.
fn throw_away(folders: &Folders) -> std::io::Result<()> {
    let own = folders.own_cache(KEPT_IN);
    for entry in fs_err::read_dir(folders.cache.join(KEPT_IN)).into_iter().flatten().flatten() {
        let used =
            fs_err::read_dir(entry.path())?.flatten().filter_map(|file| file.metadata().ok()?.modified().ok()).max();
        if used.is_some_and(|used| used.elapsed().is_ok_and(|age| age > KEPT_UNUSED)) {
            own.remove(entry.file_name())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
