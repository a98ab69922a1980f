//! Finds every form of every known value in one pass over a text.

use std::collections::BTreeSet;
use std::ops::Range;

use aho_corasick::AhoCorasick;

use super::{SHORTEST, forms, shapes};

/// The automaton has only the start of a form, and the rest is compared when that matches: keys and certificates would
/// make it large.
const HEAD: usize = 32;

/// Finds the values that were known when it was built.
pub(super) struct Search {
    /// `None` when there is nothing to search for.
    heads: Option<AhoCorasick>,
    /// The rest of each form after its head, in the order of the automaton's patterns.
    tails: Vec<Vec<u8>>,
    /// The verbatim values, for comparison as a whole.
    values: BTreeSet<Vec<u8>>,
}

impl Search {
    /// Builds a search for `values`, except for those that are part of one of `names`.
    pub(super) fn new(values: &BTreeSet<Vec<u8>>, names: &BTreeSet<String>) -> Search {
        let names = names.iter().map(String::as_str).collect::<Vec<_>>().join("\0");
        let is_spared = |value: &[u8]| std::str::from_utf8(value.trim_ascii()).is_ok_and(|text| names.contains(text));
        let values: BTreeSet<_> = values.iter().filter(|value| !is_spared(value)).cloned().collect();
        let forms: BTreeSet<Vec<u8>> = values.iter().flat_map(|value| forms::all(value)).collect();
        let forms = forms.into_iter().filter(|form| form.len() >= SHORTEST && !is_spared(form));
        let (heads, tails): (Vec<_>, Vec<_>) = forms
            .map(|mut form| {
                let tail = form.split_off(form.len().min(HEAD));
                (form, tail)
            })
            .unzip();
        // Building fails beyond 2³¹ patterns, which do not fit into memory.
        let heads = if heads.is_empty() { None } else { AhoCorasick::new(&heads).ok() };
        Search { heads, tails, values }
    }

    /// Returns the ranges of known values, and of secrets by their shape, in `text`: in order, and merged where they
    /// overlap or touch.
    pub(super) fn find_all(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = self.values_in(text);
        found.extend(shapes::find(text));
        merge(found)
    }

    /// Returns the ranges of known values in `text`.
    pub(super) fn find_values(&self, text: &str) -> Vec<Range<usize>> {
        merge(self.values_in(text))
    }

    /// Returns whether `text` is a known value.
    pub(super) fn is_value(&self, text: &str) -> bool {
        self.values.contains(text.as_bytes())
    }

    fn values_in(&self, text: &str) -> Vec<Range<usize>> {
        let Some(heads) = &self.heads else { return Vec::new() };
        // Overlapping, because both of two overlapping values must be masked.
        let heads = heads.find_overlapping_iter(text);
        let found = heads.filter_map(|head| {
            let tail = &self.tails[head.pattern().as_usize()];
            let rest = &text.as_bytes()[head.end()..];
            rest.starts_with(tail).then(|| head.start()..head.end() + tail.len())
        });
        found.collect()
    }
}

fn merge(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}
