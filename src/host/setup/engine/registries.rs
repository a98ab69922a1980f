//! What the engine knows of registries: where it asks for their images, and who it is to them.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::{Engine, EngineKind, LOOK};
use crate::host::exec::Cmd;
use crate::readiness::redact::Redactor;

/// Docker Hub: the name of its images' registry, the server that has them, and the names under which logins are kept.
const HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");
const HUB_LOGINS: [&str; 3] = ["https://index.docker.io/v1/", "docker.io", "index.docker.io"];

/// A user of a registry, and the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password, or a token that takes its place.
    pub password: String,
}

/// Without the password.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Returns the address at which the engine asks for the images of `registry`: that of its first mirror, if it has one,
/// and by HTTP if it is configured so.
pub async fn upstream(engine: &Engine, registry: &str) -> String {
    let format = match engine.kind {
        EngineKind::Podman => "{{json .Registries}}",
        EngineKind::Docker | EngineKind::Nerdctl => "{{json .RegistryConfig}}",
    };
    let told = engine.command(["info", "--format", format]).deadline(LOOK).output().await.unwrap_or_default();
    // An engine that does not tell has nothing special configured.
    address(&serde_json::from_str(&told).unwrap_or_default(), engine.kind, registry)
}

fn address(told: &Value, engine: EngineKind, registry: &str) -> String {
    let server = if registry == HUB.0 { HUB.1 } else { registry };
    let (mirror, is_insecure) = match engine {
        EngineKind::Podman => {
            let of = &told[registry];
            let mirror = &of["Mirrors"][0];
            match mirror["Location"].as_str() {
                Some(location) => (Some(location), mirror["Insecure"] == true),
                None => (of["Location"].as_str().filter(|location| *location != registry), of["Insecure"] == true),
            }
        }
        EngineKind::Docker | EngineKind::Nerdctl => {
            let mirrors = if registry == HUB.0 { &told["Mirrors"] } else { &Value::Null };
            (mirrors[0].as_str(), told["IndexConfigs"][registry]["Secure"] == false)
        }
    };
    let server = mirror.unwrap_or(server).trim_end_matches('/');
    match (server.contains("://"), is_insecure) {
        (true, _) => server.to_owned(),
        (false, true) => format!("http://{server}"),
        (false, false) => format!("https://{server}"),
    }
}

/// Returns the login that the engine uses at `registry`, if it has one, from its files or from the program that keeps it.
pub async fn login(engine: &Engine, registry: &str) -> Option<Login> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    for file in files(engine.kind, variable) {
        let Some(kept) = read(&file) else { continue };
        let names = if registry == HUB.0 { HUB_LOGINS.to_vec() } else { vec![registry] };
        for name in names {
            let found = match helper(&kept, name) {
                Some(helper) => ask(helper, name).await,
                None => written(&kept, name),
            };
            if let Some(login) = found {
                Redactor::global().learn([&login.password]);
                return Some(login);
            }
        }
    }
    None
}

/// Returns the files in which engines keep logins, in the order in which they read them.
fn files(engine: EngineKind, variable: impl Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    let home = variable("HOME");
    let docker = variable("DOCKER_CONFIG").or_else(|| Some(home.as_ref()?.join(".docker")));
    let docker = docker.map(|folder| folder.join("config.json"));
    if engine != EngineKind::Podman {
        return docker.into_iter().collect();
    }
    let runtime = variable("XDG_RUNTIME_DIR").unwrap_or_else(|| {
        let user = rustix::process::geteuid().as_raw();
        PathBuf::from(if user == 0 { "/run/containers/0".into() } else { format!("/run/user/{user}") })
    });
    // podman's own folder for root is named like the one that others have below theirs.
    let below = if runtime.ends_with("containers/0") { "auth.json" } else { "containers/auth.json" };
    let config = variable("XDG_CONFIG_HOME").or_else(|| Some(home?.join(".config")));
    let config = config.map(|folder| folder.join("containers/auth.json"));
    let told = variable("REGISTRY_AUTH_FILE").or(Some(runtime.join(below)));
    told.into_iter().chain(config).chain(docker).collect()
}

