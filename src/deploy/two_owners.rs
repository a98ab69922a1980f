//! Objects of the cluster's scope that two environments in one cluster would both own: the first that is removed would
//! take them from the other.

use kube::ResourceExt;
use kube::core::DynamicObject;

use super::ApplyError;
use super::adopt::Expected;
use super::apply::Applier;
use crate::readiness::ObjectRef;
use crate::suite::manifests::ENVIRONMENT_ANNOTATION;

impl Applier {
    /// Returns whether the environment is one of several of its suite in the cluster.
    pub(super) fn is_per_run(&self) -> bool {
        self.inventory.as_ref().is_some_and(|inventory| inventory.content().run.is_some())
    }

    /// Returns why an object of the cluster's scope would be of two environments: another one has made the one that was
    /// found, or each run of the suite would make one of this name. What others have made is adopted instead.
    pub(super) fn second_owner(&self, object: &ObjectRef, found: Option<&DynamicObject>) -> Option<String> {
        let inventory = self.inventory.as_ref()?.content();
        match (found, &inventory.run) {
            (Some(found), _) => {
                let owner = found.annotations().get(ENVIRONMENT_ANNOTATION)?;
                let is_another = *owner != inventory.environment && inventory.find(object).is_none();
                is_another.then(|| format!("of environment {owner}"))
            }
            (None, Some(run)) => (!object.name.contains(run.as_str())).then(|| "of every run".to_owned()),
            (None, None) => None,
        }
    }
}

/// Refuses objects with a second owner, all of them in one error.
pub(super) fn refuse<'a>(
    mut objects: impl Iterator<Item = (&'a Expected, &'a ObjectRef, &'a str)>,
) -> Result<(), Box<ApplyError>> {
    let Some((first, object, owner)) = objects.next() else { return Ok(()) };
    let others: String = objects
        .map(|(expected, object, owner)| format!(", and so would {object} ({owner}; {})", expected.place))
        .collect();
    let what = format!(
        "would have two owners ({owner}), and the first to be removed would take it from the other{others}; give each run \
         its own, by `{{{{ run }}}}` in `namespace` and in names in `inline` manifests and values of charts, or let somebody \
         else make what runs share"
    );
    Err(Box::new(ApplyError { place: first.place.clone(), object: object.clone(), what, source: None }))
}
