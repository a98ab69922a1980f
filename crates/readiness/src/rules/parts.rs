//! Custom resources with conditions per part: a route has some for each of its parents, a Gateway for each of its
//! listeners, a policy for each of the Gateways that it applies to.

use serde_json::Value;

use crate::view::{Lenient, View};

/// A part of an object with its own conditions.
pub(super) struct Part<'a> {
    /// `parent web`, `listener https`.
    pub(super) name: String,
    /// Its conditions; never empty.
    pub(super) conditions: &'a [Value],
}

/// Returns the parts of an object, empty for most kinds; or the first part without conditions from its controller yet.
pub(super) fn of(view: &View) -> Result<Vec<Part<'_>>, String> {
    const LISTS: [(&str, &str, &str); 3] = [
        ("/status/parents", "parent", "/parentRef/name"),
        ("/status/ancestors", "ancestor", "/ancestorRef/name"),
        ("/status/listeners", "listener", "/name"),
    ];
    let mut parts = Vec::new();
    for (list, word, name) in LISTS {
        for part in view.json.list(list) {
            let name = format!("{word} {}", part.text(name).unwrap_or("?"));
            match part.list("/conditions") {
                [] => return Err(name),
                conditions => parts.push(Part { name, conditions }),
            }
        }
    }
    if !view.object.kind.ends_with("Route") {
        return Ok(parts);
    }
    let reported = view.json.list("/status/parents");
    let is_reported = |wanted: &Value| reported.iter().any(|parent| is_same(wanted, parent));
    match view.json.list("/spec/parentRefs").iter().find(|wanted| !is_reported(wanted)) {
        Some(wanted) => Err(format!("parent {}", wanted.text("/name").unwrap_or("?"))),
        None => Ok(parts),
    }
}

/// Returns whether a parent in the status is the one in the spec. A controller may omit default fields.
fn is_same(wanted: &Value, parent: &Value) -> bool {
    let same = |field: &str| wanted.text(field) == parent.text(&format!("/parentRef{field}"));
    same("/name") && same("/sectionName") && wanted.int("/port") == parent.int("/parentRef/port")
}
