//! Charts that are not on this machine: fetched once by helm, and kept as folders.

use std::path::{Path, PathBuf};

use super::SourceCause;
use super::keep::{delete_unused, touch};
use crate::host::exec::{Cmd, ExecError};
use crate::host::folders::Folders;
use crate::suite::config::HelmSpec;
use crate::suite::hash::Content;

/// The folder of the cache.
const KEPT_IN: &str = "charts";

/// The folder of `chart`: its own, or the one that is kept. `None` of a chart that is still to be fetched.
pub(super) fn folder(root: &Path, folders: &Folders, chart: &HelmSpec) -> Option<PathBuf> {
    if chart.is_local() {
        return Some(root.join(&chart.chart));
    }
    let mut found = fs_err::read_dir(kept(folders, chart)).ok()?.flatten();
    found.next().map(|entry| entry.path())
}

/// Fetches `chart` by the program that `helm` returns with arguments; `note`s the version, if the suite names none.
pub(super) async fn fetch(
    helm: impl Fn(Vec<&str>) -> Result<Cmd, SourceCause>,
    chart: &HelmSpec,
    folders: &Folders,
    note: impl Fn(String),
) -> Result<(), SourceCause> {
    let kept = kept(folders, chart);
    let all = folders.cache.join(KEPT_IN);
    fs_err::create_dir_all(&all)?;
    let new = tempfile::tempdir_in(&all)?;
    let mut args = vec!["pull", &chart.chart, "--untar"];
    for (option, value) in [("--repo", &chart.repo), ("--version", &chart.version)] {
        args.extend(value.iter().flat_map(|value| [option, value.as_str()]));
    }
    let command = helm(args)?.arg("--untardir").arg(new.path()).arg("--destination").arg(new.path());
    command.output().await.map_err(|source| refused(chart, source))?;
    // helm has left the archive beside the folder that it unpacked.
    for entry in fs_err::read_dir(new.path())?.flatten().filter(|entry| !entry.path().is_dir()) {
        fs_err::remove_file(entry.path())?;
    }
    // What was kept before goes with this folder. Mostly there is none, and nothing to move.
    let old = tempfile::tempdir_in(&all)?;
    let _ = fs_err::rename(&kept, old.path());
    if let Err(error) = fs_err::rename(new.path(), &kept) {
        // Another run was faster.
        if !kept.is_dir() {
            return Err(error.into());
        }
    }
    if chart.version.is_none()
        && let Some(version) = folder(Path::new(""), folders, chart).and_then(|folder| version(&folder))
    {
        note(format!("{chart} is kept as it is today; `version: {version}` in e2e.yaml takes no other"));
    }
    Ok(())
}

/// Notes that the chart is used.
pub(super) fn use_again(folders: &Folders, chart: &HelmSpec) {
    touch(&kept(folders, chart));
}

/// Deletes charts that have not been used for a long time.
pub(super) fn throw_away(folders: &Folders) {
    delete_unused(folders, KEPT_IN);
}

/// The folder in which `chart` is kept, whether it is there or not.
pub(super) fn kept(folders: &Folders, chart: &HelmSpec) -> PathBuf {
    let mut content = Content::default();
    content.add("chart", chart.chart.as_bytes());
    for option in [&chart.repo, &chart.version] {
        content.add("option", option.as_deref().unwrap_or_default().as_bytes());
    }
    folders.cache.join(KEPT_IN).join(content.tag())
}

fn version(folder: &Path) -> Option<String> {
    let text = fs_err::read_to_string(folder.join("Chart.yaml")).ok()?;
    let chart: serde_json::Value = serde_saphyr::from_str(&text).ok()?;
    chart["version"].as_str().map(str::to_owned)
}

/// The error of a chart that cannot be fetched. Registries answer alike to a wrong login and to none.
fn refused(chart: &HelmSpec, source: ExecError) -> SourceCause {
    let is_login = matches!(&source, ExecError::Failed { tail, .. }
        if ["401", "403", "credential not found"].iter().any(|part| tail.contains(part)));
    let advice = match chart.chart.strip_prefix("oci://") {
        _ if !is_login => "",
        Some(_) => "; its registry wants another login, which `helm registry login` keeps",
        None => "; its repository wants another login: `repo: https://NAME:PASSWORD@…`",
    };
    SourceCause::Chart { advice, source }
}
