//! The `run:` blocks of workflows, of the action and of docs/ci.md.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::checkout::Checkout;

/// A script that CI runs, with the values of its matrix and inputs.
pub(crate) struct Block {
    /// Where it stands.
    pub(crate) place: String,
    script: String,
    env: Vec<(String, String)>,
    /// What `${{ }}` stands for.
    values: Vec<(String, String)>,
    /// Whether it runs in a project of its own instead of in this repository.
    is_elsewhere: bool,
}

impl Block {
    pub(crate) fn script(&self) -> String {
        self.evaluate(&self.script)
    }

    pub(crate) fn variables(&self, checkout: &Checkout) -> Vec<(String, String)> {
        let workspace = checkout.path("repository").display().to_string();
        let value = |value: &String| self.evaluate(value).replace("${{ github.workspace }}", &workspace);
        self.env.iter().map(|(name, text)| (name.clone(), value(text))).collect()
    }

    pub(crate) fn folder(&self, checkout: &Checkout) -> PathBuf {
        checkout.path(if self.is_elsewhere { "project" } else { "repository" })
    }

    /// Replaces the expressions that are known; others stay.
    fn evaluate(&self, text: &str) -> String {
        self.values.iter().fold(text.to_owned(), |text, (name, value)| {
            let text = text.replace(&format!("${{{{ {name} }}}}"), value);
            // An input that was not given has the value behind `||`.
            match text.split_once(&format!("${{{{ {name} || '")) {
                Some((before, rest)) => {
                    let (default, after) = rest.split_once("' }}").expect("an expression");
                    format!("{before}{}{after}", if value.is_empty() { default } else { value })
                }
                None => text,
            }
        })
    }
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the code of docs/ci.md in `language` that begins with `first`.
pub(crate) fn code(language: &str, first: &str) -> String {
    let (page, opening) = (read("docs/ci.md"), format!("```{language}\n"));
    let mut blocks = page.split(&opening).skip(1).filter_map(|rest| rest.split("```").next());
    blocks.find(|block| block.starts_with(first)).unwrap_or_else(|| panic!("no {first}")).to_owned()
}

fn entries(mapping: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    mapping.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// Returns every combination of a job's matrix.
fn combinations(matrix: &Value) -> Vec<Vec<(String, String)>> {
    matrix.as_object().into_iter().flatten().fold(vec![Vec::new()], |combinations, (key, values)| {
        let values = values.as_array().expect("a list of values");
        let with = |combination: &Vec<(String, String)>, value: &Value| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            combination.iter().cloned().chain([(format!("matrix.{key}"), value)]).collect()
        };
        combinations.iter().flat_map(|combination| values.iter().map(move |value| with(combination, value))).collect()
    })
}

/// Returns the blocks of every workflow, once for each combination of the job's matrix.
pub(crate) fn workflows() -> Vec<Block> {
    let folder = std::fs::read_dir(root().join(".github/workflows")).expect("the workflows");
    let mut names: Vec<_> = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["ci.yml", "nightly.yml"]);
    let mut blocks = Vec::new();
    for name in names {
        let workflow = yaml(&format!(".github/workflows/{name}"));
        let inputs = &workflow["on"]["workflow_dispatch"]["inputs"];
        let inputs: Vec<_> =
            entries(inputs).into_iter().map(|(name, _)| (format!("inputs.{name}"), String::new())).collect();
        for (job, definition) in workflow["jobs"].as_object().expect("jobs") {
            for combination in combinations(&definition["strategy"]["matrix"]) {
                for step in definition["steps"].as_array().expect("steps") {
                    let Some(script) = step["run"].as_str() else { continue };
                    let env =
                        [&workflow["env"], &definition["env"], &step["env"]].into_iter().flat_map(entries).collect();
                    let values = combination.iter().chain(&inputs).cloned().collect();
                    let place = format!("{name}, job {job}");
                    blocks.push(Block { place, script: script.into(), env, values, is_elsewhere: false });
                }
            }
        }
    }
    blocks
}

/// Returns the blocks of the action, with the defaults of its inputs, in a project that uses it.
pub(crate) fn action() -> Vec<Block> {
    let action = yaml("action.yml");
    let inputs = action["inputs"].as_object().expect("inputs");
    let default = |input: &Value| input["default"].as_str().expect("a default").to_owned();
    let values: Vec<_> = inputs.iter().map(|(name, input)| (format!("inputs.{name}"), default(input))).collect();
    let steps = action["runs"]["steps"].as_array().expect("steps").iter().filter(|step| step["run"].is_string());
    let block = |step: &Value| {
        assert_eq!(step["shell"], "bash", "action.yml: each step of an action names its shell: {step:#}");
        let script = step["run"].as_str().unwrap().to_owned();
        Block {
            place: "action.yml".into(),
            script,
            env: entries(&step["env"]),
            values: values.clone(),
            is_elsewhere: true,
        }
    };
    steps.map(block).collect()
}

/// Returns the scripts of docs/ci.md.
pub(crate) fn documented() -> Vec<Block> {
    let job: Value = serde_saphyr::from_str(&code("yaml", "# .gitlab-ci.yml")).expect("YAML");
    let lines = job["e2e"]["script"].as_array().expect("a script").iter().map(|line| line.as_str().unwrap().to_owned());
    let scripts = lines.chain([code("sh", "export CI=true")]).map(|script| Block {
        place: "docs/ci.md".into(),
        script,
        env: Vec::new(),
        values: Vec::new(),
        is_elsewhere: true,
    });
    scripts.collect()
}
