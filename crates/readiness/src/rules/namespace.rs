//! Namespaces.

use crate::finding::Finding;
use crate::view::{Lenient, View};

pub(super) fn judge(view: &View) -> Finding {
    match view.json.text("/status/phase") {
        Some("Terminating") => terminating(view),
        _ if view.is_deleted() => terminating(view),
        Some("Active") | None => Finding::Ready,
        Some(other) => Finding::waiting("NotActive", format!("its phase is {other}")),
    }
}

fn terminating(view: &View) -> Finding {
    let why = view.conditions().filter(|c| c.is_true()).last().map_or(String::new(), |c| format!(" ({})", c.why()));
    Finding::failed(
        view,
        "Terminating",
        format!("the namespace is being deleted{why}"),
        "wait until it is gone, or choose another namespace",
    )
}
