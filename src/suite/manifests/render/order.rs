//! The order in which objects are applied.

use crate::readiness::kinds;
use crate::suite::manifests::Manifest;

/// Sorts by kind, so that each object comes after those that it refers to; the sort is stable. The order of kinds is
/// that of [`kinds::KINDS`].
pub fn order(manifests: &mut [Manifest]) {
    manifests.sort_by_key(|manifest| {
        let types = manifest.object.types.as_ref();
        types.map_or_else(|| kinds::order_of("", ""), |types| kinds::order_of(&types.api_version, &types.kind))
    });
}
