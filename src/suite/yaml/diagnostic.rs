//! Problems of a file and their locations: one format for YAML errors, unknown keys, cycles and invalid manifests.

use std::fmt;
use std::path::{Path, PathBuf};

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::readiness::redact::Redactor;
use crate::suite::yaml::{Source, Span};

/// One problem of one file.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// The file, as the message names it.
    pub file: PathBuf,
    /// The location in the file; `None` when the problem is the file as a whole.
    pub position: Option<Position>,
    /// The problem.
    pub message: String,
    /// How to fix it.
    pub help: Option<String>,
    marks: Vec<Mark>,
}

/// A location in a file, with the numbering of editors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
}

/// `line:column`
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A span of a source that the message points to. The first of a diagnostic is the location of the problem.
#[derive(Debug, Clone)]
struct Mark {
    source: Source,
    span: Span,
    label: Option<String>,
}

impl Diagnostic {
    /// Returns a problem at `span` of `source`.
    pub(crate) fn at(source: &Source, span: Span, message: impl AsRef<str>) -> Diagnostic {
        Diagnostic {
            position: Some(source.position(span)),
            marks: vec![Mark { source: source.clone(), span, label: None }],
            ..Diagnostic::of_file(source.path(), message)
        }
    }

    /// Returns a problem of a file as a whole, such as a missing one.
    pub(crate) fn of_file(file: &Path, message: impl AsRef<str>) -> Diagnostic {
        let (file, message) = (file.to_owned(), printable(message.as_ref()));
        Diagnostic { file, position: None, message, help: None, marks: Vec::new() }
    }

    /// Adds how to fix it.
    pub(crate) fn help(mut self, help: impl AsRef<str>) -> Diagnostic {
        self.help = Some(printable(help.as_ref()));
        self
    }

    /// Writes `label` next to the caret.
    pub(crate) fn label(mut self, label: impl AsRef<str>) -> Diagnostic {
        if let Some(mark) = self.marks.first_mut() {
            mark.label = Some(printable(label.as_ref()));
        }
        self
    }

    /// Points to one more location that explains the first.
    pub(crate) fn see(mut self, source: &Source, span: Span, label: impl AsRef<str>) -> Diagnostic {
        self.marks.push(Mark { source: source.clone(), span, label: Some(printable(label.as_ref())) });
        self
    }

    fn groups(&self) -> Vec<Group<'_>> {
        let title = Level::ERROR.primary_title(&self.message);
        let mut group = if self.marks.is_empty() {
            title.element(Origin::path(self.file.to_string_lossy()))
        } else {
            title.elements(self.snippets())
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help));
        }
        vec![group]
    }

    /// Returns one snippet per file, the problem's own first, with all marks in that file.
    fn snippets(&self) -> Vec<Snippet<'_, annotate_snippets::Annotation<'_>>> {
        let mut sources: Vec<&Source> = Vec::new();
        for mark in &self.marks {
            if !sources.iter().any(|known| known.same(&mark.source)) {
                sources.push(&mark.source);
            }
        }
        let snippet = |source: &Source| {
            let marks = self.marks.iter().enumerate().filter(|(_, mark)| mark.source.same(source));
            let annotations = marks.map(|(index, mark)| {
                let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
                kind.span(mark.source.visible(mark.span)).label(mark.label.as_deref())
            });
            let annotations: Vec<_> = annotations.collect();
            Snippet::source(source.text().to_owned())
                .path(source.path().to_string_lossy().into_owned())
                .annotations(annotations)
        };
        sources.into_iter().map(snippet).collect()
    }
}

/// The problems of one or more files, in the order of the files' lines.
#[derive(Debug, Clone, Default)]
pub(crate) struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Returns the problems of one file, sorted by location.
    pub(crate) fn sorted(mut all: Vec<Diagnostic>) -> Diagnostics {
        all.sort_by_key(|diagnostic| diagnostic.position);
        Diagnostics(all)
    }

    /// Returns the problems in the order in which they were found.
    pub(crate) fn in_order(all: Vec<Diagnostic>) -> Diagnostics {
        Diagnostics(all)
    }

    pub(crate) fn as_slice(&self) -> &[Diagnostic] {
        &self.0
    }

    /// Formats all of them as text, coloured if the caller wants that.
    pub(crate) fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let texts: Vec<String> = self.0.iter().map(|diagnostic| renderer.render(&diagnostic.groups())).collect();
        // Masked with the same width, so that carets stay below what they point at.
        Redactor::global().text_in_place(&texts.join("\n\n")).into_owned()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// Returns `text` without control characters, with which a file could write to the terminal.
fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, character| {
        if character.is_control() {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
        out
    })
}

/// Returns `did you mean …`, if one of `known` is similar to `word`.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (word.chars().count().min(candidate.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}
