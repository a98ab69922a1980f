//! Converts nodes to JSON, which the API server accepts.

use serde_json::{Map, Number, Value as Json};

use super::{Node, Source, Value};
use crate::suite::yaml::Diagnostic;

/// Whole numbers beyond this are not exact as 64-bit floats.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Node {
    /// Returns the JSON that `kubectl` would send for this node.
    pub(crate) fn to_json(&self, source: &Source) -> Result<Json, Box<Diagnostic>> {
        Ok(match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Int(value) => Json::from(*value),
            Value::Uint(value) => Json::from(*value),
            Value::Float(value) => self.float(source, *value)?,
            Value::Text(text) => Json::from(text.as_str()),
            Value::List(items) => Json::Array(items.iter().map(|item| item.to_json(source)).collect::<Result<_, _>>()?),
            Value::Map(entries) => {
                let pairs = entries.iter().map(|(key, node)| Ok((key.name.clone(), node.to_json(source)?)));
                Json::Object(pairs.collect::<Result<Map<_, _>, Box<Diagnostic>>>()?)
            }
        })
    }

    /// Converts `1e3` and `1.0` to the integers that Go would write; digits that a float cannot hold are an error.
    fn float(&self, source: &Source, value: f64) -> Result<Json, Box<Diagnostic>> {
        let digits = source.slice(self.span).trim_start_matches(['-', '+']);
        if value.abs() > EXACT && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
        {
            let problem = Diagnostic::at(source, self.span, "this integer is too big for 64 bits");
            return Err(Box::new(problem.help("put it in quotes if it is text")));
        }
        #[allow(clippy::cast_possible_truncation, reason = "whole and within what an i64 holds")]
        let json = if value.fract() == 0.0 && value.abs() <= EXACT {
            Json::from(value as i64)
        } else {
            Number::from_f64(value).map_or(Json::Null, Json::Number)
        };
        Ok(json)
    }
}
