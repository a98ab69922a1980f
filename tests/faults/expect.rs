//! What must be said of a fault.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use kind_harness::readiness::Replay;
use kind_harness::suite::config::duration;
use serde::{Deserialize, Deserializer, de};

/// How the wait must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Verdict {
    /// It never begins: the API server does not take the manifest.
    Refused,
    /// With a failure.
    Failed,
    /// At the deadline, and no failure is declared before.
    Waiting,
    /// With readiness, and no failure is declared before.
    Ready,
}

/// What somebody does a second after the manifests are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Meanwhile {
    /// Deletes the first object.
    Delete,
    /// Evicts the pods.
    Evict,
    /// Applies what is more important, as soon as the first pod runs.
    Preempt,
    /// Declares the node not ready; its kubelet knows better, some seconds later.
    NodeNotReady,
}

/// What must be said of a fault.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    /// How it ends.
    pub(crate) verdict: Verdict,
    /// From applied to the end, at most.
    #[serde(deserialize_with = "parse")]
    pub(crate) within: Duration,
    /// The word for it.
    #[serde(default)]
    reason: String,
    /// The kind of the object to blame.
    #[serde(default)]
    cause: String,
    /// What a refusal says.
    #[serde(default)]
    pub(crate) says: Vec<String>,
    /// Labels of the namespace.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Whether it needs a second node, named and tainted `tainted`.
    #[serde(default)]
    pub(crate) node: bool,
    /// Whether nodes have one slot each, which pods can ask for.
    #[serde(default)]
    pub(crate) slot: bool,
    /// What somebody does meanwhile.
    #[serde(default)]
    pub(crate) meanwhile: Option<Meanwhile>,
    /// Whether other faults would notice.
    #[serde(default)]
    pub(crate) alone: bool,
    /// Whether it heals, sooner or later.
    #[serde(default)]
    pub(crate) heals: bool,
}

fn parse<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    duration::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

impl Expect {
    /// Holds a recording against it, and tells after how long the verdict was found.
    pub(crate) fn check(&self, replayed: &Replay) -> anyhow::Result<Duration> {
        let failed: Vec<_> = replayed.verdicts.iter().filter(|it| it.judgement.verdict.is_failed()).collect();
        ensure!(self.verdict == Verdict::Failed || failed.is_empty(), "a failure was declared: {failed:?}");
        let found = replayed.verdicts.iter().rev().find(|change| {
            let judgement = &change.judgement;
            let blamed = judgement.cause.as_ref().or(change.object.as_ref());
            judgement.verdict.name() == format!("{:?}", self.verdict).to_lowercase()
                && judgement.verdict.reason() == self.reason
                // What only waits names the pod in its sentence.
                && (self.verdict == Verdict::Waiting || blamed.is_some_and(|blamed| blamed.kind == self.cause))
        });
        let found = found.with_context(|| format!("{self:?} was not found in {:#?}", replayed.verdicts))?;
        ensure!(found.at <= self.within, "found after {:?}", found.at);
        let how = match self.verdict {
            Verdict::Refused => anyhow::bail!("what is refused is not waited for"),
            Verdict::Failed => "failed",
            Verdict::Waiting => "deadline",
            Verdict::Ready => "ready",
        };
        ensure!(replayed.waits.last().is_some_and(|wait| wait.how == how), "{:?}", replayed.waits);
        Ok(found.at)
    }

    /// Holds a refusal against it.
    pub(crate) fn check_refusal(&self, refusal: &str) -> anyhow::Result<()> {
        let missing: Vec<_> = self.says.iter().filter(|words| !refusal.contains(words.as_str())).collect();
        ensure!(self.verdict == Verdict::Refused && missing.is_empty(), "{missing:?} is missing in: {refusal}");
        Ok(())
    }
}
