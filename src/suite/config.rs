//! A suite's configuration: file, then environment, then flags, checked once.

mod check;
mod checks;
mod cluster;
pub mod duration;
mod image;
#[cfg(feature = "schema")]
mod json_schema;
mod keep;
pub(crate) mod kubernetes;
mod need;
mod overrides;
mod readiness;
mod retry;
mod scalar;
mod schema;
mod source;
mod switches;
mod text_or;
mod timing;

use std::path::{Path, PathBuf};

pub use checks::{Check, ServicePort};
pub use cluster::{Boot, ClusterSpec, Isolation, Load, ProviderKind};
pub use image::{Base, BuildSpec, CargoSpec, ImageSpec};
#[cfg(feature = "schema")]
pub use json_schema::json_schema;
pub use keep::Keep;
pub use need::{Need, Until};
pub use overrides::Overrides;
pub use readiness::{FieldSpec, GraceSpec, KindSpec, ReadySpec};
pub use retry::RetrySpec;
pub use scalar::Scalar;
pub use schema::*;
pub use source::{HelmSpec, ManifestSpec, TaskSpec};
pub use switches::{SWITCHES, Share, Switch, Switches, WrongVariable};
pub use timing::{AlertSpec, GradeSpec};

use crate::suite::graph::Graph;
use crate::suite::yaml::{self, Node, Source};
use crate::suite::yaml::{Diagnostic, Diagnostics};

/// A parsed and checked suite, and its location.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The suite, with values from the environment and the command line replacing those of the file. Paths are as
    /// written.
    pub suite: Suite,
    /// The folder of the file, absolute: the suite's paths are relative to it.
    pub root: PathBuf,
    /// The path of the file, as given.
    pub path: PathBuf,
}

/// A rejected configuration, with all problems that were found, not only the first.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{problems}")]
pub struct ConfigError {
    problems: Diagnostics,
}

impl ConfigError {
    fn new(problems: Vec<Diagnostic>) -> ConfigError {
        ConfigError { problems: Diagnostics::sorted(problems) }
    }

    /// Returns the problems, in the order of the file's lines; at least one.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        self.problems.as_slice()
    }

    /// Returns the problems as text, with a caret under each. `Display` is the same without colour.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        self.problems.render(color)
    }
}

/// Reads and checks the suite at `path`, with `overrides` replacing its values.
///
/// # Errors
/// The file cannot be read or is not UTF-8 or not YAML; or it has unknown keys, values of the wrong type, duplicate or
/// invalid names, ports out of range, unknown or circular `needs`, or paths to missing files. All problems of the
/// second group are reported together.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Loaded, ConfigError> {
    let source = Source::read(path, path).map_err(|problem| ConfigError::new(vec![*problem]))?;
    let root = folder(path).map_err(|error| {
        ConfigError::new(vec![Diagnostic::of_file(path, format!("cannot tell which folder this file is in: {error}"))])
    })?;
    let suite = parse(&source, &root, overrides).map_err(ConfigError::new)?;
    Ok(Loaded { suite, root, path: path.to_owned() })
}

fn parse(source: &Source, root: &Path, overrides: &Overrides) -> Result<Suite, Vec<Diagnostic>> {
    let tree = only_document(source).map_err(|problem| vec![*problem])?;
    let (suite, mut problems) = yaml::decode::<Suite>(source, &tree);
    if let Some(suite) = &suite {
        problems.extend(check::all(suite, overrides.overlay.as_deref(), &tree, source, root));
    }
    problems.extend(suite.as_ref().and_then(|suite| check::version(suite, overrides, &tree, source)));
    problems.extend(overrides.name.as_deref().and_then(|name| check::overriding_name(source, name)));
    match suite {
        Some(suite) if problems.is_empty() => Ok(overrides.over(suite)),
        _ => Err(problems),
    }
}

fn only_document(source: &Source) -> Result<Node, Box<Diagnostic>> {
    let mut documents = yaml::documents(source)?;
    if let Some(second) = documents.get(1) {
        let problem = Diagnostic::at(source, second.span, "a second document begins here; a suite is one document");
        return Err(Box::new(problem.help("remove the `---` line above")));
    }
    let help = "a suite needs at least `suite`, `namespace` and `components`";
    documents.pop().ok_or_else(|| Box::new(Diagnostic::of_file(source.path(), "the file is empty").help(help)))
}

/// Returns the line of `path` with a component's source: manifests by their index, or else its chart. `None` if the
/// file has changed since.
pub(crate) fn line_of_source(path: &Path, component: &str, index: usize) -> Option<usize> {
    line_in_components(path, |it| {
        let manifests = it.get("manifests").map_or(&[][..], Node::items);
        (it.at("name").text() == Some(component)).then(|| manifests.get(index).unwrap_or_else(|| it.at("helm")))
    })
}

/// Returns the first line of `path` with the image `name` of a component. `None` if the file has changed since.
pub(crate) fn line_of_image(path: &Path, name: &str) -> Option<usize> {
    line_in_components(path, |it| it.at("images").items().iter().find(|image| image.at("name").text() == Some(name)))
}

fn line_in_components(path: &Path, find: impl Fn(&Node) -> Option<&Node>) -> Option<usize> {
    let source = Source::read(path, path).ok()?;
    let tree = only_document(&source).ok()?;
    let found = tree.at("components").items().iter().find_map(find)?;
    Some(source.position(found.span).line)
}

/// Returns the graph of the components' `needs`.
pub(crate) fn graph(components: &[Component]) -> Graph {
    let named = components.iter().map(|component| (component.name.as_str(), component.needed().collect()));
    Graph::new(&named.collect::<Vec<_>>())
}

/// Returns the folder of the file itself, not of a symbolic link's target.
fn folder(path: &Path) -> std::io::Result<PathBuf> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    fs_err::canonicalize(parent.unwrap_or(Path::new(".")))
}
