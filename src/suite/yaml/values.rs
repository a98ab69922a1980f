//! YAML and JSON saved by other programs: parsed without locations.

use serde_json::Value;

use super::{MAX_DEPTH, STACK};

/// Limit for a file of objects: a hundred thousand events, and more.
const MOST: usize = 100_000_000;

/// Returns the documents of a text that is YAML or JSON, without the empty ones. Of a duplicate key, the later counts.
///
/// # Errors
/// The problem, with line and column.
pub fn values(text: &str) -> Result<Vec<Value>, String> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with(['{', '[']) {
        let documents: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
        // Text that starts like JSON may be YAML in flow style.
        if let Ok(documents) = documents {
            return Ok(documents.into_iter().filter(|document| !document.is_null()).collect());
        }
    }
    std::thread::scope(|scope| {
        let parser = std::thread::Builder::new().name("yaml".into()).stack_size(STACK);
        let thread = parser.spawn_scoped(scope, || parse(text)).map_err(|error| error.to_string())?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn parse(text: &str) -> Result<Vec<Value>, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, max_events: MOST, max_nodes: MOST, max_total_scalar_bytes: 1 << 30, max_documents: 1_000_000 },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        legacy_octal_numbers: true,
        with_snippet: false,
    };
    let read: Result<Vec<Value>, _> = serde_saphyr::from_multiple_with_options(text, options);
    Ok(read.map_err(|error| error.to_string())?.into_iter().filter(|document| !document.is_null()).collect())
}
