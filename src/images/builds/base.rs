//! The base image of recipes: built from Debian's packages, and rebuilt when it exceeds its maximum age, to receive
//! security updates. Images based on it are rebuilt too, because its reference is part of theirs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::super::recipe::Recipe;
use super::super::{ImageError, buildkit, stale};
use super::{ImageBuilder, Present};
use crate::host::folders::{self, StagingDir};
use crate::report::Phase;
use crate::suite::config::{ImageSource, duration};

/// The maximum age of the base image.
const MAX_AGE: &str = "KIND_HARNESS_BASE_MAX_AGE";

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Time until a failed renewal is retried, since the host may be offline.
const NEXT_TRY: Duration = DAY;

/// An existing base image.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Built {
    reference: String,
    at: SystemTime,
}

impl Built {
    /// Returns its age; zero if the clock has been set back.
    fn age(&self) -> Duration {
        self.at.elapsed().unwrap_or_default()
    }
}

impl ImageBuilder {
    pub(super) async fn base(self: Arc<Self>, present: Present) -> Result<Option<String>, Arc<ImageError>> {
        if self.source != ImageSource::Packages {
            return Ok(None);
        }
        let max_age = max_age(std::env::var(MAX_AGE).ok())?;
        let recipe = Recipe::own("base", &self.host.folders.cache)?;
        let stem = recipe.reference(&self.host, None, b"");
        let file = |source| ImageError::File { image: stem.clone(), source };
        let step = self.events.step(Phase::Images, recipe.name());
        let fresh = |present: &BTreeSet<String>| newest(present, &stem).filter(|built| built.age() <= max_age);
        let present = present.await?;
        if let Some(built) = fresh(&present) {
            step.unchanged();
            return Ok(Some(built.reference));
        }
        let failure = self.host.folders.cache.join("base-renewal-failed");
        if let (Some(built), Some(why)) = (newest(&present, &stem), lately(&failure)) {
            step.unchanged();
            return Ok(Some(self.stays(built, &why)));
        }
        step.progress("waiting for another build to end");
        let _bench = self.benches.acquire().await;
        let waits = || step.progress("waiting for another run that builds it");
        let thing = stem.rsplit('/').next().unwrap_or_default().replace(':', "-");
        let _aside = StagingDir::take(&self.host.folders, &thing, waits).await.map_err(file)?;
        // Another run may have built it meanwhile.
        let present = self.clone().list_images().await?;
        if let Some(built) = fresh(&present) {
            step.unchanged();
            return Ok(Some(built.reference));
        }
        // Before the minute that the base takes: every other build begins from it.
        buildkit::check(&self.host.engine).await?;
        let image = reference(&stem, SystemTime::now());
        match (recipe.build(&self.host, &image, None, None, &step).await, newest(&present, &stem)) {
            (Ok(()), _) => {
                // Usually there is no file of an earlier failure.
                let _ = fs_err::remove_file(&failure);
                stale::remove(&self.host.engine, &image, &self.resilience).await?;
                step.done();
                Ok(Some(image))
            }
            (Err(error), Some(old)) => {
                let why = match &error {
                    ImageError::Build { source, .. } => source.brief(),
                    other => crate::readiness::errors::chain(other),
                };
                folders::publish(&failure, &why).map_err(file)?;
                step.unchanged();
                Ok(Some(self.stays(old, &why)))
            }
            (Err(error), None) => Err(Arc::new(error)),
        }
    }

    /// Warns that an outdated image is used all the same, and returns its reference.
    fn stays(&self, built: Built, why: &str) -> String {
        let days = built.age().as_secs() / DAY.as_secs();
        let next = "it is tried again a day after it failed";
        let text = format!("the base image is {days} days old and could not be renewed, so it stays; {next}: {why}");
        self.events.warn(Phase::Images, text);
        built.reference
    }
}

/// Returns the reference of a base image built `at` a time. The time is in its tag, because engines print times in
/// different formats.
fn reference(stem: &str, at: SystemTime) -> String {
    format!("{stem}-{:08x}", at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

/// Returns the newest of the base images that are `present`.
fn newest(present: &BTreeSet<String>, stem: &str) -> Option<Built> {
    let built = present.iter().filter_map(|image| {
        let seconds = u64::from_str_radix(image.strip_prefix(stem)?.strip_prefix('-')?, 16).ok()?;
        Some(Built { reference: image.clone(), at: UNIX_EPOCH.checked_add(Duration::from_secs(seconds))? })
    });
    built.max_by_key(|built| built.at)
}

/// Returns the error of a recent failed renewal.
fn lately(failure: &Path) -> Option<String> {
    let at = fs_err::metadata(PathBuf::from(failure)).ok()?.modified().ok()?;
    if at.elapsed().unwrap_or_default() > NEXT_TRY { None } else { fs_err::read_to_string(failure).ok() }
}

/// Parses `30d`, or any other duration.
fn max_age(value: Option<String>) -> Result<Duration, ImageError> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(30 * DAY) };
    let days = value.strip_suffix('d').and_then(|days| days.parse::<u32>().ok()).filter(|days| *days > 0);
    let age = days.map(|days| days * DAY).or_else(|| duration::parse(&value).ok());
    age.ok_or(ImageError::Variable { name: MAX_AGE, value, permitted: "a time such as `30d` or `12h`" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_found_by_its_tag_and_others_are_not_taken_for_it() {
        let stem = "localhost/kind-harness/base:0123456789ab";
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let (old, new) = (reference(stem, at(1_700_000_000)), reference(stem, at(1_800_000_000)));
        let other = reference("localhost/kind-harness/base:ffffffffffff", at(1_900_000_000));
        let present = [stem, &old, &new, &other, "localhost/kind-harness/base:0123456789ab-mine"].map(str::to_owned);
        let found = newest(&BTreeSet::from(present), stem);
        assert_eq!(found, Some(Built { reference: new, at: at(1_800_000_000) }));
        assert_eq!(newest(&BTreeSet::from([stem.to_owned(), other]), stem), None);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nothing_old() {
        let built = Built { reference: String::new(), at: SystemTime::now() + 90 * DAY };
        assert_eq!(built.age(), Duration::ZERO);
    }

    #[test]
    fn ages_are_days_or_durations() {
        let age = |value: &str| max_age(Some(value.into())).map_err(|error| error.to_string());
        assert_eq!(max_age(None).unwrap(), 30 * DAY);
        assert_eq!(age(""), Ok(30 * DAY));
        assert_eq!(age("7d"), Ok(7 * DAY));
        assert_eq!(age("12h"), Ok(DAY / 2));
        for wrong in ["0d", "soon", "-1d", "30"] {
            let expected = format!("KIND_HARNESS_BASE_MAX_AGE is {wrong:?}; it can be a time such as `30d` or `12h`");
            assert_eq!(age(wrong), Err(expected));
        }
    }
}