fn read(file: &Path) -> Option<Value> {
    serde_json::from_str(&fs_err::read_to_string(file).ok()?).ok()
}

/// Returns the program that keeps the login of `name`, if one does.
fn helper<'a>(kept: &'a Value, name: &str) -> Option<&'a str> {
    let own = kept["credHelpers"][name].as_str();
    own.or_else(|| kept["credsStore"].as_str()).filter(|helper| !helper.is_empty())
}

/// Returns the login that is in the file itself, as `user:password` in base64.
fn written(kept: &Value, name: &str) -> Option<Login> {
    let decoded = BASE64_STANDARD.decode(kept["auths"][name]["auth"].as_str()?).ok()?;
    let (user, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(Login { user: user.into(), password: password.trim_end_matches('\0').into() })
}

/// Asks the program `docker-credential-HELPER`. One without a login for `name` fails, which is no error here.
async fn ask(helper: &str, name: &str) -> Option<Login> {
    let ask = Cmd::new(format!("docker-credential-{helper}"), ["get"]).input(name.to_owned()).deadline(LOOK);
    let told: Value = serde_json::from_str(&ask.output().await.ok()?).ok()?;
    let (user, password) = (told["Username"].as_str()?, told["Secret"].as_str()?);
    // A token of another kind, with which a registry's own server has to be asked first.
    (user != "<token>").then(|| Login { user: user.into(), password: password.into() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn images_are_asked_for_where_the_engine_asks() {
        let podman = json!({
            "docker.io": {"Location": "docker.io", "Mirrors": [{"Location": "mirror:5000", "Insecure": true}]},
            "plain:5000": {"Location": "plain:5000", "Insecure": true, "Mirrors": null},
        });
        let of = |registry| address(&podman, EngineKind::Podman, registry);
        assert_eq!(of("docker.io"), "http://mirror:5000");
        assert_eq!(of("plain:5000"), "http://plain:5000");
        assert_eq!(of("ghcr.io"), "https://ghcr.io");
        let docker = json!({"Mirrors": ["https://mirror/"], "IndexConfigs": {"plain:5000": {"Secure": false}}});
        let of = |registry| address(&docker, EngineKind::Docker, registry);
        assert_eq!(of("docker.io"), "https://mirror");
        assert_eq!(of("plain:5000"), "http://plain:5000");
        assert_eq!(of("ghcr.io"), "https://ghcr.io");
        assert_eq!(address(&Value::Null, EngineKind::Docker, "docker.io"), "https://registry-1.docker.io");
    }

    #[test]
    fn a_login_is_in_the_file_or_with_a_program() {
        let kept = json!({"auths": {"a": {"auth": "dGVzdGVyOm9wZW46c2VzYW1l"}, "b": {}}, "credHelpers": {"c": "pass"}});
        let login = written(&kept, "a").unwrap();
        assert_eq!((login.user.as_str(), login.password.as_str()), ("tester", "open:sesame"));
        assert!(!format!("{login:?}").contains("sesame"));
        assert_eq!(written(&kept, "b"), None);
        assert_eq!((helper(&kept, "a"), helper(&kept, "c")), (None, Some("pass")));
        assert_eq!(helper(&json!({"credsStore": "desktop"}), "a"), Some("desktop"));
    }

    #[test]
    fn files_are_those_of_the_engine() {
        let none = |name: &str| (name == "HOME").then(|| PathBuf::from("/home/me"));
        let docker = [PathBuf::from("/home/me/.docker/config.json")];
        assert_eq!(files(EngineKind::Docker, none), docker);
        let podman = files(EngineKind::Podman, |name| match name {
            "REGISTRY_AUTH_FILE" => Some("/auth.json".into()),
            name => none(name),
        });
        assert_eq!(podman[0], PathBuf::from("/auth.json"));
        assert_eq!(podman[1..], [PathBuf::from("/home/me/.config/containers/auth.json"), docker[0].clone()]);
    }
}
