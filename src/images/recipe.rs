//! A recipe: a folder that builds one image, either by a `Containerfile` or by a `build.sh`.
//!
//! `build.sh` runs in the recipe's folder with `ENGINE`, `IMAGE` (the reference to produce), `BASE` (the base image,
//! already built) and `CACHE` (a folder for heavy intermediate results) in its environment; the node image's also with
//! `VERSION` (of Kubernetes).

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::content::{Content, files};
use super::{ImageError, engine};
use crate::host::exec::Cmd;
use crate::host::setup::Host;
use crate::report::Step;

/// The recipes that every suite needs: the base image, the node image, the image of a static binary.
static OWN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/images");

/// A folder that builds one image.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    /// Name of the image: `localhost/kind-harness/NAME`.
    name: String,
    folder: PathBuf,
    /// The content of the folder, and the value of each variable.
    content: Content,
    /// Further variables of `build.sh`.
    variables: Vec<(&'static str, String)>,
}

impl Recipe {
    /// Reads the recipe in `folder`.
    pub(super) fn read(folder: &Path) -> Result<Recipe, ImageError> {
        let unreadable = |source| ImageError::Recipe { folder: folder.display().to_string(), source };
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let files = files(folder, &[]).map_err(unreadable)?;
        let mut content = Content::default();
        for path in &files {
            content.add_file(path.strip_prefix(folder).unwrap_or(path), path).map_err(unreadable)?;
        }
        if files.is_empty() {
            return Err(unreadable(std::io::Error::other("the folder holds no files")));
        }
        Ok(Recipe { name, folder: folder.into(), content, variables: Vec::new() })
    }

    /// Writes one of the harness's own recipes below the cache folder, and returns it.
    pub(super) fn own(name: &str, cache: &Path) -> Result<Recipe, ImageError> {
        let missing = || std::io::Error::other("this build of kind-harness does not contain it");
        let embedded = OWN.get_dir(name);
        let unreadable = |source| ImageError::Recipe { folder: format!("images/{name}"), source };
        let embedded = embedded.ok_or_else(|| unreadable(missing()))?;
        let mut content = Content::default();
        let mut files = Vec::new();
        list_embedded(embedded, &mut files);
        for (path, bytes) in &files {
            content.add(path, &[is_script(bytes).into()]);
            content.add("", bytes);
        }
        let folder = cache.join("recipes").join(content.clone().tag()).join(name);
        for (path, bytes) in files {
            let path = folder.join(path.strip_prefix(name).unwrap_or(path));
            if fs_err::read(&path).is_ok_and(|there| there == bytes) {
                continue;
            }
            fs_err::create_dir_all(path.parent().unwrap_or(&folder)).map_err(unreadable)?;
            fs_err::write(&path, bytes).map_err(unreadable)?;
            // Embedded files have no permissions; scripts must be executable.
            let mode = if is_script(bytes) { 0o755 } else { 0o644 };
            fs_err::set_permissions(&path, Permissions::from_mode(mode)).map_err(unreadable)?;
        }
        Ok(Recipe { name: name.into(), folder, content, variables: Vec::new() })
    }

    /// Returns the image's name, without registry and tag.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether it needs the base image.
    pub(super) fn needs_base(&self) -> bool {
        let containerfile = fs_err::read_to_string(self.folder.join("Containerfile")).unwrap_or_default();
        let script = fs_err::read_to_string(self.folder.join("build.sh")).unwrap_or_default();
        containerfile.lines().any(|line| line.starts_with("ARG BASE")) || script.contains("BASE")
    }

    /// Returns the reference of its image, which depends on the base image and on `more` inputs.
    pub(super) fn reference(&self, host: &Host, base: Option<&str>, more: &[u8]) -> String {
        let mut content = self.content.clone();
        content.add("BASE", base.unwrap_or_default().as_bytes());
        content.add("MORE", more);
        host.engine.local_reference(&self.name, &content.tag())
    }

