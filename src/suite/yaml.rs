//! YAML with locations: every file of the harness is read through here, so that every error has a location.
//!
//! The rules are those of `kubectl`, for `e2e.yaml` too, so that there is only one set of rules: unquoted `yes`, `on`
//! and `off` are booleans (as keys they are strings), `0644` is octal, a duplicate key is an error, anchors and merge
//! keys work within a document, and an integer too big for 64 bits must be quoted.

mod de;
mod diagnostic;
mod error;
mod json;
mod node;
mod source;
mod values;

pub(crate) use de::decode;
pub use diagnostic::{Diagnostic, Position};
pub(crate) use diagnostic::{Diagnostics, did_you_mean};
pub(crate) use node::{Node, Value};
pub(crate) use source::{Source, Span, reason};
pub use values::values;

use serde_saphyr::Spanned;

/// The maximum nesting: enough for any custom resource definition, and also the limit of API servers.
const MAX_DEPTH: usize = 128;

/// In a debug build the parser takes up to 25 KiB of stack per level, too much for the 2 MiB of a test's thread. Unused
/// pages cost nothing.
const STACK: usize = 16 << 20;

/// Returns the documents of a file, without the empty ones.
pub(crate) fn documents(source: &Source) -> Result<Vec<Node>, Box<Diagnostic>> {
    std::thread::scope(|scope| {
        let parser = std::thread::Builder::new().name("yaml".into()).stack_size(STACK);
        let thread = parser.spawn_scoped(scope, || parse(source)).map_err(|error| {
            Box::new(Diagnostic::of_file(source.path(), format!("no thread to read this file: {}", reason(&error))))
        })?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn parse(source: &Source) -> Result<Vec<Node>, Box<Diagnostic>> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, max_events: 4_000_000, max_nodes: 1_000_000 },
        legacy_octal_numbers: true,
        with_snippet: false,
    };
    let read: Result<Vec<Spanned<Value>>, _> = serde_saphyr::from_multiple_with_options(source.text(), options);
    let nodes = read.map_err(|error| Box::new(error::diagnostic(source, &error)))?;
    Ok(nodes.into_iter().map(Node::from).filter(|node| !matches!(node.value, Value::Null)).collect())
}
