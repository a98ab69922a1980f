//! Writes files, and never over one that exists.

use std::io::{ErrorKind, Write};
use std::path::Path;

use super::project::Project;
use super::texts::{KIND_CONFIG, RECIPES, SuiteText};
use super::{Exit, Failure, InitFile, SUITE};

/// The names that `just` looks for, in upper or lower case.
const JUSTFILES: [&str; 2] = ["justfile", ".justfile"];

/// Writes the suite's files. `e2e.yaml` is the last one: if another cannot be written, `init` can be run again.
pub(super) fn all(root: &Path, suite: &SuiteText<'_>, project: &Project) -> Result<Vec<InitFile>, Failure> {
    let mut files = vec![new(root, "kind-config.yaml", KIND_CONFIG)?];
    if project.package.is_some() {
        // Cargo takes a folder of that name for a test, too.
        files.push(match root.join("tests/e2e").exists() {
            true => left("tests/e2e"),
            false => new(root, "tests/e2e.rs", &suite.test())?,
        });
    }
    files.push(justfile(root, project.package.is_some())?);
    files.push(new(root, SUITE, &suite.yaml())?);
    Ok(files)
}

fn new(root: &Path, path: &str, text: &str) -> Result<InitFile, Failure> {
    let file = root.join(path);
    let write = || {
        file.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::File::create_new(&file)?.write_all(text.as_bytes())
    };
    match write() {
        Ok(()) => Ok(InitFile { path: path.into(), written: true, message: format!("wrote {path}") }),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(left(path)),
        Err(error) => Err(unwritten(&file, &error)),
    }
}

/// Adds the recipes that the justfile lacks, as a marked block; makes one if there is none.
fn justfile(root: &Path, has_tests: bool) -> Result<InitFile, Failure> {
    let there = std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let there = there.filter_map(|name| name.into_string().ok());
    let there = there.filter(|name| JUSTFILES.contains(&name.to_ascii_lowercase().as_str())).min();
    let name = there.as_deref().unwrap_or(JUSTFILES[0]);
    let file = root.join(name);
    let old = match std::fs::read_to_string(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        read => read.map_err(|error| unwritten(&file, &error))?,
    };
    let wanted = RECIPES.iter().filter(|(_, of_tests, _)| has_tests || !of_tests);
    let lacking: Vec<_> = wanted.filter(|(recipe, ..)| !old.lines().any(|line| defines(line, recipe))).collect();
    if lacking.is_empty() {
        return Ok(left(name));
    }
    let recipes = lacking.iter().map(|(.., text)| *text).collect::<Vec<_>>().join("\n");
    let gap = ["", "\n", "\n\n"][usize::from(!old.is_empty()) + usize::from(!old.is_empty() && !old.ends_with('\n'))];
    let block = format!("{gap}# >>> kind-harness init\n\n{recipes}\n# <<< kind-harness init\n");
    let appended = std::fs::OpenOptions::new().append(true).create(true).open(&file);
    appended.and_then(|mut file| file.write_all(block.as_bytes())).map_err(|error| unwritten(&file, &error))?;
    let names = lacking.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ");
    let verb = if old.is_empty() { "wrote" } else { "added to" };
    Ok(InitFile { path: name.into(), written: true, message: format!("{verb} {name}: recipes {names}") })
}

/// Returns whether a line of a justfile begins the recipe, or an alias or module of its name; `just` refuses a second one.
fn defines(line: &str, recipe: &str) -> bool {
    if let Some(module) = line.strip_prefix("mod ").or_else(|| line.strip_prefix("mod? ")) {
        return module.split_whitespace().next() == Some(recipe);
    }
    if let Some(alias) = line.strip_prefix("alias ") {
        return alias.split(":=").next().is_some_and(|name| name.trim() == recipe);
    }
    let Some(rest) = line.strip_prefix('@').unwrap_or(line).strip_prefix(recipe) else { return false };
    let is_variable = rest.trim_start().starts_with(":=");
    rest.starts_with([' ', ':']) && rest.contains(':') && !is_variable
}

fn left(path: &str) -> InitFile {
    InitFile { path: path.into(), written: false, message: format!("{path} is there already; left as it is") }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    let text = format!("{} cannot be written: {error}; make it writable, and run `init` again", path.display());
    Failure::told(Exit::Usage, text)
}