    /// Returns the recipe under another name: one recipe can serve many images.
    pub(super) fn named(mut self, name: &str) -> Recipe {
        self.name = name.into();
        self
    }

    /// Returns the recipe with a variable for its `build.sh`, on which the image depends.
    pub(super) fn with(mut self, variable: &'static str, value: &str) -> Recipe {
        self.content.add(variable, value.as_bytes());
        self.variables.push((variable, value.to_owned()));
        self
    }

    /// Returns the path of its Containerfile.
    pub(super) fn containerfile(&self) -> PathBuf {
        self.folder.join("Containerfile")
    }

    /// Builds `image`. `context` replaces the recipe's folder as the build context.
    pub(super) async fn build(
        &self,
        host: &Host,
        image: &str,
        base: Option<&str>,
        context: Option<&Path>,
        step: &Step,
    ) -> Result<(), ImageError> {
        let script = self.folder.join("build.sh");
        let command = if script.exists() {
            let command = Cmd::new("bash", ["build.sh"]).dir(&self.folder);
            let command = command.env("ENGINE", host.engine.kind.name()).env("IMAGE", image);
            let command = command.env("CACHE", &host.folders.cache);
            let variables = self.variables.iter();
            let command = variables.fold(command, |command, (name, value)| command.env(name, value));
            host.engine.environment(match base {
                Some(base) => command.env("BASE", base),
                None => command,
            })
        } else {
            let command = engine::build(&host.engine, image).arg("-f").arg(self.containerfile());
            let command = match base {
                Some(base) => command.arg("--build-arg").arg(format!("BASE={base}")),
                None => command,
            };
            command.arg(context.unwrap_or(&self.folder))
        };
        let say = step.handle();
        let built = command.deadline(super::BUILD).stream(move |line| say.progress(line)).await;
        built.map_err(|source| ImageError::Build { image: image.into(), source })
    }
}

fn list_embedded(folder: &'static Dir<'static>, files: &mut Vec<(&'static Path, &'static [u8])>) {
    files.extend(folder.files().map(|file| (file.path(), file.contents())));
    for inner in folder.dirs() {
        list_embedded(inner, files);
    }
    files.sort();
}

fn is_script(bytes: &[u8]) -> bool {
    bytes.starts_with(b"#!")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::folders::Folders;
    use crate::host::setup::{Engine, EngineKind};

    fn host() -> Host {
        let engine = Engine { kind: EngineKind::Podman, containers_conf: None };
        Host { engine, kind: "kind".into(), folders: Folders { cache: "/c".into(), state: "/s".into() } }
    }

    #[test]
    fn the_tag_follows_content_names_and_base() {
        let folder = tempfile::tempdir().unwrap();
        let recipe = folder.path().join("thing");
        fs_err::create_dir(&recipe).unwrap();
        fs_err::write(recipe.join("Containerfile"), "ARG BASE\nFROM ${BASE}\n").unwrap();
        let tag = |base| Recipe::read(&recipe).unwrap().reference(&host(), base, b"");
        let first = tag(Some("base:1"));
        assert!(first.starts_with("localhost/kind-harness/thing:"), "{first}");
        assert_eq!(first, tag(Some("base:1")));
        assert_ne!(first, tag(Some("base:2")));
        let with = Recipe::read(&recipe).unwrap().with("VERSION", "v1").reference(&host(), Some("base:1"), b"");
        assert_ne!(first, with);
        fs_err::write(recipe.join("a"), "").unwrap();
        let second = tag(Some("base:1"));
        assert_ne!(first, second);
        fs_err::rename(recipe.join("a"), recipe.join("b")).unwrap();
        assert_ne!(second, tag(Some("base:1")));
        assert!(Recipe::read(&recipe).unwrap().needs_base());
    }

    #[test]
    fn a_recipe_that_is_not_there_is_named() {
        let error = Recipe::read(Path::new("/nowhere/images/x")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the recipe in /nowhere/images/x");
    }
}
