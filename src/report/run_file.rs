//! The file of a run: its header, its events and how it ended, a line of JSON each.
//!
//! Every report of the run is made from it again, byte for byte. Secrets are masked before a line is written.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Event, EventKind, RunHeader, Timeline};
use crate::readiness::redact::Redactor;

/// Version of the format below. It changes when a field is removed or changes its meaning.
pub const FORMAT: u32 = 1;
/// Size in bytes after which progress and samples of usage are no longer written.
const LARGE: u64 = 4 << 20;
/// Size in bytes after which nothing but the end is written.
const FULL: u64 = 16 << 20;

/// A line of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum RunLine {
    /// The first line.
    Run(Box<RunHeader>),
    /// An event, in the order in which events were sent.
    Event(Event),
    /// The last line. It is missing when the run was killed, or is in progress.
    End(RunEnd),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum RunOutcome {
    /// Everything is ready.
    Ready,
    /// Everything was ready already, and nothing was done.
    Unchanged,
    /// It failed.
    Failed,
    /// A signal ended it.
    Interrupted,
}

impl RunOutcome {
    /// Returns its name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RunOutcome::Ready => "ready",
            RunOutcome::Unchanged => "unchanged",
            RunOutcome::Failed => "failed",
            RunOutcome::Interrupted => "interrupted",
        }
    }
}

/// The end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RunEnd {
    /// How it ended; null when the process ended before the run did.
    pub outcome: Option<RunOutcome>,
    /// Events that were not written, because the file had become too large.
    pub left_out: u64,
}

/// Writes the file of a run.
#[derive(Debug)]
pub struct RunRecorder {
    path: PathBuf,
    file: BufWriter<File>,
    written: u64,
    left_out: u64,
    /// Set by the first failed write: a full disk does not end a run.
    broken: bool,
}

impl RunRecorder {
    /// Creates the file with the header in it. It is readable only by the user.
    ///
    /// # Errors
    /// When it exists, or cannot be created or written.
    pub fn create(path: &Path, header: RunHeader) -> std::io::Result<RunRecorder> {
        let mut options = fs_err::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        fs_err::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = BufWriter::new(options.open(path)?.into_file());
        let mut recorder = RunRecorder { path: path.to_owned(), file, written: 0, left_out: 0, broken: false };
        recorder.line(&RunLine::Run(Box::new(header)))?;
        Ok(recorder)
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes an event, so that a killed run leaves it too.
    pub(super) fn event(&mut self, event: &Event) {
        let is_detail = matches!(event.kind, EventKind::Progress(_) | EventKind::Usage(_));
        if self.broken || self.written > FULL || (is_detail && self.written > LARGE) {
            self.left_out += 1;
            return;
        }
        self.broken = self.line(&RunLine::Event(event.clone())).is_err();
    }

    /// Writes how the run ended.
    pub(super) fn end(mut self, outcome: Option<RunOutcome>) {
        if !self.broken {
            // Without this line, the run counts as killed.
            let _ = self.line(&RunLine::End(RunEnd { outcome, left_out: self.left_out }));
        }
        if mask(&self.path).is_err() {
            // A file that may tell a secret is no longer wanted.
            let _ = fs_err::remove_file(&self.path);
        }
    }

    fn line(&mut self, line: &RunLine) -> std::io::Result<()> {
        let mut line = serde_json::to_value(line)?;
        Redactor::global().strings(&mut line);
        let text = format!("{line}\n");
        self.file.write_all(text.as_bytes())?;
        self.file.flush()?;
        self.written += text.len() as u64;
        Ok(())
    }
}

/// Masks secrets that became known after their lines were written.
fn mask(path: &Path) -> std::io::Result<()> {
    let text = fs_err::read_to_string(path)?;
    if matches!(Redactor::global().text(&text), Cow::Borrowed(_)) {
        return Ok(());
    }
    let mut masked = String::new();
    for line in text.lines() {
        let mut line = serde_json::from_str(line)?;
        Redactor::global().strings(&mut line);
        masked.push_str(&format!("{line}\n"));
    }
    // The file of this run, which no other run writes to.
    fs_err::write(path, masked)
}

/// A run that was read from its file.
#[derive(Debug, Clone)]
pub struct RecordedRun {
    /// What it is about.
    pub header: RunHeader,
    /// Its events, in the order in which they were sent.
    pub events: Vec<Event>,
    /// How it ended; `None` when it was killed, or is in progress.
    pub end: Option<RunEnd>,
    /// The first line that could not be read, and why. Nothing after it is believed.
    pub damage: Option<String>,
}

/// A file that is not one of a run.
#[derive(Debug, Error)]
pub enum RunFileError {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(std::io::Error),
    /// It does not begin like one.
    #[error("{} is not the file of a run: it does not begin with a run's header", .0.display())]
    NotARun(PathBuf),
    /// It was written by a newer version.
    #[error("{} has format {found}; this version of kind-harness reads formats up to {FORMAT}", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
}

impl RecordedRun {
    /// Reads the file of a run. A file that is cut off or damaged is read up to there.
    ///
    /// # Errors
    /// When it cannot be read, is not the file of a run, or has a newer format.
    pub fn read(path: &Path) -> Result<RecordedRun, RunFileError> {
        let file = fs_err::File::open(path).map_err(RunFileError::Unreadable)?;
        let mut lines = BufReader::new(file).split(b'\n');
        let first = lines.next().transpose().map_err(RunFileError::Unreadable)?.unwrap_or_default();
        let mut run = RecordedRun { header: header(path, &first)?, events: Vec::new(), end: None, damage: None };
        for (line, number) in lines.zip(2_usize..) {
            let line = line.map_err(RunFileError::Unreadable)?;
            let damage = match serde_json::from_slice(&line) {
                Ok(RunLine::Event(event)) if run.end.is_none() => {
                    run.events.push(event);
                    continue;
                }
                Ok(RunLine::End(end)) if run.end.is_none() => {
                    run.end = Some(end);
                    continue;
                }
                Ok(RunLine::Run(_)) => "a second run begins here".to_owned(),
                Ok(_) => "the run has ended before".to_owned(),
                Err(error) if error.is_eof() => "it is cut off".to_owned(),
                Err(error) => error.to_string(),
            };
            run.damage = Some(format!("line {number}: {damage}"));
            break;
        }
        Ok(run)
    }

