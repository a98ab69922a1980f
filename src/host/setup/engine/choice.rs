//! Choice of the engine: the first that can start a privileged container.

use std::path::Path;
use std::time::Duration;

use super::trial::{self, Refusal};
use super::{Engine, EngineKind, LOOK, in_path, memory};
use crate::host::folders::Folders;
use crate::host::setup::{Finding, Remedy};

/// Overrides the order of [`EngineKind::ALL`].
const VARIABLE: &str = "KIND_HARNESS_ENGINE";

/// The packages of an engine on Debian and Ubuntu.
const PACKAGES: &[&str] = &[
    "podman",
    "runc",
    "netavark",
    "aardvark-dns",
    "containernetworking-plugins",
    "uidmap",
    "fuse-overlayfs",
    "iptables",
];

/// How long an engine may take to respond while others are left to try.
const ANSWER: Duration = Duration::from_secs(4);

/// The chosen engine, if any, and why others were not chosen.
pub(in crate::host::setup) struct Chosen {
    pub(in crate::host::setup) finding: Finding,
    pub(in crate::host::setup) engine: Option<Engine>,
    /// One line for each engine that worked here before, comes first, and does not respond now.
    pub(in crate::host::setup) passed_over: Vec<String>,
}

impl Chosen {
    fn with_engine(engine: Engine, refused: &[(EngineKind, Refusal)], folders: &Folders) -> Chosen {
        let name = engine.kind.name();
        let with = if engine.containers_conf.is_some() { ", with limits that this host permits" } else { "" };
        let others: String = refused.iter().map(|(kind, why)| format!("; not {}: {why}", kind.name())).collect();
        let known = refused.iter().filter(|(kind, _)| memory::known(folders, *kind).is_some());
        let passed_over = known.map(|(kind, why)| {
            let known = kind.name();
            format!("{known} has worked here before and does not now, so {name} is used: {why}. {VARIABLE}={name} stops the question")
        });
        let passed_over = passed_over.collect();
        Chosen { finding: Finding::met("engine", format!("{name}{with}{others}")), engine: Some(engine), passed_over }
    }

    fn none(finding: Finding) -> Chosen {
        Chosen { finding, engine: None, passed_over: Vec::new() }
    }
}

/// Returns the engine that comes first, if it is remembered and responds.
pub async fn recall(folders: &Folders) -> Option<Engine> {
    let first = *candidates(wanted().as_deref()).first()?;
    let engine = memory::recall(folders, first)?;
    trial::answers(&engine, ANSWER).await.ok().map(|()| engine)
}

/// Returns the first engine that responds and has started, or starts now, a privileged container. `recalled` is the
/// result of [`recall`]; with `afresh`, remembered results are ignored.
pub(in crate::host::setup) async fn choose(
    folders: &Folders,
    recalled: Option<Engine>,
    probe: Option<&Path>,
    afresh: bool,
) -> Chosen {
    if let Some(engine) = recalled {
        return Chosen::with_engine(engine, &[], folders);
    }
    let wanted = wanted();
    if let Some(unknown) = wanted.as_deref().filter(|it| EngineKind::ALL.iter().all(|kind| kind.name() != *it)) {
        let remedy = Remedy::ByHand("set it to docker, podman or nerdctl, or unset it".into());
        return Chosen::none(Finding::missing("engine", format!("{VARIABLE} is {unknown:?}"), remedy));
    }
    let candidates = candidates(wanted.as_deref());
    let mut refused = Vec::new();
    // Slow engines are tried with the longer deadline only when no other responds.
    for patience in [ANSWER, LOOK] {
        refused.clear();
        for (at, kind) in candidates.iter().enumerate() {
            // The first has just been tried.
            let believed = !afresh && (at > 0 || patience > ANSWER);
            let remembered = memory::recall(folders, *kind).filter(|_| believed);
            if let Some(engine) = remembered
                && trial::answers(&engine, patience).await.is_ok()
            {
                return Chosen::with_engine(engine, &refused, folders);
            }
            match trial::run(*kind, folders, probe, patience).await {
                Ok(engine) => return Chosen::with_engine(engine, &refused, folders),
                Err(why) => refused.push((*kind, why)),
            }
        }
        if !refused.iter().any(|(_, why)| why.is_hung()) {
            break;
        }
    }
    Chosen::none(missing(wanted.as_deref(), &refused))
}

/// Returns the first engine that responds, whether or not it can start a privileged container.
///
/// # Errors
/// What is missing, if none does.
pub(in crate::host::setup) async fn responding(folders: &Folders) -> Result<Engine, Finding> {
    let wanted = wanted();
    let mut refused = Vec::new();
    for kind in candidates(wanted.as_deref()) {
        let remembered = memory::recall(folders, kind);
        let engine = remembered.unwrap_or(Engine { kind, containers_conf: None });
        match trial::answers(&engine, LOOK).await {
            Ok(()) => return Ok(engine),
            Err(why) => refused.push((kind, Refusal::Failed(why))),
        }
    }
    Err(missing(wanted.as_deref(), &refused))
}

fn wanted() -> Option<String> {
    std::env::var(VARIABLE).ok().filter(|wanted| !wanted.is_empty())
}

/// Returns the engines in PATH that may be used, in the order in which they are tried.
fn candidates(wanted: Option<&str>) -> Vec<EngineKind> {
    let may_be = |kind: &EngineKind| wanted.is_none_or(|wanted| wanted == kind.name()) && in_path(kind.name());
    EngineKind::ALL.into_iter().filter(may_be).collect()
}

fn missing(wanted: Option<&str>, refused: &[(EngineKind, Refusal)]) -> Finding {
    let told: Vec<_> = refused.iter().map(|(kind, why)| format!("{}: {why}", kind.name())).collect();
    let is_refused = |case: fn(&Refusal) -> bool| refused.iter().any(|(_, why)| case(why));
    if is_refused(|why| matches!(why, Refusal::Untried)) {
        // Not the engine's failure: the binary for its trial is installed first.
        return Finding::missing("engine", told.join("; "), Remedy::AfterOthers);
    }
    let found = match wanted {
        None if refused.is_empty() => "none in PATH".into(),
        Some(wanted) if refused.is_empty() => format!("{wanted} is not in PATH, and {VARIABLE} asks for it"),
        None => told.join("; "),
        Some(_) => format!("{}; {VARIABLE} asks for it alone", told.join("; ")),
    };
    let podman_tried = refused.iter().any(|(kind, _)| *kind == EngineKind::Podman);
    let by_packages = wanted.is_none_or(|wanted| wanted == "podman") && !podman_tried && in_path("apt-get");
    let or_another = if wanted.is_some() { format!(", or unset {VARIABLE}") } else { String::new() };
    let remedy = match wanted {
        _ if by_packages => Remedy::Packages(PACKAGES),
        Some(wanted) if refused.is_empty() => Remedy::ByHand(format!("install {wanted}, or unset {VARIABLE}")),
        None if refused.is_empty() => Remedy::ByHand("install docker or podman".into()),
        Some(_) if is_refused(|why| matches!(why, Refusal::NoRestart(_))) => {
            Remedy::ByHand(format!("install containerd 1.7 or newer{or_another}"))
        }
        _ if is_refused(|why| matches!(why, Refusal::NoContainer(_))) => {
            Remedy::ByHand(format!("let it start privileged containers, which kind's nodes are{or_another}"))
        }
        Some(wanted) => Remedy::ByHand(format!("start {wanted}, or get the right to use it{or_another}")),
        None => Remedy::ByHand("start the engine, or give yourself the right to use it, as its message says".into()),
    };
    Finding::missing("engine", found, remedy)
}
