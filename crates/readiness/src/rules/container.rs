//! Containers: why they wait, and how they terminate.

use serde_json::Value;

use crate::finding::{Fault, Finding};
use crate::grace::{Cause, Grace};
use crate::view::{Lenient, View};
use crate::world::World;

use super::{image, messages};

/// The status of one container in its pod.
pub(super) struct Status<'a> {
    pub(super) json: &'a Value,
    name: &'a str,
    is_init: bool,
    /// An init container that keeps running beside the others.
    is_sidecar: bool,
}

/// Returns all containers of a pod, in the order in which they start.
pub(super) fn statuses(pod: &View) -> Vec<Status<'_>> {
    let is_sidecar = |name: &str| {
        let spec = pod.json.list("/spec/initContainers").iter().find(|spec| spec.text("/name") == Some(name));
        spec.is_some_and(|spec| spec.text("/restartPolicy") == Some("Always"))
    };
    let of = |pointer: &str, is_init| {
        pod.json.list(pointer).iter().map(move |json| {
            let name = json.text("/name").unwrap_or_default();
            Status { json, name, is_init, is_sidecar: is_init && is_sidecar(name) }
        })
    };
    of("/status/initContainerStatuses", true).chain(of("/status/containerStatuses", false)).collect()
}

impl Status<'_> {
    fn who(&self) -> String {
        format!("{}container {}", if self.is_init { "init " } else { "" }, self.name)
    }

    fn restarts(&self) -> i64 {
        self.json.int("/restartCount").unwrap_or_default()
    }

    fn is_running(&self) -> bool {
        self.json.pointer("/state/running").is_some_and(|running| !running.is_null())
    }

    /// Returns its last termination, and whether it is still down.
    fn last_end(&self) -> Option<(&Value, bool)> {
        let end = |pointer: &str| self.json.pointer(pointer).filter(|end| end.is_object());
        let backing_off = self.json.text("/state/waiting/reason").is_some_and(|reason| {
            matches!(reason, "CrashLoopBackOff" | "RunContainerError" | "StartError" | "ContainerCannotRun")
        });
        end("/state/terminated")
            .map(|end| (end, true))
            .or_else(|| end("/lastState/terminated").map(|end| (end, backing_off)))
    }

    /// Returns whether it is running or completed, as its pod requires.
    fn is_done(&self, pod: &View) -> bool {
        let ends = self.is_init || pod.json.text("/spec/restartPolicy").is_some_and(|policy| policy != "Always");
        let ended_well = self.json.int("/state/terminated/exitCode") == Some(0);
        let up = if self.is_init {
            self.is_sidecar && self.is_running() && self.json.flag("/started")
        } else {
            self.json.flag("/ready")
        };
        up || (ends && !self.is_sidecar && ended_well)
    }
}

/// Returns what keeps a container from being ready; `None` when it is ready, or completed.
pub(super) fn judge(pod: &View, status: &Status<'_>, world: &World, grace: &Grace) -> Option<Finding> {
    if status.is_done(pod) {
        return None;
    }
    let who = status.who();
    let reason = status.json.text("/state/waiting/reason").unwrap_or_default();
    let message = status.json.text("/state/waiting/message").unwrap_or_default().trim();
    let image = status.json.text("/image").unwrap_or_default();
    if let Some(found) = image::judge(pod, &image::Pull { who: &who, image, reason, message }, world, grace) {
        return Some(found);
    }
    if let Some(fault) = crashed(pod, status, world, grace) {
        return Some(fault.into());
    }
    let cause = match reason {
        "CreateContainerConfigError" => Cause::Config,
        "CreateContainerError" => Cause::Create,
        _ => return Some(patience(pod, status, world)),
    };
    let hint = "create what is missing, or correct its name in the container's env and volumes";
    let fault = Fault::new(pod, cause, grace.of(cause), format!("{who} cannot be created: {message}"), hint);
    Some(Fault { want: messages::want(message, pod.namespace()), ..fault }.unless_there(world))
}

