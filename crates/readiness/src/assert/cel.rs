//! Expressions in the Common Expression Language.

use std::fmt;

use cel::common::ast::Expr;
use cel::objects::{Key, Map};
use cel::{Context, ExecutionError, Program, Value as CelValue};
use serde_json::Value;

use super::error::InvalidRequirement;
use super::nearest::Difference;
use super::path::Pair;
use super::render;

/// The variable for the object.
const OBJECT: &str = "object";

/// An expression over an object.
pub(super) struct Expression {
    text: String,
    program: Program,
    /// The fields of the object that it reads, as paths of keys.
    fields: Vec<Vec<String>>,
}

impl Expression {
    /// Parses an expression.
    pub(super) fn new(text: &str) -> Result<Expression, InvalidRequirement> {
        let text = text.trim().to_owned();
        let refused = |message: String| InvalidRequirement::CelSyntax { expression: text.clone(), message };
        let program = Program::compile(&text).map_err(|errors| refused(errors.to_string()))?;
        let mut fields = Vec::new();
        fields_read(&program.expression().expr, &mut fields);
        Ok(Expression { text, program, fields })
    }

    /// Returns whether it is true for `object`. It is not if a field that it reads is missing.
    pub(super) fn is_true(&self, object: &Value) -> Result<bool, InvalidRequirement> {
        let refused = |message| InvalidRequirement::CelType { expression: self.text.clone(), message };
        match self.evaluate(object) {
            Ok(CelValue::Bool(is_true)) => Ok(is_true),
            Ok(other) => Err(refused(format!("is of type {}, not bool", other.type_of()))),
            Err(ExecutionError::UndeclaredReference(name)) => Err(refused(format!("refers to the unknown `{name}`"))),
            Err(_) => Ok(false),
        }
    }

    /// Returns why it is not true for the object; `None` if it is true.
    pub(super) fn difference(&self, object: Pair<'_>) -> Option<Difference> {
        // Other errors quote values, which may be secret.
        let was = match self.evaluate(object.value) {
            Ok(CelValue::Bool(true)) => return None,
            Ok(_) => "false".to_owned(),
            Err(ExecutionError::NoSuchKey(key)) => format!("undefined, because there is no `{key}`"),
            Err(ExecutionError::NoSuchOverload(error)) => format!("undefined ({error})"),
            Err(_) => "undefined".to_owned(),
        };
        let read = self.fields.iter().map(|keys| {
            let value = keys.iter().try_fold(object, |value, key| value.get(key));
            let value = value.map_or_else(|| "absent".to_owned(), |value| render::value(value.shown));
            format!("{OBJECT}.{} is {value}", keys.join("."))
        });
        let read: Vec<String> = read.collect();
        let was = if read.is_empty() { was } else { format!("{was}: {}", read.join(", ")) };
        Some(Difference::untrue(&self.to_string(), was))
    }

    fn evaluate(&self, object: &Value) -> Result<CelValue, ExecutionError> {
        let mut context = Context::default();
        context.add_variable_from_value(OBJECT, to_cel(object));
        self.program.execute(&context)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::mask::text(&self.text))
    }
}

/// Converts a value as Kubernetes does for CEL: integers are `int`, never `uint`.
fn to_cel(value: &Value) -> CelValue {
    match value {
        Value::Null => CelValue::Null,
        Value::Bool(value) => CelValue::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => CelValue::Int(whole),
            (None, fraction) => CelValue::Float(fraction.unwrap_or(f64::NAN)),
        },
        Value::String(text) => CelValue::String(text.clone().into()),
        Value::Array(items) => CelValue::List(items.iter().map(to_cel).collect::<Vec<_>>().into()),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (Key::String(name.clone().into()), to_cel(value)));
            CelValue::Map(Map { map: std::sync::Arc::new(fields.collect()) })
        }
    }
}

/// Collects the fields of the object that an expression reads, outside of macros.
fn fields_read(expression: &Expr, found: &mut Vec<Vec<String>>) {
    match expression {
        Expr::Select(select) => match path(expression) {
            Some(path) if !found.contains(&path) => found.push(path),
            Some(_) => {}
            None => fields_read(&select.operand.expr, found),
        },
        Expr::Call(call) => {
            call.target.iter().for_each(|target| fields_read(&target.expr, found));
            call.args.iter().for_each(|argument| fields_read(&argument.expr, found));
        }
        Expr::Comprehension(comprehension) => fields_read(&comprehension.iter_range.expr, found),
        Expr::List(list) => list.elements.iter().for_each(|element| fields_read(&element.expr, found)),
        _ => {}
    }
}

/// Returns the path of keys from the object to what an expression selects.
fn path(expression: &Expr) -> Option<Vec<String>> {
    match expression {
        Expr::Ident(name) if name == OBJECT => Some(Vec::new()),
        Expr::Select(select) => {
            let mut path = path(&select.operand.expr)?;
            path.push(select.field.clone());
            Some(path)
        }
        _ => None,
    }
}
