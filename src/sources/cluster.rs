//! What charts ask a cluster: its version, the APIs that it serves, and objects (`lookup`).

use std::path::{Path, PathBuf};

use super::charts;
use crate::host::folders::Folders;
use crate::suite::config::HelmSpec;

/// What charts may know of a cluster.
#[derive(Debug, Clone)]
pub struct ClusterFacts {
    /// A kubeconfig of it.
    pub kubeconfig: PathBuf,
    /// The version of Kubernetes, such as `v1.34.4`.
    pub version: String,
    /// The APIs that it serves: `apps/v1`, `apps/v1/Deployment` and so on.
    pub apis: Vec<String>,
}

/// Returns whether a chart may ask a cluster something. Only of a folder it is known that it does not.
pub(super) fn asks_cluster(root: &Path, folders: &Folders, chart: &HelmSpec) -> bool {
    let folder = charts::folder(root, folders, chart).filter(|folder| folder.is_dir());
    folder.is_none_or(|folder| any_template_asks(&folder))
}

fn any_template_asks(folder: &Path) -> bool {
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| {
        if path.is_dir() {
            return any_template_asks(&path);
        }
        // The templates of an archive of a dependency are not looked into.
        let is_archive = path.extension().is_some_and(|extension| extension == "tgz");
        let text = fs_err::read(&path).unwrap_or_default();
        is_archive || ["lookup ", ".Capabilities"].iter().any(|word| contains(&text, word.as_bytes()))
    })
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_without_a_question_is_rendered_once() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        let folders = Folders { cache: folder.path().join("cache"), state: folder.path().join("state") };
        let asks = |chart: &str| {
            let chart = HelmSpec { chart: chart.into(), ..HelmSpec::default() };
            asks_cluster(folder.path(), &folders, &chart)
        };
        write("c/templates/a.yaml", "kind: ConfigMap");
        assert!(!asks("c"));
        write("c/charts/inner/templates/b.yaml", "{{ if lookup \"v1\" \"Secret\" \"a\" \"b\" }}");
        assert!(asks("c"));
        assert!(asks("oci://registry/c"));
    }
}
