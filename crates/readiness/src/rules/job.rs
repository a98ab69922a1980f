//! Jobs.

use crate::finding::Finding;
use crate::grace::{Cause, Grace};
use crate::view::{Condition, Lenient, View};
use crate::world::World;

use super::pod;
use super::workload::{behind, count, creation_refused};

pub(super) fn judge(view: &View, world: &World, grace: &Grace) -> Finding {
    let is = |kind| view.condition(kind).filter(|c| c.is_true());
    if is("Complete").is_some() {
        return Finding::Ready;
    }
    // `FailureTarget` is set once the failure is certain, `Failed` when all pods have terminated, too.
    if let Some(failed) = is("Failed").or_else(|| is("FailureTarget")) {
        return failure(view, &failed, world, grace);
    }
    if view.json.flag("/spec/suspend") {
        return Finding::waiting("Suspended", "it is suspended (spec.suspend)");
    }
    if let Some(refused) = creation_refused(view, world, grace) {
        return refused;
    }
    let want = view.json.int("/spec/completions").unwrap_or(1);
    let summary = match count(view, "failed") {
        0 => format!("{} of {want} pods completed", count(view, "succeeded")),
        failed => format!("{} of {want} pods completed, {failed} failed", count(view, "succeeded")),
    };
    match behind(&summary, world.children(view, "Pod"), world, grace) {
        // The job's backoff limit decides how often its pods may crash.
        Finding::Failing(fault) if matches!(fault.cause, Cause::Crash | Cause::Final) && fault.container.is_some() => {
            Finding::waiting(fault.code.clone(), format!("{summary}: {}: {}", fault.object, fault.message))
        }
        found => found,
    }
}

/// Returns the job's failure, with the pod that explains it.
fn failure(view: &View, failed: &Condition<'_>, world: &World, grace: &Grace) -> Finding {
    let why = failed.why();
    let code = if failed.reason.is_empty() { "JobFailed" } else { failed.reason };
    const HINT: &str = "see the log of its pods; a failed Job stays failed until it is deleted";
    let pods = world.children(view, "Pod");
    let fault = pods.filter_map(|pod| pod::judge(pod, world, grace).fault().cloned()).last();
    match fault {
        Some(mut fault) => {
            fault.grace = std::time::Duration::ZERO;
            fault.cause = Cause::Final;
            fault.message = format!("the job failed ({why}): {}", fault.message);
            fault.coded(code.to_owned()).into()
        }
        None => Finding::failed(view, code.to_owned(), format!("the job failed: {why}"), HINT),
    }
}
