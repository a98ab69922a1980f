//! The base image: its signatures are checked, and it is renewed when it is too old.

use std::path::Path;

use crate::builds::{host, times};
use crate::support::{Ended, Host};

const DAY: u64 = 24 * 60 * 60;

/// A host on which a base image can be built at once; the node image cannot, which is as far as a run gets.
fn built() -> Host {
    let host = host();
    host.write("calls.go", "");
    up(&host, None);
    assert_eq!(times(&host, "bootstraps"), 1);
    host
}

/// The node image that a run wanted to build, and what the run said.
fn up(host: &Host, max_age: Option<&str>) -> (String, Ended) {
    let variables: Vec<_> = max_age.iter().map(|age| ("KIND_HARNESS_BASE_MAX_AGE", *age)).collect();
    let ended = host.run_with(&["up", "--images", "packages", "--name", "a"], &variables);
    ended.failed_with(4, &["building localhost/kind-harness/node:"]);
    let node = ended.stderr.split("localhost/kind-harness/node:").nth(1).unwrap();
    (node.split_whitespace().next().unwrap().to_owned(), ended)
}

/// Makes the base images that are there older.
fn age(host: &Host, days: u64) {
    let images = std::fs::read_to_string(host.path("images")).unwrap();
    let aged = images.lines().map(|image| match image.rsplit_once('-') {
        Some((stem, seconds)) if image.contains("/base:") => {
            format!("{stem}-{:08x}\n", u64::from_str_radix(seconds, 16).unwrap() - days * DAY)
        }
        _ => format!("{image}\n"),
    });
    host.write("images", &aged.collect::<String>());
}

#[test]
fn a_base_image_that_is_too_old_is_renewed_and_what_builds_on_it_follows() {
    let host = built();
    let (node, _) = up(&host, None);
    age(&host, 29);
    let (aged, _) = up(&host, None);
    assert_eq!(times(&host, "bootstraps"), 1, "it is not too old yet");
    age(&host, 2);
    let (renewed, ended) = up(&host, None);
    assert_eq!(times(&host, "bootstraps"), 2, "{}", ended.stderr);
    assert_ne!(aged, renewed);
    assert_ne!(node, renewed);
    assert_eq!(up(&host, None).0, renewed);
    assert_eq!(times(&host, "bootstraps"), 2, "once");
}

#[test]
fn its_age_is_settable() {
    let host = built();
    age(&host, 60);
    up(&host, Some("90d"));
    assert_eq!(times(&host, "bootstraps"), 1);
    up(&host, Some("12h"));
    assert_eq!(times(&host, "bootstraps"), 2);
    let ended = host.run_with(&["up", "--images", "packages"], &[("KIND_HARNESS_BASE_MAX_AGE", "soon")]);
    ended.failed_with(2, &["KIND_HARNESS_BASE_MAX_AGE is \"soon\"", "`30d`"]);
}

#[test]
fn a_host_that_is_offline_keeps_the_old_one_and_is_told() {
    let host = built();
    age(&host, 31);
    let (node, _) = up(&host, Some("90d"));
    host.write("calls.offline", "");
    for run in ["tries", "does not try again so soon"] {
        let (same, ended) = up(&host, None);
        assert_eq!(node, same);
        let warning = "the base image is 31 days old and could not be renewed, so it stays";
        assert!(ended.stderr.contains(warning), "{run}: {}", ended.stderr);
        assert!(ended.stderr.contains("debootstrap failed"), "{run}: {}", ended.stderr);
        assert_eq!(times(&host, "bootstraps"), 2, "{run}");
    }
}

#[test]
fn signatures_are_checked_whatever_debootstrap_would_do() {
    let host = built();
    let calls = host.calls();
    let call = calls.lines().find(|call| call.starts_with("debootstrap ")).unwrap();
    assert!(call.contains(&format!("--keyring={}", host.path("keyring.gpg").display())), "{call}");
    assert!(call.contains("--force-check-gpg"), "{call}");
}

#[test]
fn without_a_keyring_nothing_is_built() {
    let host = host();
    std::fs::remove_file(host.path("keyring.gpg")).unwrap();
    host.run(&["up", "--images", "packages"]).failed_with(3, &["missing  keyring", "keyring.gpg does not exist"]);
    let (engine, image) = (("ENGINE", "podman"), ("IMAGE", "base"));
    let built = recipe(&host, &[engine, image]).run().unwrap();
    Ended::from(&built).failed_with(1, &["signatures cannot be checked", "keyring.gpg cannot be read"]);
    assert_eq!(times(&host, "bootstraps"), 0);
}

/// The base image's recipe by itself.
fn recipe(host: &Host, variables: &[(&str, &str)]) -> duct::Expression {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../images/base/build.sh");
    let command = duct::cmd("bash", [script]);
    host.here(&variables.iter().fold(command, |command, (name, value)| command.env(name, value))).stdin_null()
}

/// By the real debootstrap, where there is one, which only root can run.
#[test]
fn a_release_that_a_stranger_signed_is_refused() {
    if !Path::new("/usr/sbin/debootstrap").exists() || !rustix::process::geteuid().is_root() {
        eprintln!("not run: debootstrap is not installed, or this is not root");
        return;
    }
    let host = Host::bare();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mirror");
    let release = std::fs::read_to_string(fixtures.join("InRelease")).unwrap();
    host.write("mirror/dists/bookworm/InRelease", &release);
    let mirror = format!("file://{}", host.path("mirror").display());
    let bootstrap = |release: &str, keyring: &str| {
        host.write("mirror/dists/bookworm/InRelease", release);
        let keyring = fixtures.join(keyring).display().to_string();
        let variables = [
            ("ENGINE", "podman"),
            ("IMAGE", "base"),
            ("DEBIAN_MIRROR", &mirror),
            ("DEBIAN_KEYRING", &keyring),
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ];
        Ended::from(&recipe(&host, &variables).run().unwrap())
    };
    bootstrap(&release, "stranger.gpg").failed_with(1, &["Release signed by unknown key"]);
    bootstrap(&release.replace("An empty", "A forged"), "signer.gpg").failed_with(1, &["Invalid Release signature"]);
    // The archive is empty, so that this is as far as it gets.
    bootstrap(&release, "signer.gpg").failed_with(1, &["Valid Release signature"]);
}
