//! What the documents show is true: their suites load, and their links lead somewhere. Their Rust is compiled as documentation
//! tests of the library.

use std::path::Path;

use kind_harness::suite::config::{self, Overrides};
use kind_harness::suite::plan::Plan;
use serde_json::{Value, json};

const DOCUMENTS: [&str; 10] = [
    "README.md",
    "docs/ci.md",
    "docs/cli.md",
    "docs/e2e-yaml.md",
    "docs/guide.md",
    "docs/lifecycle.md",
    "docs/performance.md",
    "docs/readiness.md",
    "docs/troubleshooting.md",
    "DESIGN.md",
];

fn read(document: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{document}: {error}"))
}

/// The code blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    text.split(&opening).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

/// A folder with the suite, and with the files that it names.
fn folder_of(suite: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write("e2e.yaml", suite);
    let parsed: Value = serde_saphyr::from_str(suite).expect("YAML");
    let object = |name: &Value| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
    for component in parsed["components"].as_array().expect("components") {
        let sources = component["manifests"].as_array().into_iter().flatten();
        sources.clone().filter_map(|source| source["kustomize"].as_str()).for_each(|folder| {
            write(&format!("{folder}/kustomization.yaml"), "resources: []\n");
        });
        let tasks = ["before", "after"].into_iter().filter_map(|key| component[key].as_array()).flatten();
        tasks.filter_map(|task| task["job"].as_str()).for_each(|path| write(path, &object(&json!("job"))));
        let chart = &component["helm"];
        if let Some(folder) = chart["chart"].as_str() {
            write(&format!("{folder}/Chart.yaml"), "apiVersion: v2\nname: chart\nversion: 0.1.0\n");
        }
        let values = chart["values"].as_array().into_iter().flatten().filter_map(Value::as_str);
        values.for_each(|path| write(path, "{}\n"));
        for path in sources.filter_map(Value::as_str) {
            let overlay = parsed["overlay"].as_str().map(|overlay| format!("{path}/overlays/{overlay}"));
            match overlay {
                _ if path.ends_with(".yaml") => write(path, &object(&component["name"])),
                None => write(&format!("{path}/object.yaml"), &object(&component["name"])),
                Some(overlay) => {
                    write(&format!("{overlay}/object.yaml"), &object(&component["name"]));
                    write(
                        &format!("{overlay}/kustomization.yaml"),
                        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [object.yaml]\n",
                    );
                }
            }
        }
        let images = component["images"].as_array().into_iter().flatten();
        let folders = images.filter_map(|image| image["recipe"].as_str().or(image["build"]["context"].as_str()));
        folders.for_each(|folder| write(&format!("{folder}/Containerfile"), "FROM scratch\n"));
    }
    if let Some(path) = parsed["cluster"]["config"].as_str() {
        write(path, "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n");
    }
    folder
}

#[test]
fn every_suite_that_a_document_shows_can_be_loaded() {
    let mut count = 0;
    for document in DOCUMENTS {
        for suite in blocks(&read(document), "yaml").into_iter().filter(|block| block.contains("suite: ")) {
            let folder = folder_of(suite);
            let loaded = config::load(&folder.path().join("e2e.yaml"), &Overrides::default());
            let plan = Plan::new(loaded.unwrap_or_else(|error| panic!("{document}: {error}"))).unwrap();
            let problems = plan.manifests().err().map(|error| error.diagnostics().to_vec()).unwrap_or_default();
            // Tools and addresses are for tests of their own.
            let left = problems.iter().filter(|problem| problem.message != "this is not rendered yet");
            assert_eq!(left.count(), 0, "{document}: {problems:?}");
            count += 1;
        }
    }
    assert!(count >= 3, "only {count} suites were found");
}

#[test]
fn every_link_of_a_document_leads_to_a_file() {
    for document in DOCUMENTS {
        let text = read(document);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        for link in links.filter(|link| !link.is_empty() && !link.contains("://") && !link.contains('`')) {
            let target = folder.parent().unwrap().join(link);
            assert!(target.exists(), "{document}: {link}");
        }
    }
}

#[test]
fn the_readme_is_read_in_two_minutes() {
    let readme = read("README.md");
    assert!(readme.len() <= 8 << 10, "{} bytes", readme.len());
    for command in ["cargo run -- up", "cargo test"] {
        assert!(readme.contains(&format!("$ {command} ")), "{command} is missing");
    }
}
