//! The OpenMetrics text format, as far as the services use it, and no mistake in it overlooked.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};

/// Endings that samples of a type have behind their family's name.
const SUFFIXES: &[(&str, &[&str])] = &[
    ("counter", &["_total", "_created"]),
    ("gauge", &[""]),
    ("histogram", &["_bucket", "_sum", "_count", "_created"]),
    ("info", &["_info"]),
    ("unknown", &[""]),
];

/// What one scrape says.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    /// Name of each family → its type.
    pub(crate) families: BTreeMap<String, String>,
    samples: BTreeMap<Key, f64>,
}

/// Name and labels of a sample.
type Key = (String, BTreeMap<String, String>);

impl Exposition {
    /// Reads an exposition.
    pub(crate) fn parse(text: &str) -> Result<Exposition> {
        let text = text.strip_suffix("# EOF\n").context("its last line is not `# EOF`")?;
        let mut exposition = Exposition::default();
        let mut helped = BTreeSet::new();
        for line in text.lines() {
            exposition.line(line, &mut helped).with_context(|| format!("in the line {line:?}"))?;
        }
        for name in exposition.families.keys() {
            ensure!(helped.contains(name), "{name} has no help");
        }
        Ok(exposition)
    }

    fn line(&mut self, line: &str, helped: &mut BTreeSet<String>) -> Result<()> {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (Some(what), Some(name), Some(value)) = (words.next(), words.next(), words.next()) else {
                bail!("neither a type nor a help nor a unit");
            };
            match what {
                "TYPE" => {
                    ensure!(SUFFIXES.iter().any(|(kind, _)| *kind == value), "an unknown type");
                    let before = self.families.insert(name.to_owned(), value.to_owned());
                    ensure!(before.is_none(), "the family is there twice");
                }
                "HELP" => ensure!(helped.insert(name.to_owned()), "its help is there twice"),
                "UNIT" => ensure!(name.ends_with(&format!("_{value}")), "the name does not end with the unit"),
                _ => bail!("neither a type nor a help nor a unit"),
            }
            return Ok(());
        }
        let (key, value) = sample(line)?;
        self.family(&key.0).context("a sample of no family")?;
        ensure!(self.samples.insert(key, value).is_none(), "the sample is there twice");
        Ok(())
    }

    /// The family that a sample belongs to.
    fn family(&self, sample: &str) -> Option<&str> {
        let belongs = |(name, kind): &(&String, &String)| {
            let suffixes = SUFFIXES.iter().find(|(known, _)| known == kind).map_or(&[][..], |(_, suffixes)| suffixes);
            suffixes.iter().any(|suffix| sample.strip_suffix(suffix) == Some(name))
        };
        self.families.iter().find(belongs).map(|(name, _)| name.as_str())
    }

    /// The value of the sample with exactly these labels.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.samples.get(&(name.to_owned(), labels)).copied()
    }

    /// Every sample of this name.
    pub(crate) fn samples<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a BTreeMap<String, String>, f64)> {
        self.samples.iter().filter(move |((sample, _), _)| sample == name).map(|((_, labels), value)| (labels, *value))
    }
}

/// `name{label="value",…} 1.5`.
fn sample(line: &str) -> Result<(Key, f64)> {
    let end = line.find(['{', ' ']).context("a name alone")?;
    let (name, mut rest) = line.split_at(end);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    ensure!(!name.is_empty() && name.chars().all(is_name), "a name with other characters");
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"").context("a label without a value")?;
            let (value, after) = quoted(after)?;
            ensure!(labels.insert(label.to_owned(), value).is_none(), "a label twice");
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').context("no space before the value")?;
    Ok(((name.to_owned(), labels), value.parse().with_context(|| format!("{value:?} is no number"))?))
}

/// The text up to the closing quote, without its escapes, and what follows.
fn quoted(text: &str) -> Result<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                _ => bail!("an unknown escape"),
            },
            _ => value.push(char),
        }
    }
    bail!("a value without an end")
}