/// Returns a fault if a container has crashed, or failed to start, as often as it may.
fn crashed(pod: &View, status: &Status<'_>, world: &World, grace: &Grace) -> Option<Fault> {
    let (end, down) = status.last_end()?;
    let failures = status.restarts().saturating_add(i64::from(down));
    let who = status.who();
    let kind = end.text("/reason").unwrap_or_default();
    let fault = |reason: String, hint: String| {
        let fault = Fault::new(pod, Cause::Crash, grace.of(Cause::Crash), reason, hint);
        Some(fault.in_container(status.name))
    };
    if kind == "OOMKilled" && failures >= grace.oom_kills {
        let limit = memory_limit(pod, status.name);
        let limit = limit.map_or_else(|| "the node's memory".into(), |limit| format!("its memory limit of {limit}"));
        let fault = fault(
            format!("{who} was killed {failures} times for exceeding {limit}"),
            "raise resources.limits.memory, or make it need less".into(),
        );
        return fault.map(|fault| fault.coded("OOMKilled"));
    }
    if matches!(kind, "StartError" | "ContainerCannotRun") && failures >= grace.start_tries {
        let message = end.text("/message").unwrap_or("its command cannot be run").trim();
        let fault = fault(
            format!("{who} cannot be started: {message}"),
            "correct the container's command, or the image's entrypoint".into(),
        );
        return fault.map(|fault| fault.coded("RunContainerError"));
    }
    let liveness = world.notes(pod).find(|note| note.reason == "Unhealthy" && note.message.starts_with("Liveness"));
    if status.restarts() < grace.restarts || !(down || liveness.is_some()) {
        return None;
    }
    let restarts = status.restarts();
    match liveness {
        Some(note) => fault(
            format!("{who} was restarted {restarts} times because its liveness probe fails: {}", note.message),
            "correct the liveness probe, or what it asks".into(),
        )
        .map(|fault| fault.coded("LivenessProbeFailed")),
        None => fault(format!("{who} keeps crashing: {}, {restarts} restarts", describe(end)), log_hint(pod, status)),
    }
}

/// Returns how a container of a failed pod terminated, if with an error.
pub(super) fn ended(pod: &View, status: &Status<'_>) -> Option<Fault> {
    let (end, _) = status.last_end()?;
    if end.int("/exitCode") == Some(0) {
        return None;
    }
    let reason = format!("{} ended with {}", status.who(), describe(end));
    let fault = Fault::new(pod, Cause::Final, std::time::Duration::ZERO, reason, log_hint(pod, status));
    Some(fault.coded(end.text("/reason").unwrap_or("Error").to_owned()).in_container(status.name))
}

/// Returns why a container that may still become ready is not.
fn patience(pod: &View, status: &Status<'_>, world: &World) -> Finding {
    let who = status.who();
    let end = status.last_end().map(|(end, _)| format!(" after {}, {} restarts", describe(end), status.restarts()));
    let end = end.unwrap_or_default();
    if let Some(reason) = status.json.text("/state/waiting/reason") {
        return Finding::waiting(reason.to_owned(), format!("{who}: {reason}{end}"));
    }
    if status.is_running() {
        let probe = world.newest(pod, &["Unhealthy"]);
        let probe = probe.map_or(String::new(), |note| format!(": {}", note.message.trim().trim_end_matches(':')));
        let what = if status.is_init { "is running" } else { "is running, not ready yet" };
        let code = match (status.is_init, probe.is_empty()) {
            (true, _) => "PodInitializing",
            (false, true) => "ContainersNotReady",
            (false, false) => "Unhealthy",
        };
        return Finding::waiting(code, format!("{who} {what}{end}{probe}"));
    }
    Finding::waiting("ContainersNotReady", format!("{who} is not running{end}"))
}

fn describe(end: &Value) -> String {
    let code = end.int("/exitCode").map_or_else(|| "an unknown exit code".into(), |code| format!("exit code {code}"));
    match end.text("/reason") {
        Some(reason) if !matches!(reason, "Error" | "Completed") => format!("{code} ({reason})"),
        _ => code,
    }
}

fn memory_limit(pod: &View, container: &str) -> Option<String> {
    let specs = pod.json.list("/spec/containers").iter().chain(pod.json.list("/spec/initContainers"));
    let limits = specs.filter(|spec| spec.text("/name") == Some(container));
    limits.filter_map(|spec| spec.text("/resources/limits/memory")).next().map(str::to_owned)
}

fn log_hint(pod: &View, status: &Status<'_>) -> String {
    format!("read its log: kubectl logs -n {} {} -c {} --previous", pod.namespace(), pod.object, status.name)
}
