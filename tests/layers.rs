//! The layers of DESIGN.md: modules import from their own layer or from below, and never in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The layer of each top module. `report` is sent to by all of them.
const LAYERS: [(&str, u8); 10] = [
    ("report", 0),
    ("suite", 1),
    ("host", 2),
    ("images", 3),
    ("sources", 3),
    ("cluster", 3),
    ("deploy", 3),
    ("teardown", 3),
    ("run", 4),
    ("environment", 5),
];

/// Top modules that are a layer of several modules, each of which counts by itself.
const OF_SEVERAL: [&str; 3] = ["suite", "host", "run"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in
            std::fs::read_dir(folder).expect("a source of ours").map(|entry| entry.expect("a source of ours").path())
        {
            if entry.is_dir() {
                open.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                files.push(entry);
            }
        }
    }
    files
}

/// The module that a path of module names belongs to: its first, or its first two in a layer of several.
fn module<'a>(path: impl IntoIterator<Item = &'a str>) -> String {
    let mut path = path.into_iter();
    let first = path.next().unwrap_or_default();
    match path.next().filter(|_| OF_SEVERAL.contains(&first)) {
        Some(second) => format!("{first}::{second}"),
        None => first.to_owned(),
    }
}

fn layer(module: &str) -> Option<u8> {
    let top = module.split("::").next();
    LAYERS.iter().find(|(name, _)| Some(*name) == top).map(|(_, layer)| *layer)
}

/// The lines of a file that are neither comments nor tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

/// The paths of a line that begin with `crate::` or `super::`, from the crate's root; `modules` is the file's own path.
fn paths(line: &str, modules: &[&str]) -> Vec<Vec<String>> {
    let names = |rest: &str| -> Vec<String> {
        let path = rest.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).next().unwrap_or_default();
        path.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let absolute = line.split("crate::").skip(1).map(names);
    let supers = line.match_indices("super::").filter(|(at, _)| !line[..*at].ends_with("super::"));
    let relative = supers.map(|(at, _)| {
        let (mut rest, mut up) = (&line[at..], 0);
        while let Some(more) = rest.strip_prefix("super::") {
            (rest, up) = (more, up + 1);
        }
        let above = modules[..modules.len().saturating_sub(up)].iter().map(|name| (*name).to_owned());
        let mut path: Vec<String> = above.collect();
        path.extend(names(rest));
        path
    });
    absolute.chain(relative).collect()
}

/// Each module, and the modules that it imports with a file that does.
fn imports() -> BTreeMap<String, BTreeMap<String, PathBuf>> {
    let source = root().join("src");
    let mut imports: BTreeMap<String, BTreeMap<String, PathBuf>> = BTreeMap::new();
    for file in sources(&source) {
        let path = file.strip_prefix(&source).expect("a source of ours").with_extension("");
        let importer = module(path.iter().filter_map(|part| part.to_str()));
        let is_test = path.iter().any(|part| part == "tests");
        if layer(&importer).is_none() || is_test {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("a source of ours");
        let modules: Vec<&str> = path.iter().map(|part| part.to_str().expect("a source of ours")).collect();
        for imported in code(&text).flat_map(|line| paths(line, &modules)) {
            // `crate::{…}`, and a whole layer of several modules.
            let is_broad = imported.first().is_none_or(|top| imported.len() == 1 && OF_SEVERAL.contains(&top.as_str()));
            assert!(!is_broad, "{}: imports of several modules in one are not followed: {imported:?}", file.display());
            let imported = module(imported.iter().map(String::as_str));
            if layer(&imported).is_some() && imported != importer {
                imports.entry(importer.clone()).or_default().insert(imported, file.clone());
            }
        }
    }
    imports
}

#[test]
fn modules_import_from_their_own_layer_or_from_below() {
    let imports = imports();
    assert!(imports.len() > 10, "the sources were not found: {imports:?}");
    let upward: Vec<String> = imports
        .iter()
        .flat_map(|(importer, imported)| imported.iter().map(move |it| (importer, it)))
        .filter(|(importer, (imported, _))| layer(imported) > layer(importer))
        .map(|(importer, (imported, file))| format!("{importer} imports {imported} in {}", file.display()))
        .collect();
    assert_eq!(upward, [] as [String; 0]);
}

#[test]
fn modules_do_not_import_each_other_in_a_circle() {
    let imports = imports();
    let mut cycles = BTreeSet::new();
    for start in imports.keys() {
        let mut reached = BTreeSet::new();
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            for imported in imports.get(at).into_iter().flat_map(BTreeMap::keys) {
                if reached.insert(imported) {
                    open.push(imported);
                }
            }
        }
        if reached.contains(start) {
            cycles.insert(start.clone());
        }
    }
    assert_eq!(cycles, BTreeSet::new());
}

#[test]
fn readiness_knows_nothing_of_the_harness_and_no_library_of_a_version_or_a_terminal() {
    let manifest = |folder: &str| std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
    let dependencies = |text: &str| {
        let (_, after) = text.split_once("\n[dependencies]\n").unwrap();
        after.split("\n[").next().unwrap().to_owned()
    };
    let readiness = dependencies(&manifest("crates/readiness"));
    assert!(readiness.contains("kube"), "{readiness}");
    assert!(!readiness.contains("kind-harness"), "{readiness}");
    for folder in [".", "crates/readiness", "crates/macros"] {
        let dependencies = dependencies(&manifest(folder));
        for unwanted in ["clap", "indicatif", "v1_"] {
            assert!(!dependencies.contains(unwanted), "{folder}: {unwanted}");
        }
    }
}
