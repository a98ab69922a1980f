//! Changes between two states of an object.

use std::collections::BTreeSet;

use serde_json::Value;

use super::history::FieldChange;
use super::path::{Pair, Path};
use super::{mask, merge_keys, render};

/// Fields that change with every write, or repeat another change.
const BOOKKEEPING: [(&str, &str); 3] = [
    ("metadata", "managedFields"),
    ("metadata", "resourceVersion"),
    ("annotations", "kubectl.kubernetes.io/last-applied-configuration"),
];

/// Fields with the time of another change, or of no change.
const TIMES: [&str; 4] = ["lastHeartbeatTime", "lastProbeTime", "lastTransitionTime", "lastUpdateTime"];

/// Returns the changes between two states, field by field. Bookkeeping of the API server and transition times are left
/// out.
pub(super) fn changes(before: Pair<'_>, after: Pair<'_>) -> Vec<FieldChange> {
    let mut found = Vec::new();
    compare(&Path::Root, Some(before), Some(after), &mut found);
    found
}

fn compare(path: &Path<'_>, before: Option<Pair<'_>>, after: Option<Pair<'_>>, found: &mut Vec<FieldChange>) {
    let values = (before.map(|it| it.value), after.map(|it| it.value));
    if is_left_out(path) || values.0 == values.1 {
        return;
    }
    match values {
        (Some(Value::Object(_)) | None, Some(Value::Object(_)) | None) => compare_fields(path, before, after, found),
        (Some(Value::Array(_)) | None, Some(Value::Array(_)) | None) if compare_items(path, before, after, found) => {}
        // A field that changes between null and absent has not changed.
        (None | Some(Value::Null), None | Some(Value::Null)) => {}
        _ => found.push(change(path, before, after)),
    }
}

fn compare_fields(path: &Path<'_>, before: Option<Pair<'_>>, after: Option<Pair<'_>>, found: &mut Vec<FieldChange>) {
    let fields = |pair: Option<Pair<'_>>| -> Vec<String> {
        pair.and_then(|pair| pair.value.as_object()).into_iter().flat_map(|it| it.keys().cloned()).collect()
    };
    let names: BTreeSet<String> = fields(before).into_iter().chain(fields(after)).collect();
    if names.is_empty() {
        // An empty mapping that is added or removed, such as `emptyDir`.
        found.push(change(path, before, after));
    }
    for name in &names {
        let (before, after) = (before.and_then(|it| it.get(name)), after.and_then(|it| it.get(name)));
        compare(&Path::Field(path, name), before, after, found);
    }
}

/// Compares lists whose items all have a key, or lists of mappings of the same length. Returns whether they were
/// compared.
fn compare_items(
    path: &Path<'_>,
    before: Option<Pair<'_>>,
    after: Option<Pair<'_>>,
    found: &mut Vec<FieldChange>,
) -> bool {
    let (before, after) = (before.map(Pair::items).unwrap_or_default(), after.map(Pair::items).unwrap_or_default());
    if let (Some(old), Some(new)) = (labelled(path, &before), labelled(path, &after)) {
        let labels: BTreeSet<&String> = old.iter().chain(&new).map(|(label, _)| label).collect();
        for label in labels {
            let item = |items: &[(String, usize)]| items.iter().find(|(own, _)| own == label).map(|(_, index)| *index);
            let pairs = (item(&old).map(|index| before[index]), item(&new).map(|index| after[index]));
            compare(&Path::Item(path, label.clone()), pairs.0, pairs.1, found);
        }
        return true;
    }
    let are_mappings = before.len() == after.len() && before.iter().chain(&after).all(|item| item.value.is_object());
    if are_mappings {
        for (index, (before, after)) in before.into_iter().zip(after).enumerate() {
            compare(&Path::Item(path, index.to_string()), Some(before), Some(after), found);
        }
    }
    are_mappings
}

/// Returns the label and index of every item; `None` if one has no key, or two have the same.
fn labelled(path: &Path<'_>, items: &[Pair<'_>]) -> Option<Vec<(String, usize)>> {
    let label =
        |(index, item): (usize, &Pair<'_>)| Some((merge_keys::label(merge_keys::key(path.field(), *item)?), index));
    let labelled: Vec<(String, usize)> = items.iter().enumerate().map(label).collect::<Option<_>>()?;
    let unique: BTreeSet<&String> = labelled.iter().map(|(label, _)| label).collect();
    (unique.len() == labelled.len()).then_some(labelled)
}

fn is_left_out(path: &Path<'_>) -> bool {
    match path {
        Path::Field(parent, name) => TIMES.contains(name) || BOOKKEEPING.contains(&(parent.field(), name)),
        _ => false,
    }
}

fn change(path: &Path<'_>, before: Option<Pair<'_>>, after: Option<Pair<'_>>) -> FieldChange {
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => {
            let (before, after) = render::differing(before.shown, after.shown);
            (Some(before), Some(after))
        }
        (before, after) => (before.map(|it| render::value(it.shown)), after.map(|it| render::value(it.shown))),
    };
    FieldChange { path: mask::text(&path.to_string()), before, after }
}
