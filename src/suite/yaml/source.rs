//! A text, its file, and locations in it.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::suite::yaml::{Diagnostic, Position};

/// A byte range of a source. It may be empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A text and its file. Clones share both.
#[derive(Debug, Clone)]
pub(crate) struct Source(Arc<(PathBuf, String)>);

impl Source {
    pub(crate) fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Source {
        Source(Arc::new((path.into(), text.into())))
    }

    /// Reads the file `real`, which messages call `shown`.
    pub(crate) fn read(shown: &Path, real: &Path) -> Result<Source, Box<Diagnostic>> {
        let bytes = std::fs::read(real).map_err(|error| {
            Box::new(Diagnostic::of_file(shown, format!("this file cannot be read: {}", reason(&error))))
        })?;
        String::from_utf8(bytes).map(|text| Source::new(shown, text)).map_err(|error| {
            let start = error.utf8_error().valid_up_to();
            let lossy = Source::new(shown, String::from_utf8_lossy(error.as_bytes()));
            Box::new(Diagnostic::at(&lossy, Span { start, end: start }, "this is not UTF-8"))
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0.0
    }

    pub(crate) fn text(&self) -> &str {
        &self.0.1
    }

    /// Returns whether both are the same reading of the same file.
    pub(crate) fn same(&self, other: &Source) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns the text at `span`.
    pub(crate) fn slice(&self, span: Span) -> &str {
        self.text().get(span.start..span.end).unwrap_or_default()
    }

    /// Returns where `span` starts, with the numbering of editors.
    pub(crate) fn position(&self, span: Span) -> Position {
        let before = &self.text()[..self.floor(span.start)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before[line_start..].chars().filter(|&character| character != '\u{feff}').count() + 1;
        Position { line: before.matches('\n').count() + 1, column }
    }

    /// Returns the byte offset of character `column` of `line`, both from 1, or the nearest offset.
    pub(crate) fn offset(&self, line: usize, column: usize) -> usize {
        let mut start = 0;
        for text in self.text().split_inclusive('\n').take(line.saturating_sub(1)) {
            start += text.len();
        }
        let rest = self.text()[start..].split('\n').next().unwrap_or_default();
        let into = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(index, _)| index);
        start + into
    }

    /// Returns `span` such that a caret can show it: on character boundaries, on one line, and at least one character
    /// wide if possible.
    pub(crate) fn visible(&self, span: Span) -> Range<usize> {
        let start = self.floor(span.start);
        let line = &self.text()[start..];
        let line = &line[..line.find(['\n', '\r']).unwrap_or(line.len())];
        let least = line.chars().next().map_or(0, char::len_utf8);
        let end = self.floor(span.end).clamp(start + least, start + line.len());
        start..end
    }

    fn floor(&self, index: usize) -> usize {
        let text = self.text();
        let index = index.min(text.len());
        (0..=index).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
    }
}

/// Returns the operating system's error message, without its number.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}
