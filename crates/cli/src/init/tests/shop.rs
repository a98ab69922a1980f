//! A project to make a suite for.

use kind_harness::suite::config::{self, Overrides};
use kind_harness::suite::plan::Plan;
use tempfile::TempDir;

use super::*;

/// A project in a folder named `shop`.
pub(super) struct Shop(TempDir);

impl Shop {
    pub(super) fn of(files: &[(&str, &str)]) -> Shop {
        let shop = Shop(tempfile::tempdir().unwrap());
        fs_err::create_dir(shop.root()).unwrap();
        for (path, text) in files {
            let path = shop.root().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        shop
    }

    pub(super) fn root(&self) -> PathBuf {
        self.0.path().join("shop")
    }

    pub(super) fn read(&self, path: &str) -> String {
        fs_err::read_to_string(self.root().join(path)).unwrap()
    }

    pub(super) async fn make(&self) -> Report {
        make(&self.root()).await.unwrap()
    }

    pub(super) async fn refused(&self) -> String {
        let failure = make(&self.root()).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        failure.text
    }

    /// Returns the lines of `e2e.yaml` without comments.
    pub(super) async fn suite(&self) -> String {
        self.make().await;
        let yaml = self.read("e2e.yaml");
        let lines = yaml.lines().map(|line| line.split("  #").next().unwrap_or_default().trim_end());
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect::<Vec<_>>().join("\n")
    }
}

pub(super) fn told(report: &Report) -> String {
    let choices = report.choices.iter().map(Choice::to_string);
    choices.chain(report.files.iter().map(|file| file.message.clone())).collect::<Vec<_>>().join("\n")
}

/// Loads the suite and its manifests, as `plan` does.
pub(super) fn load(shop: &Shop) -> Plan {
    let loaded = config::load(&shop.root().join("e2e.yaml"), &Overrides::default());
    let plan = Plan::new(loaded.unwrap_or_else(|error| panic!("{error}"))).unwrap();
    // Charts and kustomizations are for their tools.
    let problems = plan.manifests().err().map(|error| error.diagnostics().to_vec()).unwrap_or_default();
    let left: Vec<_> = problems.iter().filter(|problem| problem.message != "this is not rendered yet").collect();
    assert!(left.is_empty(), "{left:?}");
    plan
}

pub(super) const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: { name: NAME }
spec:
  template:
    spec:
      initContainers: [{ name: wait, image: busybox:1 }]
      containers: [{ name: main, image: IMAGE }]
";

pub(super) const SERVICE: &str = "\
---
apiVersion: v1
kind: Service
metadata: { name: NAME }
spec:
  type: NodePort
  ports: [{ port: 80, nodePort: 30080, name: http }, { port: 81 }, { port: 82, nodePort: 30082 }]
";

pub(super) fn deployment(name: &str, image: &str) -> String {
    DEPLOYMENT.replace("NAME", name).replace("IMAGE", image)
}

pub(super) fn kustomization(resources: &str) -> String {
    format!("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [{resources}]\n")
}

pub(super) fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: {name} }}\n")
}

pub(super) fn package(name: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\n[workspace]\n")
}
