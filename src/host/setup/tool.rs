//! Tools that some suites need: kustomize, helm and curl. Each is one from PATH that is new enough, or our own.

use std::path::PathBuf;

use super::{Consent, Finding, Remedy, SetupError, remedy, unasked};
use crate::host::exec::Cmd;
use crate::host::folders::Folders;
use crate::report::{Events, Phase};
use crate::suite::config::ImageSource;

/// A tool that renders or fetches objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// kustomize 5, its own program or the one in kubectl.
    Kustomize,
    /// Helm 3.13 or newer.
    Helm,
    /// curl.
    Curl,
}

/// Its name.
impl std::fmt::Display for Tool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Tool::Kustomize => "kustomize",
            Tool::Helm => "helm",
            Tool::Curl => "curl",
        })
    }
}

/// A tool of this host: a program, and the arguments that come first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    first: Option<&'static str>,
}

impl Program {
    /// Returns a command of this tool.
    #[must_use]
    pub fn command<A: Into<std::ffi::OsString>>(&self, args: impl IntoIterator<Item = A>) -> Cmd {
        let first = self.first.map(std::ffi::OsString::from);
        Cmd::new(&self.path, first.into_iter().chain(args.into_iter().map(Into::into)))
    }
}

/// The kustomize that is installed when there is none.
const KUSTOMIZE: &str = "v5.8.1";
/// The oldest major version of kustomize, which has the fields that today's kustomizations use.
const OLDEST_KUSTOMIZE: u32 = 5;
/// The helm that is installed when there is none.
const HELM: &str = "v3.22.0";
/// The oldest helm that renders with a cluster's answers.
const OLDEST_HELM: (u32, u32) = (3, 13);

/// Returns `tool`, and installs it if it is missing and `agree` consents.
///
/// # Errors
/// It is missing, and `agree` does not consent, or it cannot be installed.
pub async fn ensure_tool(
    tool: Tool,
    folders: &Folders,
    agree: impl Fn(&[Finding]) -> Consent,
    events: &Events,
) -> Result<Program, SetupError> {
    let (mut finding, found) = look(tool, folders).await;
    if let Some(program) = found {
        return Ok(program);
    }
    let missing = vec![finding.clone()];
    if finding.needs_a_person() {
        return Err(SetupError::Missing(missing));
    }
    match agree(&missing) {
        Consent::Given => {}
        Consent::Refused => return Err(SetupError::Declined(missing)),
        Consent::Unasked => return Err(unasked(missing, ImageSource::Auto)),
    }
    let step = events.step(Phase::Setup, finding.name);
    step.progress(finding.remedy_text());
    remedy::apply(&finding, folders, &step).await?;
    let program;
    (finding, program) = look(tool, folders).await;
    match program {
        Some(program) => {
            step.done();
            Ok(program)
        }
        None => Err(SetupError::Missing(vec![finding])),
    }
}

/// Returns the finding about `tool`.
pub async fn examine_tool(tool: Tool, folders: &Folders) -> Finding {
    look(tool, folders).await.0
}

/// Returns the finding about `tool`, and the tool if it is there.
async fn look(tool: Tool, folders: &Folders) -> (Finding, Option<Program>) {
    match tool {
        Tool::Kustomize => kustomize(folders).await,
        Tool::Helm => helm(folders).await,
        Tool::Curl => curl().await,
    }
}

async fn kustomize(folders: &Folders) -> (Finding, Option<Program>) {
    let own = folders.cache.join("tools").join(format!("kustomize-{KUSTOMIZE}"));
    let mut found = "not in PATH".to_owned();
    let candidates = [
        (PathBuf::from("kustomize"), "build", vec!["version"]),
        (own.join("kustomize"), "build", vec!["version"]),
        (PathBuf::from("kubectl"), "kustomize", vec!["version", "--client", "--output=yaml"]),
    ];
    for (path, first, args) in candidates {
        let Ok(text) = Cmd::new(&path, args).output().await else { continue };
        // kubectl names the version of its kustomize in a line of its own, since 1.24.
        let version = match first {
            "kustomize" => text.lines().find_map(|line| line.strip_prefix("kustomizeVersion: ")).unwrap_or_default(),
            _ => text.as_str(),
        };
        if numbers(version).is_some_and(|(major, _)| major >= OLDEST_KUSTOMIZE) {
            let told = format!("{} ({})", version.trim(), path.display());
            return (Finding::met("kustomize", told), Some(Program { path, first: Some(first) }));
        }
        found = format!("{} has a kustomize older than v{OLDEST_KUSTOMIZE}", path.display());
    }
    let module = format!("sigs.k8s.io/kustomize/kustomize/v5@{KUSTOMIZE}");
    let remedy = by_go(module, own, "kustomize 5 or newer, or kubectl 1.27 or newer").await;
    (Finding::missing("kustomize", found, remedy), None)
}

async fn helm(folders: &Folders) -> (Finding, Option<Program>) {
    let own = folders.cache.join("tools").join(format!("helm-{HELM}"));
    let mut found = "not in PATH".to_owned();
    for path in [PathBuf::from("helm"), own.join("helm")] {
        let Ok(text) = Cmd::new(&path, ["version", "--short"]).output().await else { continue };
        if numbers(&text).is_some_and(|version| version >= OLDEST_HELM) {
            let told = format!("{} ({})", text.trim(), path.display());
            return (Finding::met("helm", told), Some(Program { path, first: None }));
        }
        found = format!("{} is older than v{}.{}", text.trim(), OLDEST_HELM.0, OLDEST_HELM.1);
    }
    let remedy = by_go(format!("helm.sh/helm/v3/cmd/helm@{HELM}"), own, "helm 3.13 or newer").await;
    (Finding::missing("helm", found, remedy), None)
}

async fn curl() -> (Finding, Option<Program>) {
    match Cmd::new("curl", ["--version"]).output().await {
        Ok(text) => {
            let told = text.lines().next().unwrap_or_default().to_owned();
            (Finding::met("curl", told), Some(Program { path: "curl".into(), first: None }))
        }
        Err(_) => (Finding::missing("curl", "not in PATH", Remedy::Packages(&["curl", "ca-certificates"])), None),
    }
}

async fn by_go(module: String, into: PathBuf, wanted: &str) -> Remedy {
    if Cmd::new("go", ["version"]).succeeds().await.unwrap_or(false) {
        Remedy::GoInstall { module, into }
    } else {
        Remedy::ByHand(format!("install {wanted}, or Go, with which it is built here"))
    }
}

/// Parses the major and minor version in texts such as `v5.8.1`, `{Version:kustomize/v4.5.7 …}` or `v3.22.0+g1234`.
fn numbers(text: &str) -> Option<(u32, u32)> {
    let version = text.split(['v', '/', ' ', ':']).find(|part| part.starts_with(|it: char| it.is_ascii_digit()))?;
    let mut parts = version.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor: String = parts.next()?.chars().take_while(char::is_ascii_digit).collect();
    Some((major, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn reads_what_tools_print() {
        assert_eq!(numbers("v5.8.1\n"), Some((5, 8)));
        assert_eq!(numbers("{Version:kustomize/v4.5.7 GitCommit:56d82a8}"), Some((4, 5)));
        assert_eq!(numbers("v3.22.0+gabc123"), Some((3, 22)));
        assert_eq!(numbers("(devel)"), None);
    }
}
