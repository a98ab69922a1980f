//! Failures of assertions.

use std::fmt;
use std::time::Duration;

use super::history::History;
use super::nearest::NearestMiss;
use super::render::seconds;
use super::subject::Subject;

/// How an assertion failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The object did not meet the requirements in time ([`eventually`](super::eventually)).
    NotMet,
    /// The object still existed ([`eventually`](super::eventually), with [`absent`](super::Assertion::absent)).
    StillExists,
    /// The object did not always meet the requirements ([`always`](super::always)).
    Broken,
    /// The object met the requirements ([`never()`](super::never)).
    Occurred,
}

/// Why an assertion failed: the requirements, the nearest miss, and the history of the object. Secrets are masked.
///
/// `Display` and `Debug` print all of it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// How it failed.
    pub outcome: Outcome,
    /// The object.
    pub subject: Subject,
    /// The requirements, which for [`never()`](super::never) must not be met: each as lines of text.
    pub wanted: Vec<Vec<String>>,
    /// How long the assertion ran. For [`always`](super::always) and [`never()`](super::never), since the first list.
    pub waited: Duration,
    /// Its time limit.
    pub limit: Duration,
    /// The state nearest to the requirements; for [`always`](super::always), the state that broke them. `None` for
    /// [`never()`](super::never) and for absence.
    pub nearest: Option<NearestMiss>,
    /// The states of the object.
    pub history: History,
    /// The last error of the watch, if no event followed it: the object may have changed since.
    pub watch_error: Option<String>,
}

impl Failure {
    fn headline(&self) -> String {
        let (subject, waited, limit) = (&self.subject, seconds(self.waited), seconds(self.limit));
        match self.outcome {
            Outcome::NotMet => format!("{subject} was not as wanted within {limit}"),
            Outcome::StillExists => format!("{subject} still exists after {limit}"),
            Outcome::Broken if self.waited.is_zero() => {
                format!("{subject} was not as wanted at the first look, and had to be for {limit}")
            }
            Outcome::Broken => format!("{subject} was not as wanted after {waited}, and had to be for {limit}"),
            Outcome::Occurred => format!("{subject} became what it must not be, after {waited} of {limit}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        let is_unwanted = self.outcome == Outcome::Occurred;
        let wanted: Vec<String> = match (self.wanted.is_empty(), self.outcome) {
            (false, _) => self.wanted.concat(),
            (true, Outcome::StillExists) => Vec::new(),
            (true, _) => vec!["the object exists".into()],
        };
        block(f, if is_unwanted { "unwanted" } else { "wanted" }, wanted)?;
        if let Some(nearest) = &self.nearest {
            let title = if self.outcome == Outcome::Broken { "difference" } else { "nearest miss" };
            let title = format!("{title}, at +{}", seconds(nearest.after));
            block(f, &title, nearest.differences.iter().map(ToString::to_string))?;
            block(f, "the object was then", nearest.state.iter().cloned())?;
        }
        block(f, "history", self.history.to_string().lines().map(Into::into))?;
        block(f, "the watch was interrupted at the end", self.watch_error.iter().cloned())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Writes a title and the lines below it; nothing without lines.
fn block(f: &mut fmt::Formatter<'_>, title: &str, lines: impl IntoIterator<Item = String>) -> fmt::Result {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_some() {
        write!(f, "\n  {title}:")?;
    }
    lines.try_for_each(|line| write!(f, "\n    {line}"))
}
