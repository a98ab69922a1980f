//! The files that decide what a suite's images are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::binaries::Sources;
use super::content::files;
use super::context::Context;
use super::variables::Variables;
use super::{ImageError, binaries};
use crate::suite::config::ImageSpec;
use crate::suite::plan::Plan;

/// Returns the files that decide what the images of `plan` are, as far as the suite tells: of a command, the files in
/// the folder of its program, if that is named by a path.
///
/// # Errors
/// A folder cannot be read, or cargo does not describe the workspace.
pub async fn inputs(plan: &Plan) -> Result<BTreeSet<PathBuf>, ImageError> {
    let mut found = BTreeSet::new();
    for image in plan.components().flat_map(|component| &component.images) {
        let listed = of_image(plan.root(), image);
        found.extend(listed.map_err(|source| ImageError::Context { image: image.name.clone(), source })?);
    }
    let wanted: Vec<_> = plan.binaries().iter().cloned().collect();
    if !wanted.is_empty() {
        let sources = Sources::of(plan.root(), &wanted, &Variables::of_process()).await?;
        for spec in &wanted {
            let listed = sources.files(spec);
            found.extend(listed.map_err(|source| ImageError::Context { image: spec.binary().to_owned(), source })?);
        }
    }
    Ok(found)
}

fn of_image(root: &Path, image: &ImageSpec) -> std::io::Result<Vec<PathBuf>> {
    if let Some(recipe) = &image.recipe {
        return files(&root.join(recipe), &[]);
    }
    if let Some(build) = &image.build {
        let context = Context::read(root, build)?;
        return Ok(context.files().chain([context.file.clone()]).collect());
    }
    let program = image.command.as_ref().and_then(|command| command.first()).filter(|program| program.contains('/'));
    if let Some(folder) = program.and_then(|program| Path::new(program).parent()) {
        return files(&root.join(folder), &binaries::NOT_IN_A_BINARY);
    }
    let cargo = image.cargo.iter().flat_map(|cargo| cargo.files.keys());
    cargo
        .map(|path| root.join(path))
        .map(|path| if path.is_dir() { files(&path, &[]) } else { Ok(vec![path]) })
        .collect::<Result<Vec<_>, _>>()
        .map(|all| all.concat())
}
