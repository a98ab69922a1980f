//! Helm charts.

use std::collections::BTreeSet;
use std::path::Path;

use kind_harness::suite::yaml;
use serde_json::Value;

use super::{Chosen, Source, Unit};
use crate::init::kustomize::inside;
use crate::init::names::{from_path, label, shown};
use crate::init::survey::Survey;

/// Files of a chart with values for tests, the best first.
const VALUES: [&str; 4] = ["values-e2e.yaml", "values-test.yaml", "values-dev.yaml", "values-local.yaml"];

impl Chosen {
    /// Adds every chart that can be installed, and is not a part of another one.
    pub(super) fn charts(&mut self, root: &Path, survey: &Survey, suite: &str) {
        let read = |folder: &Path| -> Option<Value> {
            let text = fs_err::read_to_string(root.join(folder).join("Chart.yaml")).ok()?;
            yaml::values(&text).ok()?.into_iter().next()
        };
        let charts: Vec<_> = survey.charts.iter().map(|folder| (folder, read(folder))).collect();
        let mut parts = BTreeSet::new();
        for (folder, content) in &charts {
            let needs = content.as_ref().and_then(|content| content["dependencies"].as_array()).into_iter().flatten();
            let files = needs.filter_map(|need| need["repository"].as_str()?.strip_prefix("file://"));
            parts.extend(files.filter_map(|path| inside(folder, path)));
        }
        for (folder, content) in charts {
            let what = format!("chart {}", shown(folder));
            let Some(content) = content else {
                self.leave_out(&what, "its Chart.yaml cannot be read as YAML");
                continue;
            };
            if content["type"] == "library" {
                self.leave_out(&what, "it is a library");
                continue;
            }
            if parts.contains(folder) {
                self.leave_out(&what, "another chart depends on it");
                continue;
            }
            let name = content["name"].as_str().map_or_else(|| from_path(folder, suite), label);
            let values = VALUES.iter().map(|name| folder.join(name)).find(|path| root.join(path).is_file());
            let source = Source::Chart(folder.clone(), values);
            let because = "it has a Chart.yaml".to_owned();
            self.add(Unit { name, source, because, objects: Vec::new(), images: BTreeSet::new(), namespace: None });
        }
    }
}
