//! Nothing is installed without consent, and nothing waits for a password that cannot be asked for.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use rstest::rstest;

use crate::support::{Ended, Host};

/// Installs an engine that works.
const APT_GET: &str = r#"#!/bin/sh
echo "apt-get $* as $DEBIAN_FRONTEND" >> "$CALLS"
here=$(dirname "$CALLS")
case "$*" in *" install "*) cat "$here/podman" > "$here/bin/podman"; chmod 755 "$here/bin/podman" ;; esac
"#;

const INSTALL: &str = "install -y --no-install-recommends podman runc";

/// Like sudo with a rule that asks for no password: nothing of the caller's environment is left.
const SUDO: &str = r#"#!/bin/sh
echo "sudo $*" >> "$CALLS"
[ "$1" != -n ] || shift
exec env -i PATH="$PATH" CALLS="$CALLS" "$@"
"#;

/// Asks for a password, and gets none.
const SUDO_THAT_ASKS: &str =
    "#!/bin/sh\necho \"sudo $*\" >> \"$CALLS\"\necho 'sudo: a password is required' >&2\nexit 1\n";

/// A host that lacks nothing but an engine, which it can install.
fn host() -> Host {
    let host = Host::ready();
    std::fs::rename(host.path("bin/podman"), host.path("podman")).unwrap();
    host.program("apt-get", APT_GET);
    host.program("sudo", SUDO);
    host
}

const SETUP: [&str; 3] = ["setup", "--images", "registry"];

#[rstest]
#[case::setup(&SETUP, "`kind-harness setup --yes` installs it")]
#[case::up(&["up"], "`kind-harness setup --yes` installs it")]
#[case::from_packages(&["setup", "--images", "packages"], "`kind-harness setup --yes --images packages` installs it")]
fn without_consent_nothing_is_installed(#[case] args: &[&str], #[case] command: &str) {
    let host = host();
    host.program("debootstrap", "#!/bin/sh\n");
    host.program("go", "#!/bin/sh\n");
    let ended = host.run(args);
    let said = ["nothing is installed without consent", "engine: none in PATH", command, "apt-get update", INSTALL];
    ended.failed_with(3, &said);
    assert!(!host.calls().contains("apt-get"), "{}", host.calls());
}

