//! Checks whether a piece is contained in an object, and where it is not.

use serde_json::Value;

use super::merge_keys;
use super::path::{Pair, Path};
use super::scalar;

/// A field that differs from the wanted piece.
pub(super) struct Mismatch<'a> {
    /// The path of the field.
    pub(super) path: String,
    /// The wanted value; null for an absent field.
    pub(super) wanted: Pair<'a>,
    /// The actual value.
    pub(super) was: Option<Pair<'a>>,
    /// Whether `wanted` is an item that is not contained in any item of `was`.
    pub(super) is_item: bool,
    /// The number of wanted scalars that are missing.
    pub(super) weight: usize,
}

/// Returns whether `object` contains `wanted`.
pub(super) fn contains(object: &Value, wanted: &Value) -> bool {
    compare(&Path::Root, Pair::plain(wanted), Some(Pair::plain(object))).is_empty()
}

/// Returns the fields in which `object` does not contain `wanted`.
pub(super) fn mismatches<'a>(object: Pair<'a>, wanted: Pair<'a>) -> Vec<Mismatch<'a>> {
    compare(&Path::Root, wanted, Some(object))
}

/// Returns the number of scalars in `value`.
pub(super) fn scalars(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields.values().map(scalars).sum::<usize>().max(1),
        Value::Array(items) => items.iter().map(scalars).sum::<usize>().max(1),
        _ => 1,
    }
}

fn compare<'a>(path: &Path<'_>, wanted: Pair<'a>, was: Option<Pair<'a>>) -> Vec<Mismatch<'a>> {
    match (wanted.value, was.map(|was| was.value)) {
        (Value::Null, None | Some(Value::Null)) => Vec::new(),
        (Value::Object(fields), Some(Value::Object(_))) => compare_fields(path, fields.keys(), wanted, was),
        (Value::Object(fields), None) if !fields.is_empty() => compare_fields(path, fields.keys(), wanted, None),
        // The API server omits empty lists.
        (Value::Array(items), None) if items.is_empty() => Vec::new(),
        (Value::Array(_), Some(Value::Array(_))) => match was {
            Some(was) => wanted.items().into_iter().flat_map(|item| compare_item(path, item, was)).collect(),
            None => Vec::new(),
        },
        (value, Some(was)) if scalar::equal(path, value, was) => Vec::new(),
        _ => vec![mismatch(path, wanted, was, false)],
    }
}

fn compare_fields<'a>(
    path: &Path<'_>,
    names: impl Iterator<Item = &'a String>,
    wanted: Pair<'a>,
    was: Option<Pair<'a>>,
) -> Vec<Mismatch<'a>> {
    let fields = names.filter_map(|name| Some((name, wanted.get(name)?)));
    fields
        .flat_map(|(name, field)| compare(&Path::Field(path, name), field, was.and_then(|was| was.get(name))))
        .collect()
}

/// Compares a wanted item with the items of `list` that have its key, or with all, and returns the differences from the
/// nearest.
fn compare_item<'a>(path: &Path<'_>, wanted: Pair<'a>, list: Pair<'a>) -> Vec<Mismatch<'a>> {
    let key = merge_keys::key(path.field(), wanted);
    let has_key = |item: Pair<'_>| {
        key.is_none_or(|(name, value)| {
            item.get(name).is_some_and(|own| scalar::equal(&Path::Field(&Path::Root, name), value.value, own.value))
        })
    };
    let candidates = list.items().into_iter().enumerate().filter(|(_, item)| has_key(*item));
    let compared = candidates.map(|(index, item)| {
        let label = key.map_or_else(|| index.to_string(), merge_keys::label);
        compare(&Path::Item(path, label), wanted, Some(item))
    });
    let nearest = compared.min_by_key(|found| found.iter().map(|mismatch| mismatch.weight).sum::<usize>());
    match (nearest, key) {
        (Some(found), Some(_)) => found,
        (Some(found), None) if found.iter().map(|it| it.weight).sum::<usize>() < scalars(wanted.value) => found,
        (_, Some(key)) => vec![mismatch(&Path::Item(path, merge_keys::label(key)), wanted, None, false)],
        (_, None) => vec![mismatch(path, wanted, Some(list), true)],
    }
}

fn mismatch<'a>(path: &Path<'_>, wanted: Pair<'a>, was: Option<Pair<'a>>, is_item: bool) -> Mismatch<'a> {
    Mismatch { path: path.to_string(), wanted, was, is_item, weight: scalars(wanted.value) }
}
