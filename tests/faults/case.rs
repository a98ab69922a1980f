//! A fault: a folder of the corpus.

use std::path::{Path, PathBuf};

use kind_harness::suite::manifests::{self, Manifest};

use crate::expect::Expect;

/// A fault, and what must be said of it.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Its folder's name.
    pub(crate) name: String,
    /// What must be said of it.
    pub(crate) expect: Expect,
    /// What is there before it.
    pub(crate) before: Vec<Manifest>,
    /// What makes it.
    pub(crate) manifests: Vec<Manifest>,
    /// What comes between.
    pub(crate) meanwhile: Vec<Manifest>,
    folder: PathBuf,
}

impl Case {
    fn read(folder: PathBuf) -> Case {
        let at = folder.display();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs_err::read_to_string(folder.join("expect.yaml")).unwrap_or_else(|error| panic!("{error}"));
        let expect = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{at}: {error}"));
        let load = |file: &str| {
            let there = folder.join(file).exists().then(|| manifests::load(&folder, &[file.into()]));
            there.transpose().unwrap_or_else(|error| panic!("{at}: {error}")).unwrap_or_default()
        };
        let [before, manifests, meanwhile] = ["before.yaml", "manifest.yaml", "meanwhile.yaml"].map(load);
        Case { name, expect, before, manifests, meanwhile, folder }
    }

    /// What the watches of a real cluster brought.
    pub(crate) fn recording(&self) -> PathBuf {
        self.folder.join("recording.jsonl")
    }
}

/// The faults to be made: all, or those with `FAULTS` in their name.
pub(crate) fn chosen() -> Vec<Case> {
    let wanted = std::env::var("FAULTS").unwrap_or_default();
    corpus().into_iter().filter(|case| case.name.contains(&wanted)).collect()
}

/// Every fault.
pub(crate) fn corpus() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/cases");
    let entries = fs_err::read_dir(folder).unwrap_or_else(|error| panic!("{error}"));
    let mut folders: Vec<_> = entries.map(|entry| entry.unwrap_or_else(|error| panic!("{error}")).path()).collect();
    folders.sort();
    folders.into_iter().map(Case::read).collect()
}
