//! Checks readiness rules.

use super::Checker;
use crate::readiness::is_path;

impl Checker<'_> {
    pub(super) fn ready(&mut self) {
        let (spec, place) = (&self.suite.ready, self.tree.at("ready"));
        let counts = [
            ("CrashLoopBackOff", spec.grace.crash_loop_back_off),
            ("OOMKilled", spec.grace.oom_killed),
            ("RunContainerError", spec.grace.run_container_error),
        ];
        for (reason, count) in counts {
            if count == Some(0) {
                let span = place.at("grace").at(reason).span;
                let message = format!("`{reason}` is a number of times, and at least 1");
                self.refuse(span, message, "leave it out for the usual number");
            }
        }
        for (index, kind) in spec.kinds.iter().enumerate() {
            let place = place.at("kinds").item(index);
            if kind.ready.is_none() && kind.failed.is_none() {
                let message =
                    format!("the rule for `{}` says neither when it is ready nor when it has failed", kind.kind);
                self.refuse(place.span, message, "add `ready: { path: .status.phase, value: Running }`");
            }
            for (key, field) in [("ready", &kind.ready), ("failed", &kind.failed)] {
                if field.as_ref().is_some_and(|field| !is_path(&field.path)) {
                    let span = place.at(key).at("path").span;
                    self.refuse(
                        span,
                        "this is no path to a field",
                        "write it like `.status.phase` or `.status.parts[0].state`",
                    );
                }
            }
        }
        let each = spec.kinds.iter().enumerate().map(|(index, kind)| {
            let group = kind.api_version.split_once('/').map_or("", |(group, _)| group);
            let kind = if group.is_empty() { kind.kind.clone() } else { format!("{}.{group}", kind.kind) };
            (kind, place.at("kinds").item(index).at("kind").span)
        });
        self.refuse_twice("the rule for", "write one rule for each kind", each);
    }
}
