//! Values with a short form: a text, which stands for a mapping of which only one key is needed.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A value in its short or its long form.
pub(super) enum TextOr<M> {
    /// The text.
    Text(String),
    /// The mapping.
    Mapping(M),
}

/// Deserializes a text, or the mapping `M`. Errors about any other type say that it is not `expected`.
pub(super) fn text_or<'de, M: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
    expected: &'static str,
) -> Result<TextOr<M>, D::Error> {
    struct Either<M>(&'static str, PhantomData<M>);

    impl<'de, M: Deserialize<'de>> Visitor<'de> for Either<M> {
        type Value = TextOr<M>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<TextOr<M>, E> {
            Ok(TextOr::Text(text.to_owned()))
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TextOr<M>, A::Error> {
            M::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Mapping)
        }
    }

    deserializer.deserialize_any(Either(expected, PhantomData))
}
