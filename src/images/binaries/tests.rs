//! Conditions for reusing a cached binary.

use super::*;

#[test]
fn reads_what_cargo_says_a_binary_was_built_from() {
    let told = "/t/image/api: /w/src/main.rs /w/with\\ space/lib.rs\n";
    let expected = ["/w/src/main.rs", "/w/with space/lib.rs"].map(PathBuf::from);
    assert_eq!(dependencies(told).collect::<Vec<_>>(), expected);
}

/// Creates a workspace of two packages, one of which needs the other.
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

fn app() -> CargoSpec {
    CargoSpec { package: "app".into(), ..CargoSpec::default() }
}

async fn key(root: &Path) -> String {
    key_with(root, &Variables::default()).await
}

async fn key_with(root: &Path, variables: &Variables) -> String {
    Sources::of(root, &[app()], variables).await.unwrap().key(&app()).unwrap()
}

#[tokio::test]
async fn the_key_follows_what_goes_in_and_nothing_else() {
    let (one, two) = (workspace(), workspace());
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
    let sources = Sources::of(root.path(), &[app()], &Variables::default()).await.unwrap();
    let workspace = sources.metadata.workspace_root.as_path();
    let explain = |file: PathBuf| {
        let binary = root.path().join("app.bin");
        fs_err::write(binary.with_extension("d"), format!("app.bin: {}\n", file.display())).unwrap();
        sources.explain("app", &binary, |_| false).unwrap()
    };
    assert!(explain(workspace.join("lib/src/lib.rs")));
    assert!(!explain(workspace.join("other/src/lib.rs")));
}

#[tokio::test]
async fn the_key_follows_build_variables() {
    let root = workspace();
    let with = async |name: &str| key_with(root.path(), &Variables::among([(name.into(), "--cfg x".into())])).await;
    let none = key(root.path()).await;
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_PROFILE_RELEASE_LTO", "CC"] {
        assert_ne!(none, with(name).await, "{name}");
    }
    assert_eq!(none, with("KIND_HARNESS_YES").await);
}

/// The workspace is in a folder whose parent has configuration too.
#[tokio::test]
async fn the_key_follows_configuration_of_cargo_and_rustup_up_to_the_root() {
    let outer = tempfile::tempdir().unwrap();
    let root = outer.path().join("inner");
    fs_err::rename(workspace().keep(), &root).unwrap();
    let mut seen = vec![key(&root).await];
    for (path, text) in [
        ("inner/.cargo/config.toml", "[env]\nKIND_HARNESS_YES = \"1\"\n"),
        ("inner/.cargo/config.toml", "[env]\nKIND_HARNESS_YES = \"0\"\n"),
        (".cargo/config.toml", "[build]\nrustflags = [\"--cfg\", \"x\"]\n"),
        ("inner/rust-toolchain", "[toolchain]\nprofile = \"minimal\"\n"),
        ("rust-toolchain.toml", "[toolchain]\nprofile = \"minimal\"\n"),
    ] {
        let path = outer.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, text).unwrap();
        let now = key(&root).await;
        assert!(!seen.contains(&now), "{} did not count", path.display());
        seen.push(now);
    }
}

#[tokio::test]
async fn a_binary_of_a_variable_that_the_key_does_not_know_is_not_explained() {
    let root = workspace();
    let sources = Sources::of(root.path(), &[app()], &Variables::default()).await.unwrap();
    let binary = root.path().join("target/x/image/app");
    fs_err::create_dir_all(root.path().join("target/x/image/build/app-1")).unwrap();
    fs_err::write(binary.with_extension("d"), "app:\n").unwrap();
    fs_err::write(root.path().join("target/x/image/build/app-1/output"), "cargo:rerun-if-env-changed=REVISION\n")
        .unwrap();
    assert!(sources.explain("app", &binary, |_| false).unwrap(), "it is not set");
    assert!(!sources.explain("app", &binary, |name| name == "REVISION").unwrap());
}

#[tokio::test]
async fn only_ci_holds_cargo_to_a_lock_file_that_is_there() {
    let root = workspace();
    let sources = Sources::of(root.path(), &[app()], &Variables::default()).await.unwrap();
    fs_err::write(root.path().join("Cargo.lock"), "").unwrap();
    assert!(sources.are_locked(true));
    assert!(!sources.are_locked(false));
    fs_err::remove_file(root.path().join("Cargo.lock")).unwrap();
    assert!(!sources.are_locked(true));
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
    throw_away(&Folders { cache: folder.path().into(), state: folder.path().into() }).unwrap();
    assert!(!cache.join("old").exists());
    assert_eq!(fs_err::read_to_string(cache.join("new/app")).unwrap(), "program");
}
