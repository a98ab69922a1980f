//! The login of an engine for a registry: from the files in which `docker login` and `podman login` keep it, or from the
//! credential helper that they name.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;

use super::exec::{Cmd, ExecError};
use super::setup::{Engine, EngineKind, LOOK};
use crate::readiness::redact::Redactor;

/// The host of Docker Hub in references, and its key in files of logins.
const HUB: (&str, &str) = ("docker.io", "https://index.docker.io/v1/");

/// The user that a helper names if the secret is no password.
const TOKEN: &str = "<token>";

/// A login for a registry. Its password is masked in everything that this process writes.
#[derive(Clone)]
pub struct Login {
    registry: String,
    user: String,
    password: String,
}

/// Prints the registry alone.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("registry", &self.registry).finish_non_exhaustive()
    }
}

/// Why the login for a registry cannot be read.
#[derive(Debug, Error)]
pub enum LoginError {
    /// A file of logins cannot be read.
    #[error("cannot read the logins in {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A file of logins, or an entry in it, is not valid. Its content is not quoted.
    #[error("the logins in {} cannot be understood", .0.display())]
    Invalid(PathBuf),
    /// A credential helper failed, or its answer is not valid.
    #[error("the credential helper `docker-credential-{name}` does not tell the login for {registry}")]
    Helper {
        /// The helper.
        name: String,
        /// The registry.
        registry: String,
        /// The cause; none if its answer is not valid.
        #[source]
        source: Option<ExecError>,
    },
    /// The login is an identity token, which nodes cannot use.
    #[error("the login for {0} is an identity token, which nodes cannot use; log in with a user and a password")]
    Token(String),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct File {
    auths: serde_json::Map<String, Value>,
    #[serde(rename = "credHelpers")]
    helpers: serde_json::Map<String, Value>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    username: String,
    secret: String,
}

impl Login {
    /// Returns the login of `engine` for `repository`, a registry's host with or without a folder in it; `None` if there
    /// is none.
    ///
    /// # Errors
    /// When a file of logins, or a credential helper, cannot be understood.
    pub async fn find(engine: &Engine, repository: &str) -> Result<Option<Login>, LoginError> {
        for path in files(engine.kind, |name| std::env::var_os(name).map(PathBuf::from)) {
            if let Some(login) = in_file(&path, repository).await? {
                let encoded = login.encoded();
                Redactor::global().learn([&login.password, &encoded]);
                return Ok(Some(login));
            }
        }
        Ok(None)
    }

    /// Returns a login.
    pub(crate) fn new(registry: &str, user: &str, password: &str) -> Login {
        Login { registry: registry.to_owned(), user: user.to_owned(), password: password.to_owned() }
    }

    /// Returns the user.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Returns the password. It is a secret.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Returns the content of `.dockerconfigjson` with this login and no other. It is a secret.
    #[must_use]
    pub fn docker_config(&self) -> String {
        let key = if self.registry == HUB.0 { HUB.1 } else { &self.registry };
        let entry = json!({"username": self.user, "password": self.password, "auth": self.encoded()});
        json!({"auths": {key: entry}}).to_string()
    }

    fn encoded(&self) -> String {
        STANDARD.encode(format!("{}:{}", self.user, self.password))
    }
}

/// Returns the files in which an engine looks for logins, in that order.
fn files(engine: EngineKind, variable: impl Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    let variable = |name: &str| variable(name).filter(|path| !path.as_os_str().is_empty());
    let home = variable("HOME").unwrap_or_default();
    let docker = variable("DOCKER_CONFIG").unwrap_or_else(|| home.join(".docker")).join("config.json");
    if engine != EngineKind::Podman {
        return vec![docker];
    }
    if let Some(file) = variable("REGISTRY_AUTH_FILE") {
        return vec![file];
    }
    let user = rustix::process::getuid().as_raw();
    let runtime = variable("XDG_RUNTIME_DIR").map(|folder| folder.join("containers"));
    let runtime = runtime.unwrap_or_else(|| format!("/run/containers/{user}").into());
    let config = variable("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")).join("containers");
    vec![runtime.join("auth.json"), config.join("auth.json"), docker]
}

async fn in_file(path: &Path, repository: &str) -> Result<Option<Login>, LoginError> {
    let text = match fs_err::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|source| LoginError::File { path: path.to_owned(), source })?,
    };
    let invalid = || LoginError::Invalid(path.to_owned());
    let file: File = serde_json::from_str(&text).map_err(|_| invalid())?;
    let registry = repository.split('/').next().unwrap_or_default();
    for wanted in prefixes(repository) {
        let is_it = |key: &str| plain(key) == wanted || wanted == HUB.0 && key == HUB.1;
        if let Some(helper) = file.helpers.iter().find(|(key, _)| is_it(key)).and_then(|(_, name)| name.as_str()) {
            return from_helper(helper, wanted, registry).await;
        }
        let Some((key, entry)) = file.auths.iter().find(|(key, _)| is_it(key)) else { continue };
        if entry["identitytoken"].as_str().is_some_and(|token| !token.is_empty()) {
            return Err(LoginError::Token(registry.to_owned()));
        }
        match (entry["auth"].as_str().filter(|auth| !auth.is_empty()), &file.store) {
            (Some(auth), _) => {
                let decoded = STANDARD.decode(auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                let (user, password) = decoded.as_deref().and_then(|it| it.split_once(':')).ok_or_else(invalid)?;
                let password = password.trim_end_matches('\0');
                return Ok(Some(Login::new(registry, user, password)));
            }
            (None, Some(store)) => return from_helper(store, key, registry).await,
            (None, None) => {}
        }
    }
    match &file.store {
        Some(store) => {
            let key = if registry == HUB.0 { HUB.1 } else { registry };
            from_helper(store, key, registry).await
        }
        None => Ok(None),
    }
}

