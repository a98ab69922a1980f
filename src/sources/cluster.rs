//! What charts ask a cluster: its version, the APIs that it serves, and objects (`lookup`).

use std::path::{Path, PathBuf};

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
pub(super) fn asks_cluster(root: &Path, chart: &HelmSpec) -> bool {
    let folder = root.join(&chart.chart);
    !chart.is_local() || !folder.is_dir() || any_template_asks(&folder)
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
        let chart = HelmSpec { chart: "c".into(), ..HelmSpec::default() };
        write("c/templates/a.yaml", "kind: ConfigMap");
        assert!(!asks_cluster(folder.path(), &chart));
        write("c/charts/inner/templates/b.yaml", "{{ if lookup \"v1\" \"Secret\" \"a\" \"b\" }}");
        assert!(asks_cluster(folder.path(), &chart));
        assert!(asks_cluster(folder.path(), &HelmSpec { chart: "oci://registry/c".into(), ..HelmSpec::default() }));
    }
}
