//! `init`: writes a first suite from what a folder has.

mod images;
mod kustomize;
mod names;
mod objects;
mod project;
mod survey;
mod texts;
mod units;
mod write;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::inspect::{print, print_json};
use super::outputs::{self, Choice, InitFile};
use super::{Cli, Exit, Failure, Output};
use images::Made;
use names::label;
use project::Project;
use survey::Survey;
use texts::{Component, SuiteText};
use units::{Chosen, Source, Unit};

/// What `init` is told.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Request {
    /// The folder of the project
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// The suite's file.
const SUITE: &str = "e2e.yaml";

/// The version that docs/guide.md takes.
const K8S_OPENAPI: &str = "0.29";

impl Cli {
    pub(super) async fn init(&self, request: &Request) -> Result<Exit, Failure> {
        if self.file != Path::new(SUITE) {
            let text = "`init` writes e2e.yaml into the folder that it is given: `kind-harness init FOLDER`, without --file or KIND_HARNESS_FILE";
            return Err(Failure::told(Exit::Usage, text));
        }
        let made = make(&request.folder).await?;
        if self.output == Output::Json {
            print_json(&outputs::Init { files: &made.files, choices: &made.choices, next: &made.next });
            return Ok(Exit::Done);
        }
        made.choices.iter().for_each(|choice| print(&choice.to_string()));
        made.files.iter().for_each(|file| print(&file.message));
        made.next.iter().for_each(|command| print(&format!("next: {command}")));
        Ok(Exit::Done)
    }
}

/// What was made, and why.
#[derive(Debug)]
struct Report {
    files: Vec<InitFile>,
    choices: Vec<Choice>,
    next: Vec<String>,
}

/// Makes a suite for `folder`, and writes its files.
async fn make(folder: &Path) -> Result<Report, Failure> {
    let unread = |error: std::io::Error| {
        let text = format!(
            "{} cannot be read: {error}; name the project's folder: `kind-harness init FOLDER`",
            folder.display()
        );
        Failure::told(Exit::Usage, text)
    };
    let root = std::fs::canonicalize(folder).map_err(unread)?;
    if std::fs::symlink_metadata(root.join(SUITE)).is_ok() {
        let text = "e2e.yaml is there already; left as it is, and nothing was written. `kind-harness plan` checks it; move it away to have another one made";
        return Err(Failure::told(Exit::Usage, text));
    }
    let project = Project::of(&root).await?;
    let survey = Survey::of(&root).map_err(unread)?;
    let (suite, from) = match (&project.package, root.file_name()) {
        (Some(package), _) => (label(package), "the package's name"),
        (None, name) => (label(&name.unwrap_or_default().to_string_lossy()), "the folder's name"),
    };
    let Chosen { units, overlay, mut choices } = Chosen::of(&root, &survey, &suite);
    if units.is_empty() {
        return Err(nothing(folder, &choices));
    }
    if let Some(overlay) = &overlay {
        let because = if overlay == "dev" { "a folder has it" } else { "no folder has an overlay dev" };
        choices.push(Choice::new(format!("overlay: {overlay}"), because));
    }
    let made = |image: &str| images::made(image, &root, &survey.dockerfiles, &project, &suite);
    let components = components(&units, &survey.dockerfiles, made, &mut choices);
    let namespaced = units.iter().find(|unit| unit.namespace.is_some());
    let namespace = namespaced.and_then(|unit| unit.namespace.as_deref()).unwrap_or(&suite);
    let namespace = (namespace, namespaced);
    let text = SuiteText { suite: (&suite, from), namespace, overlay: overlay.as_deref(), components };
    let files = write::all(&root, &text, &project)?;
    Ok(Report { files, choices, next: next(folder, &project) })
}

/// Returns the components, with images that are `made` here and with node ports, each of which a cluster has once.
fn components<'a>(
    units: &'a [Unit],
    dockerfiles: &[PathBuf],
    made: impl Fn(&str) -> Option<Made>,
    choices: &mut Vec<Choice>,
) -> Vec<Component<'a>> {
    let (mut used, mut nodes) = (BTreeSet::new(), BTreeSet::new());
    let mut components = Vec::new();
    for unit in units {
        let images: Vec<Made> = unit.images.iter().filter_map(|image| made(image)).collect();
        for Made { image, key, because, dockerfile } in &images {
            choices.push(Choice::new(format!("{}: image {image}, {key}", unit.name), because));
            used.extend(dockerfile.clone());
        }
        let mut ports = objects::node_ports(&unit.objects);
        ports.retain(|(_, node)| nodes.insert(*node));
        for (name, node) in &ports {
            choices.push(Choice::new(
                format!("{}: port {name}", unit.name),
                format!("a Service has the node port {node}"),
            ));
        }
        let hint = if matches!(unit.source, Source::Chart(..)) { made(&unit.name) } else { None };
        components.push(Component { unit, images, hint, ports });
    }
    for file in dockerfiles.iter().filter(|file| !used.contains(*file)) {
        let because = "no manifest has an image of its name; add it under `images` of the component that runs it";
        choices.push(Choice::new(format!("{}: not used", file.display()), because));
    }
    components
}

/// Says that nothing was found, and what was looked for.
fn nothing(folder: &Path, choices: &[Choice]) -> Failure {
    let folders = units::FOLDERS.map(|name| format!("{name}/")).join(", ");
    let left: String = choices.iter().map(|choice| format!("\n  {choice}")).collect();
    let text = format!(
        "{}: nothing that can be deployed was found, and nothing was written. Looked for charts (Chart.yaml), kustomizations \
         (kustomization.yaml), and YAML files of objects in folders named {folders}; name another folder (`kind-harness init \
         FOLDER`), or write e2e.yaml by hand, as docs/guide.md shows{left}",
        folder.display()
    );
    Failure::told(Exit::Usage, text)
}

/// Returns the commands to run next.
fn next(folder: &Path, project: &Project) -> Vec<String> {
    let is_here = folder == Path::new(".");
    let at = |flag: &str, file: &str| match is_here {
        true => String::new(),
        false => format!(" {flag} {}", folder.join(file).display()),
    };
    let mut next = Vec::new();
    if project.package.is_some() && !project.has_harness {
        let at = at("--manifest-path", "Cargo.toml");
        let crates = format!("kind-harness k8s-openapi@{K8S_OPENAPI} --features k8s-openapi/latest");
        next.push(format!("cargo add{at} --dev {crates}"));
    }
    next.push(format!("kind-harness plan{}", at("-f", SUITE)));
    next
}

#[cfg(test)]
mod tests;