    /// Returns the timeline; steps in progress at the end of a killed run end there, as failed.
    #[must_use]
    pub fn timeline(&self) -> Timeline {
        let mut timeline = Timeline::default();
        self.events.iter().for_each(|event| timeline.record(event));
        let last = self.events.iter().map(|event| event.at).max().unwrap_or(Duration::ZERO);
        timeline.so_far(last)
    }

    /// Returns how the run ended; `None` when it was killed, or is in progress.
    #[must_use]
    pub fn outcome(&self) -> Option<RunOutcome> {
        self.end.and_then(|end| end.outcome)
    }
}

impl RunHeader {
    /// Reads the header of a run's file, and nothing else of it.
    ///
    /// # Errors
    /// When it cannot be read, is not the file of a run, or has a newer format.
    pub fn read(path: &Path) -> Result<RunHeader, RunFileError> {
        let file = fs_err::File::open(path).map_err(RunFileError::Unreadable)?;
        let first = BufReader::new(file).split(b'\n').next().transpose().map_err(RunFileError::Unreadable)?;
        header(path, &first.unwrap_or_default())
    }
}

/// Returns how the run of a file has ended, by its last line alone; `None` when it has not, or cannot be read.
#[must_use]
pub fn outcome_of(path: &Path) -> Option<RunOutcome> {
    /// The last line has some 50 bytes.
    const END: u64 = 200;
    let mut file = fs_err::File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(END))).ok()?;
    let mut end = Vec::new();
    file.read_to_end(&mut end).ok()?;
    match serde_json::from_slice(end.trim_ascii_end().rsplit(|byte| *byte == b'\n').next()?) {
        Ok(RunLine::End(end)) => end.outcome,
        _ => None,
    }
}

/// Reads the first line, whose format decides on what else is in it.
fn header(path: &Path, line: &[u8]) -> Result<RunHeader, RunFileError> {
    let not_a_run = || RunFileError::NotARun(path.to_owned());
    let value: serde_json::Value = serde_json::from_slice(line).map_err(|_| not_a_run())?;
    let found = value.pointer("/run/format").and_then(serde_json::Value::as_u64).ok_or_else(not_a_run)?;
    if found > u64::from(FORMAT) {
        return Err(RunFileError::Newer { path: path.to_owned(), found });
    }
    match serde_json::from_value(value) {
        Ok(RunLine::Run(header)) => Ok(*header),
        _ => Err(not_a_run()),
    }
}

#[cfg(test)]
pub(super) mod tests;
