//! Reading JSON without building trees of it: seven bytes of text may become six hundred bytes of tree, and who sends
//! the text chooses which.

use std::{collections::BTreeMap, fmt};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, value::RawValue};

/// Most fields of an object that are looked at. An event has fewer, so that there is something wrong with what has more.
const MOST_FIELDS: usize = 64;

/// Reads a whole text and keeps nothing: whether there is a NUL in it, which PostgreSQL does not take.
///
/// # Errors
/// When it is not JSON: in its syntax, in its strings, or nested too deeply.
pub fn has_nul(text: &[u8]) -> serde_json::Result<bool> {
    let mut has_nul = false;
    let mut json = serde_json::Deserializer::from_slice(text);
    Walk(&mut has_nul).deserialize(&mut json)?;
    json.end()?;
    Ok(has_nul)
}

/// Visits every value there is.
struct Walk<'a>(&'a mut bool);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        *self.0 |= text.contains('\0');
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element_seed(Walk(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while fields.next_key_seed(Walk(&mut *self.0))?.is_some() {
            fields.next_value_seed(Walk(&mut *self.0))?;
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
}

/// A value of which only the outermost level is read: arrays and objects within it are empty, but for one field that is
/// taken out as text.
pub struct Shallow<'a> {
    /// The value.
    pub value: Value,
    /// The field that was taken out.
    pub text: Option<&'a RawValue>,
}

impl<'a> Shallow<'a> {
    /// Reads a text that is known to be JSON.
    ///
    /// # Errors
    /// When it is not.
    pub fn read(json: &'a RawValue, taken_out: &str) -> serde_json::Result<Self> {
        if !json.get().starts_with('{') {
            return Ok(Self { value: scalar(json)?, text: None });
        }
        let Fields(mut fields) = serde_json::from_str(json.get())?;
        let text = fields.remove(taken_out);
        let object = fields.into_iter().map(|(name, value)| Ok((name, scalar(value)?)));
        Ok(Self { value: Value::Object(object.collect::<serde_json::Result<Map<_, _>>>()?), text })
    }
}

/// What is no scalar is empty.
fn scalar(json: &RawValue) -> serde_json::Result<Value> {
    match json.get().as_bytes().first() {
        Some(b'{') => Ok(Value::Object(Map::new())),
        Some(b'[') => Ok(Value::Array(Vec::new())),
        _ => serde_json::from_str(json.get()),
    }
}

/// An object's fields as text.
struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Fields<'de>, A::Error> {
        let mut read = BTreeMap::new();
        while let Some((name, value)) = fields.next_entry::<String, &RawValue>()? {
            if read.len() < MOST_FIELDS || read.contains_key(&name) {
                read.insert(name, value);
            }
        }
        Ok(Fields(read))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_json_is_refused_and_nul_is_found_wherever_it_is() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for text in ["", "{", "[1,]", "{} {}", r#""\ud800""#, "1e999", "nul", &deep] {
            assert!(has_nul(text.as_bytes()).is_err(), "{text}");
        }
        assert!(has_nul(b"\"\xff\"").is_err());
        for (text, expected) in [
            (r#"{"a":[{"b":["\u0000"]}]}"#, true),
            (r#"{"\u0000":1}"#, true),
            (r#"{"a":"\\u0000"}"#, false),
            (r#"[null,true,-1,1.5,"x",{}]"#, false),
        ] {
            assert_eq!(has_nul(text.as_bytes()).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn only_the_outermost_level_is_read() {
        let read = |text: &str| {
            let raw: &RawValue = serde_json::from_str(text).unwrap();
            let Shallow { value, text } = Shallow::read(raw, "data").unwrap();
            (value, text.map(|text| text.get().to_owned()))
        };
        let text = r#"{"a":{"b":1},"\u0063":[1],"d":"e","data": {"x": [1]},"n":null}"#;
        assert_eq!(read(text), (json!({"a": {}, "c": [], "d": "e", "n": null}), Some(r#"{"x": [1]}"#.to_owned())));
        assert_eq!(read("[1]"), (json!([]), None));
        assert_eq!(read("7"), (json!(7), None));
        let many: Vec<_> = (0..1000).map(|number| format!("\"{number}\":0")).collect();
        assert_eq!(read(&format!("{{{}}}", many.join(","))).0.as_object().map(Map::len), Some(MOST_FIELDS));
    }
}
