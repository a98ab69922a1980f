//! Formats a diagnosis as text: the root causes first, then the tree.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use super::{Branch, Diagnosis, RootCause, Subject};

/// How many dependents of a cause are named in the headline.
const NAMED: usize = 3;

impl Diagnosis {
    /// Returns the headline: `5 of 6 not ready; root cause: secret/db missing, wanted by pod/api-1, pod/web-1 and 3
    /// more`.
    #[must_use]
    pub fn headline(&self) -> String {
        let (unready, of) = (self.unready, self.of);
        match self.root_causes.as_slice() {
            [] => format!("{unready} of {of} not ready"),
            [cause] => format!("{unready} of {of} not ready; root cause: {cause}"),
            [first, rest @ ..] => {
                let more = if rest.len() == 1 {
                    "1 more root cause".into()
                } else {
                    format!("{} more root causes", rest.len())
                };
                format!("{unready} of {of} not ready; root cause: {first}; {more}")
            }
        }
    }
}

/// `secret/db`, `image shop/api:1`, `component db`.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Object(object) => object.fmt(f),
            Subject::Image(image) => write!(f, "image {image}"),
            Subject::NodeResource(resource) => write!(f, "node resource {resource}"),
            Subject::Taint(taint) => write!(f, "taint {taint}"),
            Subject::Component(component) => write!(f, "component {component}"),
        }
    }
}

/// `secret/db missing, wanted by pod/api-1`, or `pod/web-0: container web keeps crashing`.
impl fmt::Display for RootCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colon = if self.own { ":" } else { "" };
        write!(f, "{}{colon} {}", self.subject, self.message)?;
        if self.wanted_by.is_empty() {
            return Ok(());
        }
        let named = self.wanted_by.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
        write!(f, ", wanted by {named}")?;
        match self.wanted_by.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// Prints the headline, the hints of each root cause, and the tree. Details shared by several components are printed
/// with the first.
impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        for (at, cause) in self.root_causes.iter().enumerate() {
            if at > 0 {
                write!(f, "\nalso: {cause}")?;
            }
            if !cause.hint.is_empty() {
                write!(f, "\n  hint: {}", cause.hint)?;
            }
            write!(f, "\n  next: {}", cause.next)?;
        }
        let mut told: BTreeSet<&Subject> = BTreeSet::new();
        for branch in &self.components {
            let name = branch.name.trim_start_matches("component ");
            let symptom = Subject::Component(name.to_owned());
            let causes = || self.root_causes.iter().filter(|cause| cause.components.iter().any(|c| c == name));
            let fresh =
                causes().filter(|cause| !cause.wanted_by.contains(&symptom) && told.insert(&cause.subject)).count();
            let mut text = String::new();
            write_branch(&mut text, branch, 1, fresh > 0 || causes().next().is_none())?;
            f.write_str(&text)?;
        }
        Ok(())
    }
}

/// Writes a branch and its parts; events and logs only in `full`.
fn write_branch(text: &mut String, branch: &Branch, depth: usize, full: bool) -> fmt::Result {
    let indent = "  ".repeat(depth);
    let name = branch.name.trim_start_matches("component ");
    let reason = match (branch.message.as_str(), branch.failed) {
        ("", _) if depth > 1 => String::new(),
        ("", true) => ": failed".into(),
        ("", false) => ": not ready".into(),
        (reason, _) => format!(": {}", on_one_line(reason)),
    };
    write!(text, "\n{indent}{name}{reason}")?;
    if full {
        for event in &branch.events {
            write!(text, "\n{indent}  event {}", on_one_line(event))?;
        }
    }
    // Parts that only wait, beside failed ones, are shown only in the structured fields.
    let any_failed = branch.parts.iter().any(|part| part.failed);
    for part in branch.parts.iter().filter(|part| depth != 1 || !any_failed || part.failed) {
        write_branch(text, part, depth + 1, full)?;
    }
    for log in branch.logs.iter().filter(|_| full) {
        let which = if log.previous { "log of the run before" } else { "log" };
        write!(text, "\n{indent}  {which}, last {} lines:", log.lines.len())?;
        for line in &log.lines {
            write!(text, "\n{indent}    | {line}")?;
        }
    }
    Ok(())
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
