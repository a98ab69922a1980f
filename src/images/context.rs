//! The context of a Dockerfile: the files that an image is built from.

use std::collections::BTreeMap;
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

    /// Returns how large it is.
    pub(super) fn size(&self) -> Size {
        let mut size = Size::default();
        for file in &self.files {
            // What a symbolic link points to is not read.
            let length = std::fs::symlink_metadata(self.folder.join(file)).map_or(0, |found| found.len());
            size.bytes += length;
            for folder in file.ancestors().filter(|path| !path.as_os_str().is_empty()) {
                *size.parts.entry(folder.to_owned()).or_default() += length;
            }
        }
        size
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

/// The number of bytes in a context.
#[derive(Debug, Default)]
pub(super) struct Size {
    /// In all.
    pub(super) bytes: u64,
    /// By folder, with everything in it, and by file.
    parts: BTreeMap<PathBuf, u64>,
}

impl Size {
    /// Names the largest parts, at most three. One that is nearly all of its folder is named in place of the folder.
    pub(super) fn largest(&self) -> String {
        let is_most_of = |part: &Path, of: u64, path: &Path| {
            part.parent() == Some(path) && self.parts.get(part).is_some_and(|bytes| bytes * 10 >= of * 9)
        };
        let mut top: Vec<(&Path, u64)> = Vec::new();
        for (path, bytes) in self.parts.iter().filter(|(path, _)| path.components().count() == 1) {
            let mut path = path.as_path();
            while let Some(part) = self.parts.keys().find(|part| is_most_of(part, *bytes, path)) {
                path = part;
            }
            top.push((path, *bytes));
        }
        top.retain(|(_, bytes)| bytes * 20 >= self.bytes);
        top.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        let named = top.iter().take(3).map(|(path, bytes)| format!("{} ({} MB)", path.display(), bytes / 1_000_000));
        named.collect::<Vec<_>>().join(", ")
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
    fn the_largest_parts_of_a_context_are_named() {
        let (folder, spec) = context(&[("Dockerfile", ""), ("web/src/a.js", ""), ("docs/a.md", "")], &[]);
        let sparse = |path: &str, megabytes: u64| {
            let path = folder.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::File::create(path).unwrap().set_len(megabytes * 1_000_000).unwrap();
        };
        sparse("web/node_modules/b.bin", 400);
        sparse("web/node_modules/c.bin", 300);
        sparse("data/one.db", 900);
        sparse("dump.sql", 100);
        let size = Context::read(folder.path(), &spec).unwrap().size();
        assert_eq!(size.bytes, 1_700_000_000);
        assert_eq!(size.largest(), "data/one.db (900 MB), web/node_modules (700 MB), dump.sql (100 MB)");
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
