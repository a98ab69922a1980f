//! Sources: what kustomize, helm, programs, addresses and templates make of a component's sources, as files of plain
//! objects.
//!
//! [`render`] makes what is missing; [`recall`] only finds what was made before. Both keep files under a hash of
//! everything that decides what is in them, so that nothing is rendered or fetched twice.

mod charts;
mod cluster;
mod error;
mod expand;
mod fetch;
mod keep;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use futures::future::join_all;
use tokio::sync::OnceCell;

pub use cluster::ClusterFacts;
pub use error::{SourceCause, SourceError, SourceErrors};

use self::cluster::asks_cluster;
use self::expand::{expand, settings};
use self::keep::{Kept, key, namespace};
use crate::host::exec::Cmd;
use crate::host::folders::Folders;
use crate::host::setup::{self, Consent, Finding, Program, Tool};
use crate::report::{Events, Phase};
use crate::suite::config::HelmSpec;
use crate::suite::plan::{Origin, Plan, SourceId};

/// Files of objects, by their sources.
pub type Rendered = BTreeMap<SourceId, PathBuf>;

/// Returns what was rendered before of the plan's sources, and still is what they say. Nothing is run.
#[must_use]
pub fn recall(plan: &Plan, folders: &Folders) -> Rendered {
    let kept = Kept::new(folders);
    let sources = plan.sources().unwrap_or_default();
    let found = sources.into_iter().filter_map(|(id, origin)| {
        let file = kept.file(&key(plan, &id, &origin).ok()??);
        file.is_file().then_some((id, file))
    });
    found.collect()
}

/// Renders every source of the plan, except those whose result is kept. Programs are run in any case, because nothing
/// tells what they depend on. Tools that are missing are installed, if `agree` consents.
///
/// # Errors
/// Every source that cannot be rendered, with the words of the tool that renders it.
pub async fn render(
    plan: &Plan,
    folders: &Folders,
    agree: fn(&[Finding]) -> Consent,
    events: &Events,
) -> Result<Rendered, SourceErrors> {
    let kept = Kept::new(folders);
    let (mut rendered, mut open, mut failed) = (Rendered::new(), Vec::new(), Vec::new());
    for (id, origin) in plan.sources().map_err(SourceErrors::Unreadable)? {
        if let Origin::Chart(chart) = &origin {
            charts::use_again(folders, chart);
        }
        match key(plan, &id, &origin) {
            Ok(None) => {}
            Ok(Some(key)) => {
                let file = kept.file(&key);
                if !matches!(origin, Origin::Command(_)) && !asks_again(plan, &origin) && kept.has(&file) {
                    rendered.insert(id, file);
                } else {
                    open.push((id, origin, file));
                }
            }
            Err(cause) => failed.push(SourceError::new(plan, &id, &origin, cause)),
        }
    }
    let tools = match tools(&open, folders, agree, events).await {
        Ok(tools) => tools,
        Err((tool, error)) => return Err(SourceErrors::Tool(tool, error)),
    };
    let renderer = Renderer { plan, folders, events, kept: &kept, tools: &tools, facts: None };
    rendered.extend(renderer.render_all(open, failed).await?);
    kept.throw_away();
    charts::throw_away(folders);
    Ok(rendered)
}

/// Renders the charts of the plan that may ask the cluster something again, with what `facts` and the cluster tell.
/// Returns nothing if there are none.
///
/// # Errors
/// As [`render`].
pub async fn render_in(
    plan: &Plan,
    folders: &Folders,
    facts: &ClusterFacts,
    agree: fn(&[Finding]) -> Consent,
    events: &Events,
) -> Result<Rendered, SourceErrors> {
    let kept = Kept::new(folders);
    let (mut open, mut failed) = (Vec::new(), Vec::new());
    for (id, origin) in plan.sources().map_err(SourceErrors::Unreadable)? {
        let Origin::Chart(chart) = &origin else { continue };
        if !asks_cluster(plan.root(), folders, chart) {
            continue;
        }
        match key(plan, &id, &origin) {
            // Two clusters at a time may answer differently.
            Ok(key) => {
                let name = facts.kubeconfig.parent().and_then(Path::file_name).unwrap_or_default();
                open.push((id, origin, kept.file(&format!("{}-{}", key.unwrap_or_default(), name.display()))));
            }
            Err(cause) => failed.push(SourceError::new(plan, &id, &origin, cause)),
        }
    }
    let tools = tools(&open, folders, agree, events).await.map_err(|(tool, error)| SourceErrors::Tool(tool, error))?;
    let renderer = Renderer { plan, folders, events, kept: &kept, tools: &tools, facts: Some(facts) };
    renderer.render_all(open, failed).await
}

/// Returns whether [`render_in`] has something to do.
#[must_use]
pub fn ask_cluster(plan: &Plan, folders: &Folders) -> bool {
    let mut charts = plan.components().filter_map(|component| component.helm.as_ref());
    charts.any(|chart| asks_cluster(plan.root(), folders, chart))
}

/// Returns the tools that the plan's sources need, whether they are rendered or not.
#[must_use]
pub fn needed_tools(plan: &Plan) -> BTreeSet<Tool> {
    plan.sources().unwrap_or_default().iter().filter_map(|(_, origin)| tool_of(origin)).collect()
}

/// Returns whether a source is fetched though it is kept: `pull` asks for all that may have changed elsewhere.
fn asks_again(plan: &Plan, origin: &Origin<'_>) -> bool {
    let may_change = match origin {
        Origin::Url(_, sha256) => sha256.is_none(),
        Origin::Chart(chart) => !chart.is_local() && chart.version.is_none(),
        Origin::Plain(_) | Origin::Kustomization(_) | Origin::Command(_) | Origin::Inline(_) => false,
    };
    plan.suite().pull && may_change
}

