//! The moments in the start of each component.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use kind_harness::readiness::MomentKind;
use kind_harness::report::{Moment, Phase, Timeline};

use super::{Column, escaped, open_table};

/// The columns, in the order in which a pod passes them.
const KINDS: [(MomentKind, &str); 8] = [
    (MomentKind::Scheduled, "scheduled"),
    (MomentKind::Pulled, "image there"),
    (MomentKind::Created, "created"),
    (MomentKind::Started, "started"),
    (MomentKind::ProbeFailed, "first probe failed"),
    (MomentKind::Restarted, "restarted"),
    (MomentKind::PodReady, "pod ready"),
    (MomentKind::Endpoint, "endpoint"),
];

/// Adds a row for each component: for each kind the time of its first container, pod or Service; of restarts, how often.
pub(super) fn add(page: &mut String, timeline: &Timeline) {
    if timeline.moments.is_empty() {
        return;
    }
    let mut all: BTreeMap<&str, Vec<&Moment>> = BTreeMap::new();
    for moment in &timeline.moments {
        all.entry(&moment.component).or_default().push(moment);
    }
    let mut columns = vec![Column::Text("component"), Column::Number("applied")];
    columns.extend(KINDS.map(|(_, name)| Column::Number(name)));
    columns.push(Column::Number("answered"));
    page.push_str("<div class=\"wide\">\n");
    open_table(page, "Moments of each component, in seconds of the run", &columns);
    for (component, moments) in all {
        let span = |phase| timeline.spans.iter().find(|span| span.phase == phase && span.step == component);
        let _ = write!(page, "<tr><td>{}", escaped(component));
        cell(page, span(Phase::Deploy).map(|span| span.end));
        for (kind, _) in KINDS {
            let mut of_kind = moments.iter().filter(|moment| moment.moment.kind == kind);
            if kind == MomentKind::Restarted {
                let count = of_kind.count();
                let _ =
                    write!(page, "<td class=\"n\">{}", if count > 0 { format!("{count} ×") } else { String::new() });
            } else {
                cell(page, of_kind.next().map(|moment| moment.moment.at));
            }
        }
        cell(page, span(Phase::Ready).map(|span| span.end));
        page.push_str("</tr>\n");
    }
    page.push_str("</table>\n</div>\n");
}

fn cell(page: &mut String, at: Option<Duration>) {
    let text = at.map(|at| format!("{:.2}", at.as_secs_f64())).unwrap_or_default();
    let _ = write!(page, "<td class=\"n\">{text}");
}
