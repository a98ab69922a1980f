//! A YAML document as a tree in which every key and value has its location.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::Span;

/// A value and its location.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Span,
}

/// The content of a node.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) span: Span,
}

impl Node {
    /// Returns the value of `key`, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// Returns the key `key` and its value.
    pub(crate) fn entry(&self, key: &str) -> Option<(&Key, &Node)> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|(candidate, _)| candidate.name == key).map(|(key, node)| (key, node))
    }

    /// Returns the value of `key`; without such a key, this node, as the location to report.
    pub(crate) fn at(&self, key: &str) -> &Node {
        self.get(key).unwrap_or(self)
    }

    /// Returns element `index`; without such an element, this node, as the location to report.
    pub(crate) fn item(&self, index: usize) -> &Node {
        self.items().get(index).unwrap_or(self)
    }

    /// Returns the elements of a list; empty for anything else.
    pub(crate) fn items(&self) -> &[Node] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// Returns the text of a string.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }
}

/// Blocks have no token of their own, so their span is that of their first element.
impl From<Spanned<Value>> for Node {
    fn from(spanned: Spanned<Value>) -> Node {
        let span = span(spanned.referenced);
        let first = match &spanned.value {
            Value::Map(entries) => entries.first().map(|(key, _)| key.span),
            Value::List(items) => items.first().map(|item| item.span),
            _ => None,
        };
        let span = first.filter(|_| span.start == span.end).unwrap_or(span);
        Node { value: spanned.value, span }
    }
}

/// Returns the byte range of a location.
pub(super) fn span(location: Location) -> Span {
    let bytes = location.span();
    let number = |value: Option<u64>| value.and_then(|value| usize::try_from(value).ok()).unwrap_or_default();
    let start = number(bytes.byte_offset());
    Span { start, end: start.saturating_add(number(bytes.byte_len())) }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(Build)
    }
}

struct Build;

impl<'de> Visitor<'de> for Build {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Uint(value), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element::<Spanned<Value>>()? {
            items.push(item.into());
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = access.next_entry::<Spanned<String>, Spanned<Value>>()? {
            entries.push((Key { name: key.value, span: span(key.referenced) }, value.into()));
        }
        Ok(Value::Map(entries))
    }
}
