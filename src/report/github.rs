//! What GitHub shows of a run: annotations at lines of files, and the summary of a step.

use std::path::{Path, PathBuf};

use super::markdown::cut;

/// The longest message of an annotation, in bytes: it is shown beside the code.
const MESSAGE: usize = 4 << 10;

/// The job of GitHub Actions that this process belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GitHub {
    /// The folder of the repository: annotations name files below it.
    workspace: Option<PathBuf>,
    /// The file of the step's summary, to which sections are appended.
    pub summary: Option<PathBuf>,
}

impl GitHub {
    /// Returns the job; `None` outside of GitHub Actions.
    #[must_use]
    pub fn of_environment() -> Option<GitHub> {
        GitHub::from_env(|name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))
    }

    fn from_env(var: impl Fn(&str) -> Option<PathBuf>) -> Option<GitHub> {
        var("GITHUB_ACTIONS").filter(|value| value.as_os_str() == "true")?;
        Some(GitHub { workspace: var("GITHUB_WORKSPACE"), summary: var("GITHUB_STEP_SUMMARY") })
    }

    /// Returns the workflow command that annotates `place`, a file and a line of it if that is known: a line with a line
    /// break. The file is absolute, or relative to `folder` or a folder above it, as the compiler names sources.
    #[must_use]
    pub fn annotation(&self, folder: &Path, place: Option<(&str, Option<u32>)>, title: &str, message: &str) -> String {
        let mut properties = Vec::new();
        if let Some((file, line)) = place {
            properties.push(format!("file={}", property(&self.in_repository(folder, Path::new(file)))));
            properties.extend(line.map(|line| format!("line={line}")));
        }
        properties.push(format!("title={}", property(title)));
        format!("::error {}::{}\n", properties.join(","), data(&cut(message.trim(), MESSAGE)))
    }

    /// Returns the path of a file from the folder of the repository.
    fn in_repository(&self, folder: &Path, file: &Path) -> String {
        let found = folder.ancestors().map(|folder| folder.join(file)).find(|path| path.exists());
        let path = found.unwrap_or_else(|| file.to_owned());
        let inside = self.workspace.as_ref().and_then(|workspace| path.strip_prefix(workspace).ok());
        inside.unwrap_or(&path).display().to_string()
    }
}

/// Escapes the message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn github(variables: &[(&str, &str)]) -> Option<GitHub> {
        GitHub::from_env(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| PathBuf::from(value))
        })
    }

    #[test]
    fn only_github_actions_gets_anything() {
        let summary = ("GITHUB_STEP_SUMMARY", "/tmp/summary");
        assert_eq!(github(&[summary]), None);
        assert_eq!(github(&[summary, ("GITHUB_ACTIONS", "false")]), None);
        let found = github(&[summary, ("GITHUB_ACTIONS", "true")]).unwrap();
        assert_eq!(found.summary, Some("/tmp/summary".into()));
    }

    #[test]
    fn an_annotation_is_at_the_file_as_the_repository_has_it() {
        let home = tempfile::tempdir().unwrap();
        let package = home.path().join("repo/crates/shop");
        std::fs::create_dir_all(package.join("tests")).unwrap();
        std::fs::write(package.join("tests/e2e.rs"), "").unwrap();
        let workspace = home.path().join("repo");
        let github = github(&[("GITHUB_ACTIONS", "true"), ("GITHUB_WORKSPACE", workspace.to_str().unwrap())]).unwrap();
        let at = |file: &str, line| github.annotation(&package, Some((file, line)), "a: b, c", "100 % of it\nlate\n");
        let rest = "title=a%3A b%2C c::100 %25 of it%0Alate\n";
        assert_eq!(
            at("crates/shop/tests/e2e.rs", Some(7)),
            format!("::error file=crates/shop/tests/e2e.rs,line=7,{rest}")
        );
        assert_eq!(at("tests/e2e.rs", None), format!("::error file=crates/shop/tests/e2e.rs,{rest}"));
        assert_eq!(at("gone.rs", Some(1)), format!("::error file=gone.rs,line=1,{rest}"));
        assert_eq!(github.annotation(&package, None, "t", "m"), "::error title=t::m\n");
        let long = github.annotation(&package, None, "t", &"é".repeat(MESSAGE));
        assert!(long.len() < MESSAGE + 50 && long.ends_with("é%0A…\n"), "{}", long.len());
    }
}
