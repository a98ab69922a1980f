//! The context of a Dockerfile: the files that an image is built from.

use std::io;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::content::Content;
use crate::suite::config::BuildSpec;

/// The files of a context, without those that `.dockerignore` and the suite leave out.
#[derive(Debug)]
pub(super) struct Context {
    /// The context's folder.
    pub(super) folder: PathBuf,
    /// The Dockerfile.
    pub(super) file: PathBuf,
    /// The files, sorted.
    files: Vec<PathBuf>,
    /// The patterns of files that are left out, one in a line.
    pub(super) ignored: String,
}

impl Context {
    /// Lists the context of `spec`, whose paths are relative to `root`.
    pub(super) fn read(root: &Path, spec: &BuildSpec) -> io::Result<Context> {
        let folder = root.join(&spec.context);
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("no Dockerfile in {}", folder.display()));
        let file = spec.file(&folder).ok_or_else(missing)?;
        let mut ignored = ignore_file(&folder, &file)?;
        spec.ignore.iter().for_each(|pattern| ignored.push_str(&format!("\n{pattern}")));
        let ignore = Ignore::parse(&ignored)?;
        let mut files = Vec::new();
        list(&folder, Path::new(""), &ignore, &mut files)?;
        files.sort();
        Ok(Context { folder, file, files, ignored })
    }

    /// Returns the files, absolute.
    pub(super) fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.files.iter().map(|file| self.folder.join(file))
    }

    /// Returns the number of bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().filter_map(|file| Some(std::fs::metadata(self.folder.join(file)).ok()?.len())).sum()
    }

    /// Returns the hash of the files, of how they are built, and of `bases`, images that they are built on.
    pub(super) fn tag(&self, spec: &BuildSpec, bases: &[String]) -> io::Result<String> {
        let mut content = Content::default();
        bases.iter().for_each(|base| content.add("base", base.as_bytes()));
        content.add("target", spec.target.as_deref().unwrap_or_default().as_bytes());
        spec.args.iter().for_each(|(name, value)| content.add(name, value.to_string().as_bytes()));
        content.add_file(Path::new("Dockerfile"), &self.file)?;
        for file in &self.files {
            let path = self.folder.join(file);
            match fs_err::symlink_metadata(&path)?.is_symlink() {
                true => content.add(file, fs_err::read_link(&path)?.as_os_str().as_encoded_bytes()),
                false => content.add_file(file, &path)?,
            }
        }
        Ok(content.tag())
    }
}

/// Returns the patterns of `.dockerignore`: that of the Dockerfile, or else that of the context.
fn ignore_file(folder: &Path, file: &Path) -> io::Result<String> {
    let own = PathBuf::from(format!("{}.dockerignore", file.display()));
    for path in [own, folder.join(".containerignore"), folder.join(".dockerignore")] {
        match fs_err::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            read => return read,
        }
    }
    Ok(String::new())
}

fn list(root: &Path, folder: &Path, ignore: &Ignore, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs_err::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        let is_ignored = ignore.matches(&path);
        if entry.file_type()?.is_dir() {
            // Something in an ignored folder may be wanted all the same.
            if !is_ignored || ignore.has_exceptions {
                list(root, &path, ignore, files)?;
            }
        } else if !is_ignored {
            files.push(path);
        }
    }
    Ok(())
}

/// The rules of `.dockerignore`: of the patterns that match a file or a folder of it, the last one decides. `!` makes
/// an exception.
struct Ignore {
    rules: Vec<(GlobSet, bool)>,
    has_exceptions: bool,
}

impl Ignore {
    fn parse(text: &str) -> io::Result<Ignore> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let rule = |line: &str| {
            let (pattern, is_ignored) = line.strip_prefix('!').map_or((line, true), |rest| (rest.trim(), false));
            let pattern = pattern.trim_matches('/').trim_start_matches("./");
            let mut set = GlobSetBuilder::new();
            for pattern in [pattern.to_owned(), format!("{pattern}/**")] {
                set.add(GlobBuilder::new(&pattern).literal_separator(true).build()?);
            }
            Ok((set.build()?, is_ignored))
        };
        let rules: Result<Vec<_>, globset::Error> = lines.map(rule).collect();
        let rules =
            rules.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, format!(".dockerignore: {error}")))?;
        let has_exceptions = rules.iter().any(|(_, is_ignored)| !is_ignored);
        Ok(Ignore { rules, has_exceptions })
    }

    fn matches(&self, path: &Path) -> bool {
        let last = self.rules.iter().rev().find(|(set, _)| set.is_match(path));
        last.is_some_and(|(_, is_ignored)| *is_ignored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(files: &[(&str, &str)], ignore: &[&str]) -> (tempfile::TempDir, BuildSpec) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        let ignore = serde_json::json!({"context": ".", "ignore": ignore});
        (folder, serde_json::from_value(ignore).unwrap())
    }

    #[test]
    fn docker_s_rules_decide_what_is_in_the_context() {
        let files = [
            ("Dockerfile", ""),
            (".dockerignore", "# a comment\n*.md\n!README.md\n/target\nnode_modules/\n**/*.tmp\ndata/*\n!data/keep\n"),
            ("README.md", ""),
            ("NEWS.md", ""),
            ("docs/a.md", ""),
            ("target/debug/app", ""),
            ("src/target/x", ""),
            ("node_modules/a/b.js", ""),
            ("a/b/c.tmp", ""),
            ("data/big", ""),
            ("data/keep", ""),
        ];
        let (folder, spec) = context(&files, &["docs"]);
        let context = Context::read(folder.path(), &spec).unwrap();
        let found: Vec<_> = context.files.iter().map(|file| file.to_str().unwrap()).collect();
        assert_eq!(found, [".dockerignore", "Dockerfile", "README.md", "data/keep", "src/target/x"]);
    }

    #[test]
    fn the_tag_follows_what_is_in_the_context_and_how_it_is_built() {
        let (folder, spec) = context(&[("Dockerfile", "FROM scratch"), ("a", ""), (".dockerignore", "b")], &[]);
        let tag = |spec: &BuildSpec| Context::read(folder.path(), spec).unwrap().tag(spec, &[]).unwrap();
        let first = tag(&spec);
        fs_err::write(folder.path().join("b"), "ignored").unwrap();
        assert_eq!(first, tag(&spec));
        assert_ne!(first, tag(&BuildSpec { target: Some("e2e".into()), ..spec.clone() }));
        fs_err::write(folder.path().join("a"), "changed").unwrap();
        assert_ne!(first, tag(&spec));
    }
}