/// Returns the tools that these sources need.
async fn tools(
    open: &[(SourceId, Origin<'_>, PathBuf)],
    folders: &Folders,
    agree: fn(&[Finding]) -> Consent,
    events: &Events,
) -> Result<BTreeMap<Tool, Program>, (Tool, setup::SetupError)> {
    let mut tools = BTreeMap::new();
    for tool in open.iter().filter_map(|(_, origin, _)| tool_of(origin)) {
        if let Entry::Vacant(missing) = tools.entry(tool) {
            let program = setup::ensure_tool(tool, folders, agree, events).await.map_err(|error| (tool, error))?;
            missing.insert(program);
        }
    }
    Ok(tools)
}

fn tool_of(origin: &Origin<'_>) -> Option<Tool> {
    match origin {
        Origin::Kustomization(_) => Some(Tool::Kustomize),
        Origin::Chart(_) => Some(Tool::Helm),
        Origin::Url(..) => Some(Tool::Curl),
        Origin::Plain(_) | Origin::Command(_) | Origin::Inline(_) => None,
    }
}

struct Renderer<'a> {
    plan: &'a Plan,
    folders: &'a Folders,
    events: &'a Events,
    kept: &'a Kept<'a>,
    tools: &'a BTreeMap<Tool, Program>,
    facts: Option<&'a ClusterFacts>,
}

/// Files and folders of the cache that several sources may need, each of which one of them makes.
type Once = BTreeMap<PathBuf, OnceCell<()>>;

impl Renderer<'_> {
    /// Renders these sources, beside those that `failed` already.
    async fn render_all(
        &self,
        open: Vec<(SourceId, Origin<'_>, PathBuf)>,
        mut failed: Vec<SourceError>,
    ) -> Result<Rendered, SourceErrors> {
        let files = open.iter().map(|(_, _, file)| file.clone());
        let charts = open.iter().filter_map(|(_, origin, _)| match origin {
            Origin::Chart(chart) => Some(charts::kept(self.folders, chart)),
            _ => None,
        });
        let once: Once = files.chain(charts).map(|path| (path, OnceCell::new())).collect();
        let results = join_all(open.iter().map(|(id, origin, file)| {
            let render = || self.render(id, origin, file, &once);
            once[file].get_or_try_init(render)
        }));
        let results = results.await;
        let mut rendered = Rendered::new();
        for ((id, origin, file), result) in open.into_iter().zip(results) {
            match result {
                Ok(_) => drop(rendered.insert(id, file)),
                Err(cause) => failed.push(SourceError::new(self.plan, &id, &origin, cause)),
            }
        }
        if failed.is_empty() { Ok(rendered) } else { Err(SourceErrors::Each(failed)) }
    }

    async fn render(&self, id: &SourceId, origin: &Origin<'_>, file: &Path, once: &Once) -> Result<(), SourceCause> {
        let step = match origin {
            Origin::Inline(_) => None,
            other => Some(self.events.step(Phase::Setup, other.to_string())),
        };
        let note = |text| self.events.note(Phase::Setup, text);
        let text = match origin {
            Origin::Plain(_) => return Ok(()),
            Origin::Kustomization(folder) => self.tool(Tool::Kustomize, [folder])?.output().await?,
            Origin::Chart(chart) => {
                let asks_again = self.facts.is_none() && asks_again(self.plan, origin);
                let fetch = || charts::fetch(|args| self.tool(Tool::Helm, args), chart, self.folders, note);
                if asks_again || charts::folder(self.plan.root(), self.folders, chart).is_none() {
                    once[&charts::kept(self.folders, chart)].get_or_try_init(fetch).await?;
                }
                self.helm(chart, id)?.output().await?
            }
            Origin::Url(url, sha256) => {
                fetch::fetch(|args| self.tool(Tool::Curl, args), url, *sha256, self.folders, note).await?
            }
            Origin::Command(command) => Cmd::in_folder(self.plan.root(), command).output().await?,
            Origin::Inline(text) => expand(self.plan, text)?,
        };
        self.kept.keep(file, &text)?;
        if let Some(step) = step {
            step.done();
        }
        Ok(())
    }

    fn tool<A: Into<std::ffi::OsString>>(
        &self,
        tool: Tool,
        args: impl IntoIterator<Item = A>,
    ) -> Result<Cmd, SourceCause> {
        let program = self.tools.get(&tool).ok_or(SourceCause::NoTool)?;
        Ok(program.command(args).dir(self.plan.root()))
    }

    fn helm(&self, chart: &HelmSpec, id: &SourceId) -> Result<Cmd, SourceCause> {
        let release = chart.release.as_deref().unwrap_or(&id.component);
        let remote = charts::folder(self.plan.root(), self.folders, chart).filter(|_| !chart.is_local());
        let folder = remote.map_or_else(|| chart.chart.clone().into(), PathBuf::into_os_string);
        let mut command = self.tool(Tool::Helm, ["template", release])?.arg(folder);
        for arg in ["--namespace", namespace(self.plan, id), "--include-crds"] {
            command = command.arg(arg);
        }
        for file in &chart.values {
            command = command.arg("--values").arg(file);
        }
        for setting in settings(self.plan, chart)? {
            command = command.arg("--set-json").arg(setting);
        }
        if let Some(facts) = self.facts {
            command = command.arg("--dry-run=server").arg("--kubeconfig").arg(&facts.kubeconfig);
            command = command.arg("--kube-version").arg(&facts.version);
            for api in &facts.apis {
                command = command.arg("--api-versions").arg(api);
            }
        }
        Ok(command)
    }
}
