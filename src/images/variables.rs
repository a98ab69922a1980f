//! Environment variables that affect what cargo builds.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::Path;

use super::content::Content;

/// Variables read by cargo, rustc or linkers.
const NAMES: [&str; 15] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_BOOTSTRAP",
    "SOURCE_DATE_EPOCH",
    "LIBRARY_PATH",
    "COMPILER_PATH",
    "GCC_EXEC_PREFIX",
    "CPATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
    "OBJC_INCLUDE_PATH",
    "LIBCLANG_PATH",
];

const PREFIXES: [&str; 7] =
    ["CARGO_BUILD_", "CARGO_PROFILE_", "PKG_CONFIG", "OPENSSL_", "CMAKE_", "BINDGEN_", "PROTOC"];

/// Variables that affect where and how fast cargo builds, but not what.
const ELSEWHERE: [&str; 4] =
    ["CARGO_BUILD_JOBS", "CARGO_BUILD_TARGET_DIR", "CARGO_BUILD_BUILD_DIR", "CARGO_BUILD_INCREMENTAL"];

/// Suffixes of `CARGO_TARGET_TRIPLE_…`.
const OF_A_TARGET: [&str; 4] = ["_LINKER", "_RUSTFLAGS", "_AR", "_RUNNER"];

/// Variables of the C compiler and linker, for every target (`CC`), for one (`CC_TRIPLE`) or only for the host
/// (`HOST_CC`).
const TOOLS: [&str; 8] = ["CC", "CXX", "AR", "RANLIB", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS"];

/// The variables that are set and affect what cargo builds.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables(BTreeMap<String, OsString>);

impl Variables {
    /// Returns those of this process.
    pub(super) fn of_process() -> Variables {
        Variables::among(std::env::vars_os())
    }

    pub(super) fn among(all: impl IntoIterator<Item = (OsString, OsString)>) -> Variables {
        let named = all.into_iter().map(|(name, value)| (name.to_string_lossy().into_owned(), value));
        Variables(named.filter(|(name, _)| decides(name)).collect())
    }

    pub(super) fn add_to(&self, content: &mut Content) {
        for (name, value) in &self.0 {
            content.add(name, value.as_encoded_bytes());
        }
    }

    /// Returns the compiler flags in the environment, followed by `ours`, in the format of `CARGO_ENCODED_RUSTFLAGS`.
    pub(super) fn rustflags(&self, ours: &[&str]) -> String {
        let text = |name: &str| self.0.get(name).map(|value| value.to_string_lossy().into_owned());
        let theirs: Vec<String> = match (text("CARGO_ENCODED_RUSTFLAGS"), text("RUSTFLAGS")) {
            (Some(encoded), _) => encoded.split('\x1f').map(str::to_owned).collect(),
            (None, plain) => plain.unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
        };
        let all = theirs.iter().map(String::as_str).chain(ours.iter().copied());
        all.filter(|flag| !flag.is_empty()).collect::<Vec<_>>().join("\x1f")
    }
}

/// Returns whether this variable affects what cargo builds, as far as is known before a build.
fn decides(name: &str) -> bool {
    let of_a_target = name.starts_with("CARGO_TARGET_") && OF_A_TARGET.iter().any(|ending| name.ends_with(ending));
    let tool = name.strip_prefix("HOST_").or_else(|| name.strip_prefix("TARGET_")).unwrap_or(name);
    let of_a_tool =
        TOOLS.iter().any(|it| tool.strip_prefix(it).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')));
    let named = NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    (of_a_target || of_a_tool || named) && !ELSEWHERE.contains(&name)
}

/// Returns the variables that build scripts and `env!` reported to read when `binary` was built, except those that
/// cargo sets and those of [`Variables`]. Includes those of other, also earlier, builds in the same folder.
pub(super) fn heard(binary: &Path) -> io::Result<BTreeSet<String>> {
    let folder = binary.parent().unwrap_or(Path::new("."));
    let profile = folder.file_name().unwrap_or_default();
    // Build scripts for the host itself, such as those of macros, are beside the target's folder.
    let of_host = folder.ancestors().nth(2).map(|target| target.join(profile));
    let mut heard = BTreeSet::new();
    for folder in [Some(folder.to_owned()), of_host].into_iter().flatten() {
        for script in fs_err::read_dir(folder.join("build")).into_iter().flatten() {
            let told = fs_err::read(script?.path().join("output")).unwrap_or_default();
            collect(&told, "rerun-if-env-changed=", &mut heard);
        }
        for file in fs_err::read_dir(folder.join("deps")).into_iter().flatten() {
            let path = file?.path();
            if path.extension().is_some_and(|it| it == "d") {
                collect(&fs_err::read(path)?, "# env-dep:", &mut heard);
            }
        }
    }
    heard.retain(|name| !name.starts_with("CARGO") && name != "OUT_DIR" && !decides(name));
    Ok(heard)
}

/// Adds to `names` the text after `mark` in each line of `text`, up to a `=`.
fn collect(text: &[u8], mark: &str, names: &mut BTreeSet<String>) {
    let text = String::from_utf8_lossy(text);
    let found = text.lines().filter_map(|line| line.split_once(mark));
    names.extend(found.filter_map(|(_, name)| Some(name.split('=').next()?.trim().to_owned())));
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn with(name: &str, value: &str) -> Variables {
        Variables::among([(name.into(), value.into())])
    }

    #[rstest]
    fn a_build_variable_counts(
        #[values(
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_RUSTC_WRAPPER",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER",
            "RUSTC_WRAPPER",
            "CC",
            "HOST_CC",
            "CFLAGS_x86_64_unknown_linux_gnu",
            "TARGET_AR",
            "PKG_CONFIG_PATH",
            "SOURCE_DATE_EPOCH"
        )]
        name: &str,
    ) {
        let tag = |variables: &Variables| {
            let mut content = Content::default();
            variables.add_to(&mut content);
            content.tag()
        };
        assert_ne!(tag(&Variables::default()), tag(&with(name, "a")), "that it is set");
        assert_ne!(tag(&with(name, "a")), tag(&with(name, "b")), "what it is set to");
    }

    /// Includes variables that differ between `cargo run`, `cargo test` and the binary itself.
    #[rstest]
    fn what_does_not_go_into_a_binary_does_not_count(
        #[values(
            "HOME",
            "PATH",
            "CI",
            "KIND_HARNESS_YES",
            "CARGO",
            "CARGO_HOME",
            "CARGO_PKG_NAME",
            "CARGO_MANIFEST_DIR",
            "CARGO_TARGET_DIR",
            "CARGO_TARGET_TMPDIR",
            "CARGO_BUILD_JOBS",
            "CARGO_TERM_COLOR",
            "RUSTUP_TOOLCHAIN",
            "LD_LIBRARY_PATH",
            "CARGO_INCREMENTAL"
        )]
        name: &str,
    ) {
        assert!(!decides(name));
    }

    #[test]
    fn flags_of_the_environment_stay_beside_ours_and_the_encoded_ones_win() {
        let ours = ["-C", "target-feature=+crt-static"];
        assert_eq!(Variables::default().rustflags(&ours), "-C\x1ftarget-feature=+crt-static");
        assert_eq!(with("RUSTFLAGS", "--cfg  x").rustflags(&ours), "--cfg\x1fx\x1f-C\x1ftarget-feature=+crt-static");
        let both = [("RUSTFLAGS", "--cfg x"), ("CARGO_ENCODED_RUSTFLAGS", "--cfg\x1fy z")];
        let both = Variables::among(both.map(|(name, value)| (name.into(), value.into())));
        assert_eq!(both.rustflags(&ours), "--cfg\x1fy z\x1f-C\x1ftarget-feature=+crt-static");
    }

    #[test]
    fn hears_what_build_scripts_and_macros_listen_to() {
        let target = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = target.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        write(
            "x86_64/image/build/ring-1/output",
            "cargo:rerun-if-env-changed=CC\ncargo::rerun-if-env-changed=RING_X\n",
        );
        write(
            "x86_64/image/deps/api-1.d",
            "api: src/main.rs\n\n# env-dep:CARGO_PKG_NAME=api\n# env-dep:REVISION=abc\n",
        );
        write("image/build/macro-1/output", "cargo:rerun-if-env-changed=MACRO_X\n");
        let expected = ["MACRO_X", "REVISION", "RING_X"].map(str::to_owned);
        assert_eq!(heard(&target.path().join("x86_64/image/api")).unwrap(), BTreeSet::from(expected));
    }
}
