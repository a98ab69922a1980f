//! Binaries for images, kept in the user's cache under a hash of what they were built from: another checkout of the same
//! sources, or the same one after `cargo clean`, need not compile them again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cargo_metadata::camino::Utf8Path;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

use super::content::{Content, files};
use super::{ImageError, cargo};
use crate::exec::Cmd;
use crate::report::{Outcome, Step};

/// Folders of a package that do not go into its binary.
const NOT_IN_A_BINARY: [&str; 5] = ["target", "tests", "benches", "examples", ".git"];

/// Binaries that nobody asked for in this time are thrown away.
const KEPT_UNUSED: Duration = Duration::from_hours(14 * 24);

/// The binary of each of `packages` of the workspace at `root`, compiled unless all are in `cache`.
///
/// They are compiled in one run of cargo even if only one is missing: fewer would be compiled with other features of the
/// dependencies that they share, that is, from the start.
pub(super) async fn binaries(
    root: &Path,
    packages: &[String],
    cache: &Path,
    step: &Step,
) -> Result<(BTreeMap<String, PathBuf>, Outcome), ImageError> {
    let file = |source| ImageError::File { image: packages.join(", "), source };
    let sources = Sources::of(root, packages).await?;
    let folder = cache.join("binaries");
    let mut kept = BTreeMap::new();
    for package in packages {
        kept.insert(package.clone(), folder.join(sources.key(package).map_err(file)?).join(package));
    }
    if kept.values().all(|path| path.is_file()) {
        kept.values().try_for_each(|path| touch(path)).map_err(file)?;
        return Ok((kept, Outcome::Unchanged));
    }
    let mut built = cargo::build(root, packages, step).await?;
    let sources = Sources::of(root, packages).await?;
    for (package, binary) in &mut built {
        // Sources that were edited meanwhile, or that lie where the key does not look, would be taken for others by it.
        let place = folder.join(sources.key(package).map_err(file)?).join(package);
        if kept.get(package) == Some(&place) && sources.explain(package, binary).map_err(file)? {
            publish(binary, &place).map_err(file)?;
            *binary = place;
        }
    }
    throw_away(&folder).map_err(file)?;
    Ok((built, Outcome::Done))
}

/// What the packages of a workspace are built from.
struct Sources {
    metadata: Metadata,
    /// What all packages have in common: compiler, flags, lock file, the workspace's settings.
    common: Content,
}

impl Sources {
    async fn of(root: &Path, packages: &[String]) -> Result<Sources, ImageError> {
        let failed = |source| ImageError::Build { image: packages.join(", "), source };
        // Without the packages of others, which the lock file stands for: to resolve them takes cargo ten times as long.
        let metadata = Cmd::new("cargo", ["metadata", "--format-version", "1", "--no-deps"]).dir(root);
        let compiler = Cmd::new("rustc", ["-vV"]).dir(root);
        let (metadata, compiler) = (metadata.output().await.map_err(failed)?, compiler.output().await.map_err(failed)?);
        let metadata = MetadataCommand::parse(metadata).map_err(|source| ImageError::Metadata { source })?;
        let file = |source| ImageError::File { image: packages.join(", "), source };
        let mut common = Content::default();
        common.add("rustc", compiler.as_bytes());
        common
            .add("cargo", cargo::command(root, packages).to_string().replace(&*root.to_string_lossy(), "").as_bytes());
        for name in ["Cargo.lock", "Cargo.toml", "rust-toolchain.toml", ".cargo/config.toml"] {
            let path = metadata.workspace_root.as_std_path().join(name);
            if path.is_file() {
                common.add_file(Path::new(name), &path).map_err(file)?;
            }
        }
        Ok(Sources { metadata, common })
    }

    /// Names what `package` is built from.
    fn key(&self, package: &str) -> std::io::Result<String> {
        let mut content = self.common.clone();
        content.add("package", package.as_bytes());
        let root = self.metadata.workspace_root.as_std_path();
        for folder in self.folders(package) {
            for path in files(folder, &NOT_IN_A_BINARY)? {
                content.add_file(path.strip_prefix(root).unwrap_or(&path), &path)?;
            }
        }
        Ok(content.tag())
    }

    /// The folders of `package` and of everything that it depends on by path, except for tests or by choice: whether an
    /// optional package is in a binary is told when it was built.
    fn folders(&self, package: &str) -> BTreeSet<&Path> {
        let packages = || self.metadata.packages.iter();
        let by_folder: BTreeMap<&Utf8Path, _> =
            packages().filter_map(|package| Some((package.manifest_path.parent()?, package))).collect();
        let named = packages().filter(|it| it.name.as_str() == package);
        let mut open: Vec<&Utf8Path> = named.filter_map(|it| it.manifest_path.parent()).collect();
        let mut folders = BTreeSet::new();
        while let Some(folder) = open.pop() {
            if folders.insert(folder.as_std_path()) {
                let needs = by_folder.get(folder).into_iter().flat_map(|package| &package.dependencies);
                let needs = needs.filter(|need| need.kind != DependencyKind::Development && !need.optional);
                open.extend(needs.filter_map(|need| need.path.as_deref()));
            }
        }
        folders
    }

