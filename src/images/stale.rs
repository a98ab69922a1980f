//! Images of ours replaced by newer ones: a few are kept for other branches, the rest would fill the disk.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::ImageError;
use super::engine::list;
use crate::host::exec::Cmd;
use crate::host::resilience::Resilience;
use crate::host::setup::Engine;

/// Tags kept of each image, newest first.
const KEPT: usize = 5;

/// The images that a run has built, older tags of which can go.
#[derive(Debug)]
pub(super) struct Built {
    engine: Engine,
    /// What the engine had when it was asked first, as it said it.
    listed: OnceLock<String>,
    images: Mutex<Vec<String>>,
}

impl Built {
    pub(super) fn on(engine: Engine) -> Built {
        Built { engine, listed: OnceLock::new(), images: Mutex::default() }
    }

    /// Notes what the engine has, unless that is known from before.
    pub(super) fn list(&self, listed: String) {
        let _ = self.listed.set(listed);
    }

    pub(super) fn add(&self, image: String) {
        self.images.lock().unwrap_or_else(PoisonError::into_inner).push(image);
    }

    /// Removes their old tags.
    pub(super) async fn remove_old(&self) {
        let images = std::mem::take(&mut *self.images.lock().unwrap_or_else(PoisonError::into_inner));
        let listed = self.listed.get().map_or("", String::as_str);
        remove_tags(&self.engine, images.iter().flat_map(|image| stale(listed, image)).collect()).await;
    }
}

/// Removes old tags of the image whose newest is `image`.
///
/// # Errors
/// When the engine does not list its images.
pub(super) async fn remove(engine: &Engine, image: &str, resilience: &Resilience) -> Result<(), ImageError> {
    remove_tags(engine, stale(&list(engine, resilience).await?, image)).await;
    Ok(())
}

/// Removes these tags, except those that a container uses, or that another run removes.
async fn remove_tags(engine: &Engine, tags: Vec<String>) {
    if !tags.is_empty() {
        let _ = tags.into_iter().fold(engine.command(["rmi"]), Cmd::arg).finishing().output().await;
    }
}

/// Returns the tags to remove: those in `listed`, newest first as every engine lists them, that are older tags of
/// `image` than those to keep.
fn stale(listed: &str, image: &str) -> Vec<String> {
    let Some((name, _)) = image.rsplit_once(':') else { return Vec::new() };
    let tags = listed.lines().filter(|line| line.rsplit_once(':').is_some_and(|(n, tag)| n == name && is_ours(tag)));
    tags.filter(|line| *line != image).skip(KEPT - 1).map(str::to_owned).collect()
}

/// Returns whether the tag is one of our hashes; tags given by hand are kept.
fn is_ours(tag: &str) -> bool {
    // The tag of a base image has a time after the hash.
    let (hash, time) = tag.split_once('-').unwrap_or((tag, "00000000"));
    let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex(hash, 12) && is_hex(time, 8)
}

#[cfg(test)]
mod tests {
    use super::stale;

    #[test]
    fn the_newest_stay_and_so_do_other_peoples() {
        let tag = |name: &str, number: usize| format!("localhost/kind-harness/{name}:{number:012x}");
        let mut listed: Vec<String> = (1..=7).rev().map(|number| tag("api", number)).collect();
        listed.extend((1..=6).rev().map(|number| format!("{}-{number:08x}", tag("base", 2))));
        listed.extend([tag("base", 1), "localhost/kind-harness/api:dev".into(), "docker.io/library/api:1".into()]);
        assert_eq!(stale(&listed.join("\n"), &tag("api", 7)), [tag("api", 2), tag("api", 1)]);
        let (newest, oldest) = (format!("{}-00000006", tag("base", 2)), format!("{}-00000001", tag("base", 2)));
        assert_eq!(stale(&listed.join("\n"), &newest), [oldest, tag("base", 1)]);
        assert_eq!(
            stale(&listed.join("\n"), &tag("api", 1)),
            [tag("api", 3), tag("api", 2)],
            "never the one just made"
        );
    }
}
