//! Both overlays of every component, asked of a real API server: each object is validated and admitted, and nothing is
//! changed.

use std::path::Path;

use anyhow::Result;
use kind_harness::host::folders::Folders;
use kind_harness::host::setup::consent_of_environment;
use kind_harness::readiness::ObjectRef;
use kind_harness::report::Events;
use kind_harness::sources;
use kind_harness::suite::config::{self, Overrides};
use kind_harness::suite::manifests::{MANAGED_BY, Manifest};
use kind_harness::suite::plan::Plan;
use kube::api::{Api, DynamicObject, Patch, PatchParams, ValidationDirective};
use kube::discovery::{Scope, pinned_kind};
use rstest::rstest;

use crate::support::{Spec, spec};

/// Asks the API server what it would say to `manifest`.
async fn dry_run(spec: &Spec, manifest: &Manifest) -> Result<(), kube::Error> {
    let mut object = manifest.object.clone();
    let name = ObjectRef::of(&object);
    let (resource, capabilities) = pinned_kind(&spec.client(), &name.gvk()).await?;
    let api: Api<DynamicObject> = match capabilities.scope {
        Scope::Cluster => Api::all_with(spec.client(), &resource),
        // Its node ports are taken: by itself.
        Scope::Namespaced if name.kind == "Service" => Api::namespaced_with(spec.client(), spec.namespace(), &resource),
        // New, as in a cluster that has none of it: what runs may not be turned from one overlay into the other.
        Scope::Namespaced => {
            object.metadata.namespace = Some(spec.namespace.name.clone());
            Api::namespaced_with(spec.client(), &spec.namespace.name, &resource)
        }
    };
    let params = PatchParams::apply(MANAGED_BY).force().dry_run().validation(ValidationDirective::Strict);
    api.patch(&name.name, &params, &Patch::Apply(&object)).await.map(drop)
}

#[rstest]
#[kind_harness::test(uses = [])]
async fn the_api_server_accepts_every_object_of_an_overlay(
    #[future(awt)] spec: Spec,
    #[values("dev", "prod")] overlay: &str,
) -> Result<()> {
    let overrides = Overrides { overlay: Some(overlay.to_owned()), ..Overrides::default() };
    let plan = Plan::new(config::load(Path::new("e2e.yaml"), &overrides)?)?;
    let rendered = sources::render(&plan, &Folders::of_user()?, consent_of_environment, &Events::discard()).await?;
    let plan = plan.with_rendered(rendered);
    let mut refused = Vec::new();
    for manifest in plan.manifests()?.iter().flatten() {
        if let Err(error) = dry_run(&spec, manifest).await {
            refused.push(format!("{} {}: {error}", manifest.source, ObjectRef::of(&manifest.object)));
        }
    }
    assert!(refused.is_empty(), "refused:\n{}", refused.join("\n"));
    Ok(())
}
