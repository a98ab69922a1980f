//! Formats [`NotReady`](super::NotReady): first what and why, then a tree of component, object and reason.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::{Unready, UnreadyObject, Verdict};

/// Formats an object: `deployment/redis: pod/redis-0: container redis keeps crashing`, or a probe's result.
impl fmt::Display for UnreadyObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for object in self.object.iter().chain(&self.cause) {
            write!(f, "{object}: ")?;
        }
        f.write_str(self.message())
    }
}

impl UnreadyObject {
    /// Returns why it is not ready, as a sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        self.verdict.message().unwrap_or("ready")
    }
}

pub(super) fn failed(failed: &[Unready], waiting: &[Unready], of: usize) -> String {
    let mut text = match failed {
        [one] => format!("component {} of {of} failed", one.component),
        _ => format!("{} of {of} components failed: {}", failed.len(), names(failed)),
    };
    if let [one] = failed
        && let Some(object) = one.objects.first()
    {
        let _ = write!(text, ": {object}");
    }
    tree(&mut text, failed);
    if !waiting.is_empty() {
        let _ = write!(text, "\n  not ready yet: {}", names(waiting));
    }
    text
}

pub(super) fn deadline(waited: Duration, waiting: &[Unready], of: usize) -> String {
    let waited = Duration::from_millis(u64::try_from(waited.as_millis()).unwrap_or(u64::MAX));
    let are = if waiting.len() == 1 { "is" } else { "are" };
    let mut text = format!("{} of {of} components {are} not ready after {waited:?}: {}", waiting.len(), names(waiting));
    tree(&mut text, waiting);
    text
}

fn names(components: &[Unready]) -> String {
    components.iter().map(|unready| unready.component.as_str()).collect::<Vec<_>>().join(", ")
}

fn tree(text: &mut String, components: &[Unready]) {
    for unready in components {
        let _ = write!(text, "\n  {}", unready.component);
        // Objects that only wait, beside failed ones, are shown only in the structured fields.
        let worst = unready.objects.iter().position(|object| !matches!(object.verdict, Verdict::Failed { .. }));
        for object in unready.objects.iter().take(worst.unwrap_or(unready.objects.len()).max(1)) {
            branch(text, object);
        }
    }
}

fn branch(text: &mut String, object: &UnreadyObject) {
    let _ = write!(text, "\n    {object}");
    if let Verdict::Failed { hint, .. } = &object.verdict
        && !hint.is_empty()
    {
        let _ = write!(text, "\n      hint: {hint}");
    }
    for log in &object.logs {
        let which = if log.previous { "log of the run before" } else { "log" };
        let _ = write!(text, "\n      {which}, last {} lines:", log.lines.len());
        for line in &log.lines {
            let _ = write!(text, "\n        | {line}");
        }
    }
}

/// Returns the access rule needed to watch `statefulsets.apps in namespace shop`.
pub(super) fn rule(watch: &str) -> String {
    let (resource, namespace) = watch.split_once(" in namespace ").unwrap_or((watch, ""));
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    let role = if namespace.is_empty() { "ClusterRole" } else { "Role" };
    format!(
        "allow it with this rule of a {role}: \
         {{apiGroups: [{group:?}], resources: [{plural:?}], verbs: [\"list\", \"watch\"]}}"
    )
}