/// Returns `repository` and each folder above it, down to the host.
fn prefixes(repository: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(repository), |path| Some(path.rsplit_once('/')?.0))
}

/// Returns the key of a login without scheme and without the path of an API's version.
fn plain(key: &str) -> &str {
    let key = key.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
    key.trim_end_matches("/v1").trim_end_matches("/v2")
}

async fn from_helper(name: &str, key: &str, registry: &str) -> Result<Option<Login>, LoginError> {
    let failed = |source| LoginError::Helper { name: name.to_owned(), registry: registry.to_owned(), source };
    let helper = Cmd::new(format!("docker-credential-{name}"), ["get"]).input(key.to_owned()).deadline(LOOK);
    let told = match helper.output().await {
        Ok(told) => told,
        // Helpers print errors to either stream.
        Err(ExecError::Failed { tail, .. }) if tail.is_empty() || tail.contains("credentials not found") => {
            return Ok(None);
        }
        Err(error) => return Err(failed(Some(error))),
    };
    let told: Told = serde_json::from_str(&told).map_err(|_| failed(None))?;
    if told.username == TOKEN {
        return Err(LoginError::Token(registry.to_owned()));
    }
    Ok(Some(Login::new(registry, &told.username, &told.secret)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    async fn found(file: &Value, repository: &str) -> Result<Option<(String, String)>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.json");
        fs_err::write(&path, file.to_string()).unwrap();
        let login = in_file(&path, repository).await;
        login.map(|login| login.map(|it| (it.user, it.password))).map_err(|error| error.to_string())
    }

    #[rstest]
    #[case::host("r.example", "r.example/e2e")]
    #[case::host_and_port("r.example:5000", "r.example:5000/e2e")]
    #[case::scheme("https://r.example/v2/", "r.example/e2e")]
    #[case::folder("r.example/e2e", "r.example/e2e/deep")]
    #[case::hub("https://index.docker.io/v1/", "docker.io/me")]
    #[tokio::test]
    async fn a_login_is_found_by_its_registry(#[case] key: &str, #[case] repository: &str) {
        let file = json!({"auths": {"other.example": {"auth": STANDARD.encode("no:no")}, key: {"auth": STANDARD.encode("me:a:b")}}});
        assert_eq!(found(&file, repository).await, Ok(Some(("me".into(), "a:b".into()))));
        assert_eq!(found(&file, "r.example.org/e2e").await, Ok(None), "another registry's is not taken");
    }

    #[tokio::test]
    async fn what_is_no_login_for_nodes_is_refused_without_its_content() {
        let file = json!({"auths": {"r.example": {"auth": "", "identitytoken": "plant"}}});
        let error = found(&file, "r.example").await.unwrap_err();
        assert!(error.starts_with("the login for r.example is an identity token"), "{error}");
        let error = found(&json!({"auths": {"r.example": {"auth": "cGxhbnQ="}}}), "r.example").await.unwrap_err();
        assert!(error.contains("cannot be understood") && !error.contains("plant"), "{error}");
    }

    #[test]
    fn only_the_registrys_own_login_is_in_the_secret() {
        let login = Login::new("docker.io", "me", "plant-word");
        assert!(!format!("{login:?}").contains("plant"), "{login:?}");
        let config: Value = serde_json::from_str(&login.docker_config()).unwrap();
        let entry = &config["auths"]["https://index.docker.io/v1/"];
        assert_eq!((&entry["username"], &entry["password"]), (&json!("me"), &json!("plant-word")));
        assert_eq!(entry["auth"], STANDARD.encode("me:plant-word"));
    }

    #[test]
    fn each_engine_has_its_files() {
        let variables = |name: &str| match name {
            "HOME" => Some("/h".into()),
            "XDG_RUNTIME_DIR" => Some("/run/u".into()),
            _ => None,
        };
        let shown = |engine| files(engine, variables).iter().map(|it| it.display().to_string()).collect::<Vec<_>>();
        assert_eq!(shown(EngineKind::Docker), ["/h/.docker/config.json"]);
        let podman = ["/run/u/containers/auth.json", "/h/.config/containers/auth.json", "/h/.docker/config.json"];
        assert_eq!(shown(EngineKind::Podman), podman);
        let told = |name: &str| (name == "REGISTRY_AUTH_FILE").then(|| PathBuf::from("/a.json"));
        assert_eq!(files(EngineKind::Podman, told), [PathBuf::from("/a.json")]);
    }
}
