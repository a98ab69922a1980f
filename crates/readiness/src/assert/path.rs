//! Paths in an object, and values with their masked form.

use std::fmt;
use std::sync::LazyLock;

use serde_json::Value;

/// Printed in place of what masking removed.
static MASKED: LazyLock<Value> = LazyLock::new(|| "***".into());

/// A path in an object, as a linked list that grows during descent.
pub(super) enum Path<'a> {
    /// The object itself.
    Root,
    /// A field of a mapping.
    Field(&'a Path<'a>, &'a str),
    /// An item of a list: its index, or its merge key as `name=web`.
    Item(&'a Path<'a>, String),
}

impl Path<'_> {
    /// Returns the innermost field's name: for an item, that of its list.
    pub(super) fn field(&self) -> &str {
        match self {
            Path::Root => "",
            Path::Field(_, name) => name,
            Path::Item(list, _) => list.field(),
        }
    }

    /// Returns the name of the mapping that contains this field.
    pub(super) fn parent(&self) -> &str {
        match self {
            Path::Root => "",
            Path::Field(parent, _) | Path::Item(parent, _) => parent.field(),
        }
    }
}

/// Formats a path: `spec.containers[name=web].image`, `metadata.labels["app.kubernetes.io/name"]`.
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Item(list, item) => write!(f, "{list}[{item}]"),
            Path::Field(parent, name) => {
                let is_plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
                match (is_plain, parent) {
                    (true, Path::Root) => f.write_str(name),
                    (true, _) => write!(f, "{parent}.{name}"),
                    (false, _) => write!(f, "{parent}[{name:?}]"),
                }
            }
        }
    }
}

/// A value, and the same value with its secrets masked.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    /// The value for comparison.
    pub(super) value: &'a Value,
    /// The value for output.
    pub(super) shown: &'a Value,
}

impl<'a> Pair<'a> {
    /// Returns a value that needs no masking, or is not printed.
    pub(super) fn plain(value: &'a Value) -> Pair<'a> {
        Pair { value, shown: value }
    }

    /// Returns the field of that name.
    pub(super) fn get(self, name: &str) -> Option<Pair<'a>> {
        let value = self.value.get(name)?;
        Some(Pair { value, shown: self.shown.get(name).unwrap_or(&MASKED) })
    }

    /// Returns the items of a list; empty for any other value.
    pub(super) fn items(self) -> Vec<Pair<'a>> {
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items.map(|(index, value)| Pair { value, shown: self.shown.get(index).unwrap_or(&MASKED) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_are_written_as_jq_users_expect() {
        let (root, metadata) = (Path::Root, "metadata");
        let metadata = Path::Field(&root, metadata);
        let labels = Path::Field(&metadata, "labels");
        assert_eq!(Path::Field(&labels, "app").to_string(), "metadata.labels.app");
        assert_eq!(Path::Field(&labels, "example.com/app").to_string(), "metadata.labels[\"example.com/app\"]");
        let item = Path::Item(&labels, "name=web".into());
        assert_eq!(Path::Field(&item, "x").to_string(), "metadata.labels[name=web].x");
        assert_eq!((item.field(), item.parent()), ("labels", "labels"));
        assert_eq!((labels.field(), labels.parent()), ("labels", "metadata"));
    }

    #[test]
    fn what_masking_removed_is_never_shown() {
        let (value, shown) = (json!({"data": {"key": [1, 2]}, "text": "secret"}), json!({"data": "***"}));
        let pair = Pair { value: &value, shown: &shown };
        let key = pair.get("data").unwrap().get("key").unwrap();
        assert_eq!((key.value, key.shown), (&json!([1, 2]), &json!("***")));
        assert_eq!(key.items()[1].shown, &json!("***"));
        assert_eq!(pair.get("text").unwrap().shown, &json!("***"));
        assert!(pair.get("none").is_none());
    }
}
