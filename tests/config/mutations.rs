//! Files that nobody would write.

use kind_harness::suite::config::{self, Overrides};
use kind_harness::suite::manifests;

use crate::VALID;

/// Mutations of a valid text, the same ones in every run.
struct Mutations(u64);

impl Mutations {
    const TOKENS: [&str; 23] = [
        "[",
        "]",
        "{",
        "}",
        ": ",
        "- ",
        "\n",
        "\n---\n",
        "&a ",
        "*a",
        "<<: *a",
        "!!binary ",
        "|\n",
        "\"",
        "'",
        "\t",
        "\r",
        "é✓\u{feff}",
        "\0",
        "? ",
        "99999999999999999999999",
        ".nan",
        "# ",
    ];

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }

    fn of(&mut self, text: &str) -> Vec<u8> {
        let mut text = text.as_bytes().to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(text.len());
            let end = (at + self.below(20)).min(text.len());
            match self.below(5) {
                0 => drop(text.splice(at..at, Self::TOKENS[self.below(Self::TOKENS.len())].bytes())),
                1 => drop(text.drain(at..end)),
                2 => text.truncate(at),
                3 => text.insert(at, u8::try_from(self.below(256)).unwrap()),
                _ => {
                    let (piece, to) = (text[at..end].to_vec(), self.below(text.len()));
                    drop(text.splice(to..to, piece));
                }
            }
        }
        text
    }
}

#[test]
fn no_input_makes_the_loaders_panic() {
    let folder = tempfile::tempdir().unwrap();
    let (suite, manifest) = (folder.path().join("e2e.yaml"), folder.path().join("m.yaml"));
    let mut mutations = Mutations(0x9e37_79b9_7f4a_7c15);
    for round in 0..1000 {
        std::fs::write(&suite, mutations.of(VALID)).unwrap();
        if let Err(error) = config::load(&suite, &Overrides::default()) {
            assert!(!error.diagnostics().is_empty() && !error.render(round % 2 == 0).is_empty());
        }
        std::fs::write(&manifest, mutations.of(include_str!("../fixtures/config/manifest.yaml"))).unwrap();
        if let Err(error) = manifests::load(folder.path(), &["m.yaml".into()]) {
            assert!(!error.diagnostics().is_empty() && !error.render(round % 2 == 0).is_empty());
        }
    }
}
