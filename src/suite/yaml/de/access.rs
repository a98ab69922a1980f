//! Access to lists and mappings by element, without values that earlier attempts could not read.

use std::slice::Iter;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess};

use super::{Error, Place};
use crate::suite::yaml::Node;
use crate::suite::yaml::node::Key;

/// The items of a list.
pub(super) struct Items<'a, 'de> {
    place: Place<'a, 'de>,
    rest: Iter<'de, Node>,
}

impl<'a, 'de> Items<'a, 'de> {
    pub(super) fn new(place: Place<'a, 'de>, items: &'de [Node]) -> Items<'a, 'de> {
        Items { place, rest: items.iter() }
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let context = self.place.context;
        let node = self.rest.by_ref().find(|&node| !context.is_left_out(node));
        node.map(|node| self.place.with(node).read(seed)).transpose()
    }
}

/// The entries of a mapping; with `known` keys, only those.
pub(super) struct Entries<'a, 'de> {
    place: Place<'a, 'de>,
    rest: Iter<'de, (Key, Node)>,
    known: Option<&'static [&'static str]>,
    value: Option<&'de Node>,
}

impl<'a, 'de> Entries<'a, 'de> {
    pub(super) fn new(
        place: Place<'a, 'de>,
        entries: &'de [(Key, Node)],
        known: Option<&'static [&'static str]>,
    ) -> Entries<'a, 'de> {
        Entries { place, rest: entries.iter(), known, value: None }
    }
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let (known, context) = (self.known, self.place.context);
        let mut wanted = self.rest.by_ref().filter(|(key, value)| {
            known.is_none_or(|known| known.contains(&&*key.name)) && !context.is_left_out(value)
        });
        let Some((key, value)) = wanted.next() else { return Ok(None) };
        self.value = Some(value);
        let name: StrDeserializer<'de, Error> = StrDeserializer::new(&key.name);
        seed.deserialize(name).map(Some).map_err(|error| error.at(key.span))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        self.place.with(self.value.take().unwrap_or(self.place.node)).read(seed)
    }
}
