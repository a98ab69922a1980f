//! Serde over [`Node`]s. Collects problems at which derived code would stop: every unknown key, and one error per list
//! item.

mod access;
mod error;

use std::cell::{Cell, RefCell};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use self::access::{Entries, Items};
use self::error::Error;
use super::{Node, Source, Value};
use crate::suite::yaml::{Diagnostic, did_you_mean};

/// A longer list would not help, and each problem costs one more attempt.
const ENOUGH: usize = 100;

/// Deserializes `node` as a `T`. If only unknown keys are reported, it still returns a value, so that more can be
/// checked at once.
///
/// A value that cannot be read is reported and left out of the next attempt, since serde cannot continue after an
/// error. Attempts end when everything left was read, or when the whole cannot be read.
pub(crate) fn decode<'de, T: Deserialize<'de>>(source: &Source, node: &'de Node) -> (Option<T>, Vec<Diagnostic>) {
    let context =
        Context { source, problems: RefCell::default(), left_out: RefCell::default(), failed: Cell::new(None) };
    let value = loop {
        match T::deserialize(Place { node, context: &context }) {
            Ok(value) => break Some(value).filter(|_| context.left_out.borrow().is_empty()),
            Err(error) if error.follows => {}
            Err(error) => context.report(error.diagnostic(source)),
        }
        let Some(failed) = context.failed.take() else { break None };
        context.left_out.borrow_mut().push(failed);
        if context.problems.borrow().len() >= ENOUGH {
            break None;
        }
    };
    (value, context.problems.into_inner())
}

struct Context<'a> {
    source: &'a Source,
    problems: RefCell<Vec<Diagnostic>>,
    /// Values that earlier attempts could not read.
    left_out: RefCell<Vec<*const Node>>,
    /// The innermost value that this attempt could not read.
    failed: Cell<Option<*const Node>>,
}

impl Context<'_> {
    fn is_left_out(&self, node: &Node) -> bool {
        self.left_out.borrow().contains(&std::ptr::from_ref(node))
    }

    /// Adds a problem unless an earlier attempt has reported it.
    fn report(&self, problem: Diagnostic) {
        let mut problems = self.problems.borrow_mut();
        if !problems.iter().any(|known| known.position == problem.position && known.message == problem.message) {
            problems.push(problem);
        }
    }

    /// Reports the keys of `node` that are not in `known`.
    fn refuse_unknown(&self, node: &Node, known: &'static [&'static str]) {
        let Value::Map(entries) = &node.value else { return };
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.name.as_str())) {
            let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            let help = did_you_mean(&key.name, known.iter().copied())
                .unwrap_or_else(|| format!("the keys here are {}", list.join(", ")));
            let problem = Diagnostic::at(self.source, key.span, format!("unknown key `{}`", key.name));
            self.report(problem.help(help));
        }
    }
}

/// A node that is being deserialized.
#[derive(Clone, Copy)]
struct Place<'a, 'de> {
    node: &'de Node,
    context: &'a Context<'a>,
}

impl<'a, 'de> Place<'a, 'de> {
    fn with(self, node: &'de Node) -> Place<'a, 'de> {
        Place { node, ..self }
    }

    /// Deserializes this value as an entry or item of its parent.
    fn read<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self).map_err(|error| {
            let failed = &self.context.failed;
            failed.set(failed.get().or(Some(std::ptr::from_ref(self.node))));
            // Errors of conversions from text have no location.
            error.at(self.node.span)
        })
    }

    fn visit<V: Visitor<'de>>(self, known: Option<&'static [&'static str]>, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => match u64::try_from(*value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_i64(*value),
            },
            Value::Uint(value) => visitor.visit_u64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(Items::new(self, items)),
            Value::Map(entries) => visitor.visit_map(Entries::new(self, entries, known)),
        }
        .map_err(|mut error: Error| {
            let missing = error.missing.take().and_then(|key| self.node.get(key));
            error.follows |= missing.is_some_and(|value| self.context.is_left_out(value));
            error.at(self.node.span)
        })
    }
}

impl<'de> Deserializer<'de> for Place<'_, 'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.visit(None, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if matches!(self.node.value, Value::Null) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.context.refuse_unknown(self.node, fields);
        self.visit(Some(fields), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Text(text) => {
                visitor.visit_enum(text.as_str().into_deserializer()).map_err(|error: Error| error.at(self.node.span))
            }
            _ => Err(Error::not_one_of(variants).at(self.node.span)),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}
