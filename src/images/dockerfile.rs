//! What is read from a Dockerfile, and written into a copy of it: the images that its stages begin from.

use std::path::Path;

use crate::suite::config::BuildSpec;

/// Returns the images that a Dockerfile begins from.
pub(super) fn bases(root: &Path, build: &BuildSpec) -> Vec<String> {
    let file = build.file(&root.join(&build.context));
    let text = file.and_then(|file| fs_err::read_to_string(file).ok()).unwrap_or_default();
    text.lines().filter_map(base).map(str::to_owned).collect()
}

/// Returns the image that a line of a Dockerfile begins a stage from.
fn base(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let is_from = words.next()?.eq_ignore_ascii_case("from");
    words.find(|word| is_from && !word.starts_with("--"))
}

/// Returns a Dockerfile that begins its stages from the references of `bases`. No option of an engine does the same in
/// all of them.
pub(super) fn with_bases(dockerfile: &str, bases: &[(&str, String)]) -> String {
    let line = |line: &str| {
        let found = base(line).and_then(|name| bases.iter().find(|(known, _)| *known == name));
        found.map_or_else(|| line.to_owned(), |(name, reference)| line.replacen(name, reference, 1))
    };
    dockerfile.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::with_bases;

    #[test]
    fn stages_begin_from_the_images_that_are_there() {
        let dockerfile = "FROM --platform=linux/amd64 shop/api AS a\nFROM shop/api-tools\nCOPY --from=a /shop/api /\n";
        let bases = [("shop/api", "localhost/kind-harness/api:1".to_owned())];
        let expected = "FROM --platform=linux/amd64 localhost/kind-harness/api:1 AS a\nFROM shop/api-tools\nCOPY --from=a /shop/api /\n";
        assert_eq!(with_bases(dockerfile, &bases), expected);
    }
}
