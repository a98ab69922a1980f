//! Templates of a suite, with the environment of this process.

use crate::readiness::redact::{Redactor, is_secret_name, is_secret_option};
use crate::suite::config::HelmSpec;
use crate::suite::plan::Plan;
use crate::suite::template::{self, Reference, TemplateError};

/// Returns `text` with the values of environment variables, and with place-holders of images and ports. Values of
/// variables whose names say so are registered as secrets.
pub(super) fn expand(plan: &Plan, text: &str) -> Result<String, TemplateError> {
    let images = || plan.components().flat_map(|component| &component.images);
    template::expand(text, |reference| match reference {
        Reference::Env(name) => {
            let missing = || TemplateError::Missing(format!("the environment variable {name} is not set"));
            let value = std::env::var(name).map_err(|_| missing())?;
            if is_secret_name(name) {
                Redactor::global().learn([&value]);
            }
            Ok(value)
        }
        Reference::Run => {
            let missing =
                || "`{{ run }}` has no meaning here: no namespace of the suite has it, as in `shop-{{ run }}`";
            plan.run().map(str::to_owned).ok_or_else(|| TemplateError::Missing(missing().into()))
        }
        Reference::Image(name) if !images().any(|image| image.name == *name) => {
            Err(TemplateError::Missing(format!("the suite has no image `{name}`")))
        }
        Reference::Port(name) if plan.is_per_run() => Err(TemplateError::Missing(format!(
            "the port `{name}` is not known here: with `{{{{ run }}}}` in a namespace, the cluster chooses node ports"
        ))),
        other => Ok(template::placeholder(other)),
    })
}

/// Returns the single values of a chart, each as `path=JSON`.
pub(super) fn settings(plan: &Plan, chart: &HelmSpec) -> Result<Vec<String>, TemplateError> {
    let setting = |(path, value): (&String, &crate::suite::config::Scalar)| {
        let json = match value.json().as_str() {
            Some(text) => {
                let text = expand(plan, text)?;
                if is_secret_option(path) {
                    Redactor::global().learn([&text]);
                }
                serde_json::Value::from(text)
            }
            None => value.json().clone(),
        };
        Ok(format!("{path}={json}"))
    };
    chart.set.iter().map(setting).collect()
}
