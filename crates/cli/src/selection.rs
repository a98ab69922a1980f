//! Which of the runs that are kept a command is about.

use std::path::Path;

use kind_harness::host::folders::Folders;
use kind_harness::report::console::write;
use kind_harness::report::{HostClass, RecordedRun, RunHeader, RunOutcome, StartupMetrics, Timeline};
use kind_harness::run::past_runs;

use super::{Exit, Failure};

/// A run that brought a suite up, with its times in seconds.
#[derive(Debug, Clone)]
pub(super) struct Finished {
    /// What the run is about.
    pub(super) header: RunHeader,
    /// Its timeline.
    pub(super) timeline: Timeline,
    /// Deploy and ready together.
    pub(super) startup: f64,
    /// Whether it created its cluster, too.
    pub(super) is_fresh: bool,
    /// The part of it in which all cores of this host were busy: it depends on how fast they are. 0 when not known.
    pub(super) cpu_bound: f64,
}

impl Finished {
    /// Returns the run's times, if it ended ready and did something.
    fn of(run: RecordedRun) -> Option<Finished> {
        let timeline = run.timeline();
        let metrics = StartupMetrics::of(&timeline, &run.header)?;
        let is_whole = run.outcome() == Some(RunOutcome::Ready) && metrics.grade.is_some();
        let is_fresh = timeline.created_cluster();
        let saturated = metrics.usage.and_then(|usage| usage.saturated);
        let cpu_bound = saturated.map_or(0.0, |busy| (busy / metrics.total.max(f64::MIN_POSITIVE)).min(1.0));
        is_whole.then_some(Finished { header: run.header, timeline, startup: metrics.total, is_fresh, cpu_bound })
    }

    /// Returns by what a time of this run is multiplied on a host whose calibration takes `ratio` times as long.
    pub(super) fn scale(&self, ratio: f64) -> f64 {
        1.0 - self.cpu_bound + self.cpu_bound * ratio
    }
}

/// Runs, and how many of those asked for were none to compare with.
#[derive(Debug, Default)]
pub(super) struct Selected {
    /// Those that ended ready, oldest first.
    pub(super) finished: Vec<Finished>,
    /// How many others there were: failed, interrupted, unchanged, of a part of the suite, or killed.
    pub(super) others: usize,
}

impl Selected {
    pub(super) fn from(runs: impl IntoIterator<Item = RecordedRun>) -> Selected {
        let mut selected = Selected::default();
        for run in runs {
            match Finished::of(run) {
                Some(finished) => selected.finished.push(finished),
                None => selected.others += 1,
            }
        }
        selected
    }

    /// Returns the runs that created their cluster, or the others.
    pub(super) fn of_kind(&self, is_fresh: bool) -> Vec<&Finished> {
        self.finished.iter().filter(|run| run.is_fresh == is_fresh).collect()
    }
}

/// Returns the runs of `text`: a file of a run, a folder of such files, the beginning of a run's name, or conditions as
/// in `strategy=parallel,source=0f3a`, whose values are the beginnings of those of the run.
pub(super) fn select(folders: &Folders, text: &str) -> Result<Vec<RecordedRun>, Failure> {
    let path = Path::new(text);
    if path.is_dir() {
        return read_folder(path);
    }
    if path.is_file() {
        return RecordedRun::read(path).map(|run| vec![run]).map_err(|error| Failure::new(Exit::Usage, &error));
    }
    let conditions = text.split(',').map(|condition| condition.split_once('='));
    let runs = kept(folders)?;
    match conditions.collect::<Option<Vec<_>>>() {
        Some(conditions) => {
            if let Some((key, _)) = conditions.iter().find(|(key, _)| !KEYS.contains(key)) {
                let text = format!("runs have no {key:?} to choose by; they have {}", KEYS.join(", "));
                return Err(Failure::told(Exit::Usage, text));
            }
            Ok(runs.into_iter().filter(|run| conditions.iter().all(|(key, value)| has(run, key, value))).collect())
        }
        None => {
            let found: Vec<_> = runs.into_iter().filter(|run| run.header.id.starts_with(text)).collect();
            if found.is_empty() {
                let text = format!("{text:?} is neither a file, nor a folder, nor the beginning of a run's name");
                return Err(Failure::told(Exit::Usage, format!("{text}; `kind-harness runs` lists them")));
            }
            Ok(found)
        }
    }
}

const KEYS: [&str; 6] = ["suite", "strategy", "source", "cluster", "version", "run"];

fn has(run: &RecordedRun, key: &str, value: &str) -> bool {
    let header = &run.header;
    let found = match key {
        "suite" => &header.suite,
        "strategy" => &header.strategy,
        "source" => header.source.as_deref().unwrap_or_default(),
        "cluster" => &header.cluster,
        "version" => &header.version,
        _ => &header.id,
    };
    found.starts_with(value)
}

/// Returns every run that is kept and can be read, oldest first. Warns of the others.
pub(super) fn kept(folders: &Folders) -> Result<Vec<RecordedRun>, Failure> {
    let all = past_runs::all(folders).map_err(|error| Failure::new(Exit::Host, &error))?;
    let read = all.into_iter().filter_map(|run| run.map_err(|error| write(&format!("warning: {error}\n"))).ok());
    Ok(read.collect())
}

fn read_folder(path: &Path) -> Result<Vec<RecordedRun>, Failure> {
    let entries = fs_err::read_dir(path).map_err(|error| Failure::new(Exit::Usage, &error))?;
    let files: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut files = files.map_err(|error| Failure::new(Exit::Usage, &error))?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    let runs: Result<Vec<_>, _> = files.iter().map(|file| RecordedRun::read(file)).collect();
    runs.map_err(|error| Failure::new(Exit::Usage, &error))
}

/// Returns the classes of hosts that the runs are from.
pub(super) fn hosts<'a>(runs: impl Iterator<Item = &'a Finished>) -> Vec<&'a HostClass> {
    let mut hosts: Vec<&HostClass> = Vec::new();
    for run in runs {
        if !hosts.contains(&&run.header.host) {
            hosts.push(&run.header.host);
        }
    }
    hosts
}

/// Returns the last runs before `run` that can be compared with it, at most 40.
pub(super) fn earlier(folders: &Folders, run: &RecordedRun) -> Result<Vec<Finished>, Failure> {
    const MOST: usize = 40;
    let header = &run.header;
    let is_like = |other: &RunHeader| {
        (&other.suite, &other.strategy, &other.host) == (&header.suite, &header.strategy, &header.host)
            && other.id < header.id
    };
    let Some(this) = Finished::of(run.clone()) else { return Ok(Vec::new()) };
    let before = kept(folders)?.into_iter().filter(|other| is_like(&other.header)).filter_map(Finished::of);
    let mut before: Vec<_> = before.filter(|other| other.is_fresh == this.is_fresh).collect();
    let surplus = before.len().saturating_sub(MOST);
    before.drain(..surplus);
    Ok(before)
}
