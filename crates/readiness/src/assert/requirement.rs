//! Requirements of an assertion.

use kube::runtime::wait::Condition;
use serde::Serialize;
use serde_json::Value;

use super::contain::{self, Mismatch};
use super::error::InvalidRequirement;
use super::nearest::Difference;
use super::path::Pair;
use super::{mask, render};

/// A requirement of an assertion.
pub(super) enum Requirement<K> {
    /// The object contains this.
    Contains(Value),
    /// The object satisfies this named predicate.
    Satisfies(String, Predicate<K>),
    /// This expression is true for the object.
    #[cfg(feature = "cel")]
    Cel(super::cel::Expression),
}

/// A predicate on an object.
pub(super) type Predicate<K> = Box<dyn Fn(&K) -> bool + Send>;

impl<K> Requirement<K> {
    /// Returns a requirement to contain the mapping in `yaml`.
    pub(super) fn yaml(yaml: &str) -> Result<Requirement<K>, InvalidRequirement> {
        let value = serde_saphyr::from_str(yaml).map_err(|source| InvalidRequirement::Yaml(source.into()))?;
        Requirement::mapping(value)
    }

    /// Returns a requirement to contain the mapping that `piece` serializes to.
    pub(super) fn piece(piece: impl Serialize) -> Result<Requirement<K>, InvalidRequirement> {
        Requirement::mapping(serde_json::to_value(piece).map_err(InvalidRequirement::Piece)?)
    }

    /// Returns a requirement to satisfy one of kube's conditions, named by its type.
    pub(super) fn condition<C: Condition<K> + Send + 'static>(condition: C) -> Requirement<K> {
        let name = short_type_name(std::any::type_name::<C>());
        Requirement::Satisfies(name, Box::new(move |object| condition.matches_object(Some(object))))
    }

    fn mapping(value: Value) -> Result<Requirement<K>, InvalidRequirement> {
        match value {
            Value::Object(fields) if !fields.is_empty() => Ok(Requirement::Contains(Value::Object(fields))),
            _ => Err(InvalidRequirement::NoMapping),
        }
    }

    /// Returns whether `object`, with `value` as its JSON, meets it.
    pub(super) fn is_met(&self, object: &K, value: &Value) -> Result<bool, InvalidRequirement> {
        match self {
            Requirement::Contains(wanted) => Ok(contain::contains(value, wanted)),
            Requirement::Satisfies(_, predicate) => Ok(predicate(object)),
            #[cfg(feature = "cel")]
            Requirement::Cel(expression) => expression.is_true(value),
        }
    }

    /// Returns how `object`, with `pair` as its JSON, differs from it, and the number of different fields.
    pub(super) fn differences(&self, object: &K, pair: Pair<'_>, is_secret: bool) -> (usize, Vec<Difference>) {
        let difference = match self {
            Requirement::Contains(wanted) => {
                let shown = masked(wanted, is_secret);
                let found = contain::mismatches(pair, Pair { value: wanted, shown: &shown });
                let weight = found.iter().map(|mismatch| mismatch.weight).sum();
                return (weight, found.iter().map(difference).collect());
            }
            Requirement::Satisfies(_, predicate) if predicate(object) => None,
            Requirement::Satisfies(name, _) => Some(Difference::untrue(name, "false".into())),
            #[cfg(feature = "cel")]
            Requirement::Cel(expression) => expression.difference(pair),
        };
        (usize::from(difference.is_some()), difference.into_iter().collect())
    }

    /// Returns whether a difference has no details of the object's fields.
    pub(super) fn is_opaque(&self) -> bool {
        !matches!(self, Requirement::Contains(_))
    }

    /// Returns the number of fields that it requires.
    pub(super) fn size(&self) -> usize {
        match self {
            Requirement::Contains(wanted) => contain::scalars(wanted),
            _ => 1,
        }
    }

    /// Returns a description, as lines.
    pub(super) fn describe(&self, is_secret: bool) -> Vec<String> {
        match self {
            Requirement::Contains(wanted) => render::yaml(&masked(wanted, is_secret)),
            Requirement::Satisfies(name, _) => vec![name.clone()],
            #[cfg(feature = "cel")]
            Requirement::Cel(expression) => vec![expression.to_string()],
        }
    }
}

/// Returns a piece of an object, masked like the object.
fn masked(wanted: &Value, is_secret: bool) -> Value {
    let mut shown = wanted.clone();
    if is_secret {
        shown["kind"] = "Secret".into();
    }
    mask::object(&mut shown);
    if let (None, Some(fields)) = (wanted.get("kind"), shown.as_object_mut()) {
        fields.remove("kind");
    }
    shown
}

fn difference(mismatch: &Mismatch<'_>) -> Difference {
    let Mismatch { path, wanted, was, is_item, .. } = mismatch;
    let (wanted, was) = match was {
        Some(was) if was.shown == wanted.shown && was.value != wanted.value => {
            (render::value(wanted.shown), "another value, masked too".into())
        }
        Some(was) if !is_item => render::differing(wanted.shown, was.shown),
        was => (render::value(wanted.shown), was.map_or_else(|| "absent".into(), |was| render::value(was.shown))),
    };
    let wanted = match () {
        () if *is_item => format!("an item {wanted}"),
        () if mismatch.wanted.value.is_null() => "absent or null".into(),
        () => wanted,
    };
    Difference { path: mask::text(path), wanted, was }
}

/// Returns a type's name without modules and compiler-generated parts: `is_pod_running`, `And<is_x, Not<is_y>>`.
fn short_type_name(name: &str) -> String {
    let name = name.replace("::{{closure}}", "").replace("::{closure}", "");
    let segments = name.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    segments.map(|segment| segment.rsplit("::").next().unwrap_or(segment)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_named_without_its_modules() {
        assert_eq!(short_type_name("kube_runtime::wait::conditions::is_pod_running::{{closure}}"), "is_pod_running");
        assert_eq!(short_type_name("a::And<b::is_x, c::Not<d::is_y>>"), "And<is_x, Not<is_y>>");
    }

    #[test]
    fn only_a_mapping_with_fields_can_be_required() {
        for yaml in ["", "{}", "[a]", "text"] {
            let refused = Requirement::<()>::yaml(yaml).err().unwrap();
            assert!(matches!(refused, InvalidRequirement::NoMapping), "{yaml}: {refused}");
        }
        for yaml in ["a: [", "a: 1\n---\nb: 2", "a: 1\na: 2"] {
            let refused = Requirement::<()>::yaml(yaml).err().unwrap();
            assert!(matches!(refused, InvalidRequirement::Yaml(_)), "{yaml}: {refused}");
        }
    }
}
