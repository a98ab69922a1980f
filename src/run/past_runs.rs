//! Past runs: each has a file with its events, from which its reports are made again.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use thiserror::Error;

use crate::host::calibrate::calibrate;
use crate::host::folders::Folders;
use crate::host::system::total_memory;
use crate::report::{
    FORMAT, HostClass, Limits, OtherStrategy, PlannedComponent, RecordedRun, RunFileError, RunHeader, RunOutcome,
    RunRecorder, outcome_of,
};
use crate::suite::config::{AlertSpec, GradeSpec, ImageSpec, Suite};
use crate::suite::plan::Plan;

/// How many runs are kept; a file has some 30 KiB.
const KEPT: usize = 500;
/// How many of these are runs that found everything unchanged, once there are too many: a test process in an environment that
/// is there is one, and hundreds of them would leave no run that says how long something took.
const UNCHANGED: usize = 200;
/// How many more there may be until some are removed: then all are looked at.
const SPARE: usize = 20;
/// How many earlier runs by the other strategy count at most, the newest.
const COMPARED: usize = 10;
const EXTENSION: &str = "jsonl";

/// A run that is not found.
#[derive(Debug, Error)]
pub enum NoRun {
    /// No run is kept.
    #[error("no run is kept yet; `kind-harness up` makes one")]
    None,
    /// No run has this name, and no file either.
    #[error("no run is called {0:?}, and there is no such file; `kind-harness runs` lists them")]
    Unknown(String),
    /// Several runs have names with this beginning.
    #[error("{0:?} is the beginning of {1} runs' names; `kind-harness runs` lists them")]
    Ambiguous(String, usize),
    /// The folder of runs cannot be read.
    #[error(transparent)]
    Unreadable(#[from] std::io::Error),
}

/// Starts the file of a run, and removes the oldest files.
pub(super) fn start(folders: &Folders, header: RunHeader) -> std::io::Result<RunRecorder> {
    make_folder(folders)?;
    let own = folders.own_runs();
    let recorder = RunRecorder::create(&file(folders, &header.id), header)?;
    let all: Vec<_> = ids(folders)?.into_iter().filter(|id| is_id(id)).collect();
    if all.len() > KEPT + SPARE {
        let is_unchanged = |id: &String| outcome_of(&file(folders, id)) == Some(RunOutcome::Unchanged);
        for old in superfluous(&all, is_unchanged) {
            // One that another run has just removed is not there any more.
            let _ = own.remove(format!("{old}.{EXTENSION}"));
        }
    }
    Ok(recorder)
}

/// Returns those of `all` runs, oldest first, that are not kept.
fn superfluous(all: &[String], is_unchanged: impl Fn(&String) -> bool) -> Vec<&String> {
    let excess = all.len().saturating_sub(KEPT);
    let (unchanged, others): (Vec<&String>, Vec<&String>) = all.iter().partition(|id| is_unchanged(id));
    let first = unchanged.len().saturating_sub(UNCHANGED).min(excess);
    let (gone, left) = unchanged.split_at(first);
    let mut left: Vec<&String> = left.iter().copied().chain(others).collect();
    left.sort_unstable();
    gone.iter().copied().chain(left.into_iter().take(excess - first)).collect()
}

/// Creates the folder of runs, if there is none, and returns it.
///
/// # Errors
/// When it cannot be created, or is another user's.
pub fn make_folder(folders: &Folders) -> std::io::Result<PathBuf> {
    folders.own_runs().make()?;
    Ok(folders.runs())
}

/// Returns whether a name is one that a run gets: nothing else is removed.
fn is_id(name: &str) -> bool {
    let Some((began, rest)) = name.split_once('-') else { return false };
    let is_time = began.len() == 22
        && began.chars().enumerate().all(|(at, c)| match at {
            8 => c == 'T',
            15 => c == '.',
            _ => c.is_ascii_digit(),
        });
    is_time && rest.rsplit_once('-').is_some_and(|(_, pid)| pid.parse::<u32>().is_ok())
}

/// Returns what a run of `plan` that begins now is about.
pub(super) fn header(plan: &Plan) -> RunHeader {
    let began = Timestamp::now();
    let suite = plan.suite();
    let component = |component: &crate::suite::config::Component| PlannedComponent {
        name: component.name.clone(),
        needs: component.needed().map(str::to_owned).collect(),
        until: component.needs.iter().filter(|it| it.until.is_some()).map(|it| it.component.clone()).collect(),
        image_steps: component.images.iter().flat_map(image_steps).collect(),
    };
    RunHeader {
        format: FORMAT,
        // Names in the order of time; two runs of one process do not begin in the same microsecond.
        id: format!("{}-{}-{}", began.strftime("%Y%m%dT%H%M%S%.6f"), suite.suite, std::process::id()),
        began,
        version: env!("CARGO_PKG_VERSION").into(),
        suite: suite.suite.clone(),
        cluster: plan.cluster_name().to_string(),
        strategy: suite.strategy.name().into(),
        source: plan.source().ok(),
        host: host_class(),
        calibration: Some(calibrate()),
        limits: limits(suite),
        components: suite.components.iter().map(component).collect(),
    }
}

fn limits(suite: &Suite) -> Limits {
    let (GradeSpec { a, b, c, d }, AlertSpec { warn, critical }) = (suite.grade, suite.alert);
    let [a, b, c, d, warn, critical] = [a, b, c, d, warn, critical].map(|limit| limit.as_secs_f64());
    Limits { a, b, c, d, warn, critical }
}

/// Returns the names that the step of an image may have: a built one is named after its package or recipe.
fn image_steps(image: &ImageSpec) -> Vec<String> {
    let recipe = image.recipe.as_deref().and_then(|recipe| Path::new(recipe).file_name());
    let built = image
        .cargo
        .as_ref()
        .map(|cargo| cargo.binary().to_owned())
        .or_else(|| recipe.map(|name| name.to_string_lossy().into_owned()));
    built.into_iter().chain([image.name.clone()]).collect()
}

/// Returns the class of this host.
#[must_use]
pub fn host_class() -> HostClass {
    let gib = |bytes: u64| (bytes + (1 << 29)) >> 30;
    HostClass {
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory_gib: total_memory().map_or(0, gib),
        arch: std::env::consts::ARCH.into(),
    }
}

fn file(folders: &Folders, id: &str) -> PathBuf {
    folders.runs().join(format!("{id}.{EXTENSION}"))
}

/// Returns the names of all runs that are kept, oldest first.
///
/// # Errors
/// When the folder cannot be read. A folder that does not exist has no runs.
pub fn ids(folders: &Folders) -> std::io::Result<Vec<String>> {
    let entries = match fs_err::read_dir(folders.runs()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut ids = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            ids.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    ids.sort_unstable();
    Ok(ids)
}

/// Returns the file of the run called `name`: a run's name, its beginning, the path of a run's file, or `None` for the
/// last run.
///
/// # Errors
/// When there is no such run, or several.
pub fn find(folders: &Folders, name: Option<&str>) -> Result<PathBuf, NoRun> {
    let ids = ids(folders)?;
    let Some(name) = name else {
        return Ok(file(folders, ids.last().ok_or(NoRun::None)?));
    };
    if Path::new(name).is_file() {
        return Ok(name.into());
    }
    // The whole name of a run may be the beginning of another's, whose process had a longer id.
    if ids.iter().any(|id| id == name) {
        return Ok(file(folders, name));
    }
    let mut same = ids.iter().filter(|id| id.starts_with(name));
    match (same.next(), same.count()) {
        (Some(id), 0) => Ok(file(folders, id)),
        (Some(_), more) => Err(NoRun::Ambiguous(name.into(), more + 1)),
        (None, _) => Err(NoRun::Unknown(name.into())),
    }
}

/// Reads every run that is kept, oldest first, each when it is asked for; with the error for those that cannot be read.
///
/// # Errors
/// When the folder cannot be read.
pub fn all(
    folders: &Folders,
) -> std::io::Result<impl DoubleEndedIterator<Item = Result<RecordedRun, RunFileError>> + '_> {
    Ok(ids(folders)?.into_iter().map(|id| RecordedRun::read(&file(folders, &id))))
}

/// Returns how long start-ups of `suite` on this class of host took by the other strategy than this one; `None` for a
/// strategy that is compared with none, and when there were none. Files that cannot be read do not count.
pub(super) fn other_strategy(folders: &Folders, suite: &str, strategy: &str) -> Option<OtherStrategy> {
    let (strategy, host) = (OtherStrategy::of(strategy)?, host_class());
    let is_like = |run: &RunHeader| run.suite == suite && run.strategy == strategy && run.host == host;
    let start_up = |path: PathBuf| {
        RunHeader::read(&path).ok().filter(is_like)?;
        let run = RecordedRun::read(&path).ok().filter(|run| run.outcome() == Some(RunOutcome::Ready))?;
        let timeline = run.timeline();
        let seconds = timeline.start_up().filter(|_| timeline.is_whole(&run.header))?.as_secs_f64();
        Some((seconds, timeline.created_cluster()))
    };
    let newest_first = ids(folders).ok()?.into_iter().rev().map(|id| file(folders, &id));
    let start_ups: Vec<_> = newest_first.filter_map(start_up).take(COMPARED).collect();
    (!start_ups.is_empty()).then(|| OtherStrategy::from_start_ups(strategy, &start_ups))
}

#[cfg(test)]
mod tests;
