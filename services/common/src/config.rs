//! Configuration: a YAML file, then the environment; secrets only from files.

use std::{env, fmt, fs, path::Path};

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Reads the YAML file at `path` and lays the environment over it: `PREFIX__DATABASE__HOST=db` sets `database.host`.
///
/// Unknown keys are errors when `T` denies unknown fields, wherever they come from.
///
/// # Errors
/// When the file cannot be read, is not YAML, or does not fit `T`.
pub fn load<T: DeserializeOwned>(path: &Path, prefix: &str) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("configuration {} cannot be read", path.display()))?;
    parse(&text, prefix, env::vars()).with_context(|| format!("configuration {} is not valid", path.display()))
}

fn parse<T: DeserializeOwned>(
    text: &str,
    prefix: &str,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<T> {
    let mut tree: Value = serde_saphyr::from_str(text).context("not YAML")?;
    let prefix = format!("{prefix}__");
    for (name, value) in environment {
        let Some(path) = name.strip_prefix(&prefix) else { continue };
        let path: Vec<String> = path.split("__").map(str::to_lowercase).collect();
        set(&mut tree, &path, scalar(&value)).with_context(|| format!("environment variable {name}"))?;
    }
    Ok(serde_json::from_value(tree)?)
}

/// `60` is a number and `true` a boolean in the environment as in YAML; everything else is text.
fn scalar(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

fn set(tree: &mut Value, path: &[String], value: Value) -> Result<()> {
    let Some((last, parents)) = path.split_last() else { return Ok(()) };
    let mut node = tree;
    for parent in parents {
        node = object(node)?.entry(parent).or_insert_with(|| Value::Object(Map::new()));
    }
    object(node)?.insert(last.clone(), value);
    Ok(())
}

fn object(node: &mut Value) -> Result<&mut Map<String, Value>> {
    if node.is_null() {
        *node = Value::Object(Map::new());
    }
    match node {
        Value::Object(map) => Ok(map),
        other => bail!("{other} is not a mapping"),
    }
}

/// A value that logs and debug output never show.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Reads a secret from the file that a Secret volume has for it; one trailing line break is not part of it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("secret {} cannot be read", path.display()))?;
        Ok(Self(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text)))
    }

    /// The secret itself: for the one who needs it, never for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        host: String,
        pool: Pool,
    }

    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Pool {
        size: u32,
    }

    fn with(pairs: &[(&str, &str)]) -> Result<Sample> {
        let environment = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        parse("host: db\npool:\n  size: 20\n", "SAMPLE", environment)
    }

    #[test]
    fn the_environment_lies_over_the_file() {
        let config =
            with(&[("SAMPLE__POOL__SIZE", "5"), ("SAMPLE__HOST", "other"), ("SAMPLE_PORT", "tcp://1")]).unwrap();
        assert_eq!(config, Sample { host: "other".into(), pool: Pool { size: 5 } });
    }

    #[test]
    fn unknown_keys_are_errors_wherever_they_come_from() {
        let error = format!("{:#}", with(&[("SAMPLE__POOL__SIEZ", "5")]).unwrap_err());
        assert!(error.contains("siez"), "{error}");
    }

    #[test]
    fn secrets_do_not_show() {
        assert_eq!(format!("{:?}", Secret("s3cret".into())), "Secret(…)");
    }
}
