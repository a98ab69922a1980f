//! Images of ours replaced by newer ones: a few are kept for other branches, the rest would fill the disk.

use super::ImageError;
use super::engine::list;
use crate::host::resilience::Resilience;
use crate::host::setup::Engine;

/// Tags kept of each image, newest first.
const KEPT: usize = 5;

/// Removes old tags of the image whose newest is `image`. One used by a container is kept.
///
/// # Errors
/// When the engine does not list its images.
pub(super) async fn remove(engine: &Engine, image: &str, resilience: &Resilience) -> Result<(), ImageError> {
    for stale in stale(&list(engine, resilience).await?, image) {
        // Fails while it is in use, or while another run removes it.
        let _ = engine.command(["rmi", &stale]).finishing().output().await;
    }
    Ok(())
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