    /// Whether all that `binary` was built from, as cargo tells it, lies where [`Sources::key`] looks.
    fn explain(&self, package: &str, binary: &Path) -> std::io::Result<bool> {
        let told = fs_err::read_to_string(binary.with_extension("d"))?;
        let folders = self.folders(package);
        Ok(dependencies(&told).all(|path| folders.iter().any(|folder| path.starts_with(folder))))
    }
}

/// The files on the right of a makefile's `target: file file…`, where `\ ` is a space of a name.
fn dependencies(told: &str) -> impl Iterator<Item = PathBuf> {
    let files = told.lines().filter_map(|line| line.split_once(": ")).map(|(_, files)| files.replace("\\ ", "\0"));
    let files: Vec<PathBuf> =
        files.flat_map(|line| line.split(' ').map(|name| name.replace('\0', " ").into()).collect::<Vec<_>>()).collect();
    files.into_iter()
}

/// A copy at `place`, whole or not at all.
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

/// Removes from `folder` what has long not been used.
fn throw_away(folder: &Path) -> std::io::Result<()> {
    for entry in fs_err::read_dir(folder).into_iter().flatten().flatten() {
        let used =
            fs_err::read_dir(entry.path())?.flatten().filter_map(|file| file.metadata().ok()?.modified().ok()).max();
        if used.is_some_and(|used| used.elapsed().is_ok_and(|age| age > KEPT_UNUSED)) {
            fs_err::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_cargo_says_a_binary_was_built_from() {
        let told = "/t/image/api: /w/src/main.rs /w/with\\ space/lib.rs\n";
        let expected = ["/w/src/main.rs", "/w/with space/lib.rs"].map(PathBuf::from);
        assert_eq!(dependencies(told).collect::<Vec<_>>(), expected);
    }

    /// A workspace of two packages, one of which needs the other.
    fn workspace() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        let package = |name: &str| format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        write("Cargo.toml", "[workspace]\nmembers = [\"app\", \"lib\", \"other\"]\nresolver = \"3\"\n");
        write("app/Cargo.toml", &format!("{}[dependencies]\nlib = {{ path = \"../lib\" }}\n", package("app")));
        write("app/src/main.rs", "fn main() {}\n");
        write("app/tests/t.rs", "");
        for name in ["lib", "other"] {
            write(&format!("{name}/Cargo.toml"), &package(name));
            write(&format!("{name}/src/lib.rs"), "");
        }
        folder
    }

    #[tokio::test]
    async fn the_key_follows_what_goes_in_and_nothing_else() {
        let (one, two) = (workspace(), workspace());
        let key = async |root: &Path| Sources::of(root, &["app".into()]).await.unwrap().key("app").unwrap();
        let first = key(one.path()).await;
        assert_eq!(first, key(two.path()).await, "another checkout of the same sources");
        fs_err::write(one.path().join("app/tests/t.rs"), "// changed").unwrap();
        fs_err::write(one.path().join("other/src/lib.rs"), "// changed").unwrap();
        assert_eq!(first, key(one.path()).await, "tests, and a package that is not needed");
        fs_err::write(one.path().join("lib/src/lib.rs"), "// changed").unwrap();
        let second = key(one.path()).await;
        assert_ne!(first, second, "a package that is needed");
        fs_err::write(one.path().join("app/src/new.rs"), "").unwrap();
        assert_ne!(second, key(one.path()).await, "a new file");
    }

    #[tokio::test]
    async fn a_binary_of_files_from_elsewhere_is_not_explained_by_the_key() {
        let root = workspace();
        let sources = Sources::of(root.path(), &["app".into()]).await.unwrap();
        let workspace = sources.metadata.workspace_root.as_std_path();
        let explain = |file: PathBuf| {
            let binary = root.path().join("app.bin");
            fs_err::write(binary.with_extension("d"), format!("app.bin: {}\n", file.display())).unwrap();
            sources.explain("app", &binary).unwrap()
        };
        assert!(explain(workspace.join("lib/src/lib.rs")));
        assert!(!explain(workspace.join("other/src/lib.rs")));
    }

    #[test]
    fn what_is_published_is_whole_and_what_is_old_goes() {
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("built");
        fs_err::write(&binary, "program").unwrap();
        let cache = folder.path().join("binaries");
        for name in ["old", "new"] {
            publish(&binary, &cache.join(name).join("app")).unwrap();
        }
        let long_ago = SystemTime::now() - KEPT_UNUSED - Duration::from_secs(60);
        fs_err::File::open(cache.join("old/app")).unwrap().file().set_modified(long_ago).unwrap();
        throw_away(&cache).unwrap();
        assert!(!cache.join("old").exists());
        assert_eq!(fs_err::read_to_string(cache.join("new/app")).unwrap(), "program");
    }
}
