//! `render`: the objects that `up` would apply.

use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::inspect::{print, print_json};
use super::{Cli, Exit, Failure, Output};
use kind_harness::readiness::redact::Redactor;
use kind_harness::run::session::UpError;
use kind_harness::suite::manifests;

impl Cli {
    /// Prints the objects of `component`, or of all, in the order in which they are applied. Images are as the manifests
    /// write them, because which ones take their place is known only when they are built.
    pub(super) async fn render(&self, component: Option<&str>) -> Result<Exit, Failure> {
        let plan = self.rendered_plan().await?;
        self.known(&plan, component)?;
        let all = plan.manifests().map_err(UpError::from)?;
        let mut objects = Vec::new();
        for (owner, mut manifests) in plan.components().zip(all) {
            if component.is_some_and(|name| name != owner.name) {
                continue;
            }
            manifests::order(&mut manifests);
            for mut manifest in manifests {
                manifests::label(&mut manifest.object, &owner.name);
                objects.push(shown(&manifest.object)?);
            }
        }
        if self.output == Output::Json {
            print_json(&json!({"apiVersion": "v1", "kind": "List", "items": objects}));
            return Ok(Exit::Done);
        }
        for object in objects {
            let yaml = serde_saphyr::to_string(&object).map_err(|error| Failure::new(Exit::Internal, &error))?;
            print(&format!("---\n{}", yaml.trim_end()));
        }
        Ok(Exit::Done)
    }
}

/// `object` without secrets.
fn shown(object: &DynamicObject) -> Result<Value, Failure> {
    let mut value = serde_json::to_value(object).map_err(|error| Failure::new(Exit::Internal, &error))?;
    Redactor::global().object(&mut value);
    if value["kind"] == "Secret" {
        for key in ["data", "stringData"] {
            let entries = value.get_mut(key).and_then(Value::as_object_mut);
            entries
                .into_iter()
                .flat_map(|entries| entries.values_mut())
                .for_each(|secret| *secret = "(not shown)".into());
        }
    }
    Ok(value)
}