#[rstest]
#[case("KIND_HARNESS_YES", "1")]
#[case("KIND_HARNESS_YES", "true")]
#[case("CI", "true")]
fn a_variable_consents(#[case] name: &str, #[case] value: &str) {
    let host = host();
    let ended = host.run_with(&SETUP, &[(name, value)]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(host.calls().contains(INSTALL), "{}", host.calls());
}

#[rstest]
#[case("KIND_HARNESS_YES", "0")]
#[case("KIND_HARNESS_YES", "")]
#[case("CI", "false")]
fn a_variable_that_says_no_does_not(#[case] name: &str, #[case] value: &str) {
    let host = host();
    let ended = host.run_with(&SETUP, &[(name, value)]);
    ended.failed_with(3, &["nothing is installed without consent"]);
    assert!(!host.calls().contains("apt-get"), "{}", host.calls());
}

#[test]
fn a_flag_consents_and_packages_are_installed_without_a_dialogue() {
    let host = host();
    let ended = host.run(&["setup", "--yes", "--images", "registry"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let calls = host.calls();
    let installs = calls.lines().find(|call| call.starts_with("apt-get") && call.contains(INSTALL)).unwrap_or_default();
    assert!(installs.ends_with("as noninteractive"), "{calls}");
}

/// Runs `command` of a shell on a terminal on which `typed` has been typed.
fn on_a_terminal(host: &Host, command: &str, typed: &str) -> Ended {
    let script = ["/usr/bin/script", "/bin/script"].into_iter().find(|path| Path::new(path).exists()).unwrap();
    let run = duct::cmd(script, ["-q", "-e", "-c", command, "/dev/null"]).env("SHELL", "/bin/sh");
    Ended::from(&host.here(&run).stdin_bytes(typed).run().unwrap())
}

#[rstest]
#[case("y\n", "", 0)]
#[case("\n", "", 0)]
#[case("n\n", "", 3)]
#[case("", "KIND_HARNESS_YES=1 ", 0)]
fn a_terminal_is_asked_unless_the_answer_is_known(#[case] typed: &str, #[case] variable: &str, #[case] code: i32) {
    let host = host();
    let command = format!("{variable}{} setup --images registry", env!("CARGO_BIN_EXE_kind-harness"));
    let ended = on_a_terminal(&host, &command, typed);
    assert_eq!(ended.code, Some(code), "{}", ended.stdout);
    assert_eq!(ended.stdout.contains("Install it now? [Y/n]"), variable.is_empty(), "{}", ended.stdout);
    assert_eq!(host.calls().contains(INSTALL), code == 0, "{}", host.calls());
}

/// One remedy uncovers the next need: an engine is tried with kind's binary, which is not there yet.
#[test]
fn what_was_not_in_the_list_is_asked_for_too() {
    let host = host();
    std::fs::remove_file(host.path("bin/kind")).unwrap();
    host.program(
        "docker",
        "#!/bin/sh\ncase $1 in load) cat > /dev/null ;; run) echo 'no rights' >&2; exit 1 ;; esac\n",
    );
    let go = "#!/bin/sh\n[ \"$1\" != version ] || exit 0\nprintf '#!/bin/sh\\necho kind v0.33.0 x y' > \"$GOBIN/kind\"; chmod 755 \"$GOBIN/kind\"\n";
    host.program("go", go);
    let command = format!("{} setup --images registry", env!("CARGO_BIN_EXE_kind-harness"));
    let ended = on_a_terminal(&host, &command, "y\nn\n");
    assert_eq!(ended.code, Some(3), "{}", ended.stdout);
    assert_eq!(ended.stdout.matches("Install it now? [Y/n]").count(), 2, "{}", ended.stdout);
    assert!(!host.calls().contains("apt-get"), "{}", host.calls());
}

#[test]
#[ignore = "run by the test below, on a host of its own"]
fn an_environment_for_tests() {
    let _ = kind_harness::environment::shared("e2e.yaml");
}

#[test]
fn tests_install_nothing_without_consent_and_say_what_is_missing() {
    let host = host();
    let this = std::env::current_exe().unwrap();
    let args = ["--ignored", "--exact", "--nocapture", "consent::an_environment_for_tests"];
    let run = |consents: &str| {
        let test = duct::cmd(&this, args).env("KIND_HARNESS_YES", consents);
        Ended::from(&host.here(&test).stdin_null().run().unwrap())
    };
    let ended = run("");
    let said = ["the test environment did not come up", "nothing is installed without consent", "engine: none in PATH"];
    ended.failed_with(101, &said);
    ended.failed_with(101, &["`kind-harness setup --yes` installs it", INSTALL, "KIND_HARNESS_YES=1"]);
    assert!(!host.calls().contains("apt-get"), "{}", host.calls());
    run("1");
    assert!(host.calls().contains(INSTALL), "{}", host.calls());
}

#[test]
fn this_repository_consents_for_itself_and_can_be_overruled() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let config = std::fs::read_to_string(root.join(".cargo/config.toml")).unwrap();
    assert!(config.contains("[env]\nKIND_HARNESS_YES = { value = \"1\", force = false }"), "{config}");
    // Cargo has put it into this process, unless somebody has said otherwise.
    assert!(std::env::var("KIND_HARNESS_YES").is_ok());
}

/// The command as a user who is not root runs it.
fn as_user(host: &Host) -> Vec<String> {
    const NOBODY: u32 = 65534;
    if !rustix::process::geteuid().is_root() {
        return vec![env!("CARGO_BIN_EXE_kind-harness").into()];
    }
    // Where the tests are built that user may not come. Copied by a program of its own: while this process writes the file,
    // another test's child would inherit it open, and nobody could run it.
    let binary = host.path("kind-harness");
    if !binary.exists() {
        duct::cmd("cp", [Path::new(env!("CARGO_BIN_EXE_kind-harness")), &binary]).run().unwrap();
    }
    let mut open = vec![host.path("")];
    while let Some(path) = open.pop() {
        if path.is_dir() && !path.is_symlink() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        if !path.is_symlink() {
            chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    let setpriv =
        ["/usr/bin/setpriv", "/bin/setpriv"].into_iter().map(PathBuf::from).find(|path| path.exists()).unwrap();
    let id = NOBODY.to_string();
    let words = [&setpriv.display().to_string(), "--reuid", &id, "--regid", &id, "--clear-groups"];
    words.iter().map(|word| (*word).to_owned()).chain([binary.display().to_string()]).collect()
}

fn run_as_user(host: &Host, args: &[&str]) -> Ended {
    let mut words = as_user(host);
    words.extend(args.iter().map(|arg| (*arg).to_owned()));
    Ended::from(&host.here(&duct::cmd(&words[0], &words[1..])).stdin_null().run().unwrap())
}

#[test]
fn sudo_keeps_the_frontend_that_asks_nothing() {
    let host = host();
    let ended = run_as_user(&host, &["setup", "--yes", "--images", "registry"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let calls = host.calls();
    let installs = calls.lines().find(|call| call.starts_with("apt-get") && call.contains(INSTALL)).unwrap_or_default();
    assert!(installs.ends_with("as noninteractive"), "{calls}");
}

#[test]
fn without_a_terminal_sudo_is_not_waited_for() {
    let host = host();
    host.program("sudo", SUDO_THAT_ASKS);
    let ended = run_as_user(&host, &["setup", "--yes", "--images", "registry"]);
    let said = ["engine", "it takes root (apt-get installs packages)", "a password is required"];
    ended.failed_with(3, &said);
    ended.failed_with(3, &["run `kind-harness setup` in a terminal", "or as root"]);
    assert!(host.calls().contains("sudo -n env DEBIAN_FRONTEND=noninteractive apt-get"), "{}", host.calls());
}

#[test]
fn on_a_terminal_sudo_may_ask() {
    let host = host();
    let command = format!("{} setup --yes --images registry", as_user(&host).join(" "));
    let ended = on_a_terminal(&host, &command, "");
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    assert!(host.calls().contains("sudo env DEBIAN_FRONTEND=noninteractive apt-get"), "{}", host.calls());
}

#[test]
fn doctor_says_when_root_is_needed_and_why() {
    let host = host();
    host.program("sudo", SUDO_THAT_ASKS);
    let doctor = |host: &Host, images| run_as_user(host, &["doctor", "--images", images]).stdout;
    let root = |said: &str| said.lines().find(|line| line.contains(" root ")).unwrap_or_default().to_owned();
    let said = root(&doctor(&host, "registry"));
    assert!(said.starts_with("advice") && said.contains("needed for engine (apt-get installs packages)"), "{said}");
    assert!(
        said.contains("sudo asks for a password; better: run `kind-harness setup` in a terminal, or as root"),
        "{said}"
    );
    let said = root(&doctor(&host, "packages"));
    assert!(said.contains("the base image (debootstrap"), "{said}");
    host.program("sudo", SUDO);
    let said = root(&doctor(&host, "registry"));
    assert!(said.starts_with("ok") && said.contains("sudo asks for no password"), "{said}");
    std::fs::remove_file(host.path("bin/sudo")).unwrap();
    let said = root(&doctor(&host, "registry"));
    assert!(said.contains("there is no sudo; better: run as root"), "{said}");
    let ready = Host::ready();
    let said = root(&doctor(&ready, "registry"));
    assert!(said.starts_with("ok") && said.contains("not needed"), "{said}");
}
