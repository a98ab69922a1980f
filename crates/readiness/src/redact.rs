//! Masks secrets in all output: console, errors, reports, recordings and bundles.
//!
//! A [`Redactor`] learns secret values and finds them in any text, in the encodings that programs use. Other secrets
//! are masked by field (`data` of a Secret, variables with secret names) and by shape (bearer and JSON web tokens,
//! passwords in URLs, `--password=…`).

mod fields;
mod forms;
mod learn;
mod names;
mod search;
mod shapes;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, LazyLock, PoisonError, RwLock, RwLockReadGuard};

use unicode_width::UnicodeWidthStr;

use search::Search;

pub use names::{is_secret_name, is_secret_option};

/// The replacement of a secret. Shorter than any value that is searched for, so that replacing terminates.
pub const MASK: &str = "***";

/// The consequence if Secrets cannot be listed.
pub const MASKED_BY_FIELD: &str = "values of Secrets are masked only where a field or a shape shows them";

/// Shorter values, in bytes, are not searched for: they occur in too many texts.
const SHORTEST: usize = 6;

/// The redactor that all writers of this process share.
static GLOBAL: LazyLock<Redactor> = LazyLock::new(Redactor::default);

/// Masks secrets in texts and objects. Clones share the learned values.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    values: BTreeSet<Vec<u8>>,
    /// Public names of the suite.
    names: BTreeSet<String>,
    /// Built when a text is masked for the first time after a new value.
    search: Option<Arc<Search>>,
}

/// Prints the number of learned values, but not the values.
impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").field("values", &self.read().values.len()).finish_non_exhaustive()
    }
}

impl Redactor {
    /// Returns the redactor that all writers of this process share.
    #[must_use]
    pub fn global() -> &'static Redactor {
        &GLOBAL
    }

    /// Learns values to mask. Those of fewer than six bytes are ignored.
    pub fn learn(&self, values: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        let is_new = |known: &Known, value: &[u8]| value.len() >= SHORTEST && !known.values.contains(value);
        let known = self.read();
        let new: Vec<Vec<u8>> =
            values.into_iter().filter(|it| is_new(&known, it.as_ref())).map(|it| it.as_ref().to_vec()).collect();
        drop(known);
        if !new.is_empty() {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            known.values.extend(new);
            known.search = None;
        }
    }

    /// Learns public names of the suite: of components, namespaces and objects. A value that is part of one is not
    /// masked, because masking it would only reveal which names contain a secret.
    pub fn spare(&self, names: impl IntoIterator<Item = impl Into<String>>) {
        let known = self.read();
        let new: Vec<String> = names.into_iter().map(Into::into).filter(|name| !known.names.contains(name)).collect();
        drop(known);
        if !new.is_empty() {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            known.names.extend(new);
            known.search = None;
        }
    }

    /// Returns `text` with every known value, and everything that has the shape of a secret, replaced by `***`.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let search = self.search();
        let found = search.find_all(text);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut masked = replace(text, &found);
        loop {
            // Removing a value may join the two ends of another. Each round makes the text shorter.
            let found = search.find_values(&masked);
            if found.is_empty() {
                return Cow::Owned(masked);
            }
            masked = replace(&masked, &found);
        }
    }

    /// Masks like [`Redactor::text`], with a mask as wide as the secret, so that columns are kept.
    #[must_use]
    pub fn text_in_place<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let search = self.search();
        let mut masked = Cow::Borrowed(text);
        let mut found = search.find_all(text);
        while !found.is_empty() {
            let stars = |secret: &str| -> String {
                secret.split('\n').map(|line| "*".repeat(line.width())).collect::<Vec<_>>().join("\n")
            };
            let next = replace_with(&masked, &found, stars);
            // A value of asterisks is its own mask.
            if next == *masked {
                break;
            }
            masked = Cow::Owned(next);
            found = search.find_values(&masked);
        }
        masked
    }

    fn search(&self) -> Arc<Search> {
        if let Some(search) = &self.read().search {
            return search.clone();
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Known { values, names, search } = &mut *known;
        search.get_or_insert_with(|| Arc::new(Search::new(values, names))).clone()
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns `text` with these ranges, which are in order and do not touch, replaced by the mask.
fn replace(text: &str, ranges: &[Range<usize>]) -> String {
    replace_with(text, ranges, |_| MASK.to_owned())
}

fn replace_with(text: &str, ranges: &[Range<usize>], mask: impl Fn(&str) -> String) -> String {
    let (mut masked, mut end) = (String::with_capacity(text.len()), 0);
    for range in ranges {
        masked.push_str(&text[end..range.start]);
        masked.push_str(&mask(&text[range.clone()]));
        end = range.end;
    }
    masked.push_str(&text[end..]);
    masked
}

#[cfg(test)]
mod tests;
