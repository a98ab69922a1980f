//! The versions of Kubernetes that a cluster can have, and how its nodes' image is had.

use super::ImageSource;

/// The versions that are built from Go modules (`images/node`); the first is the default.
const BUILT: [&str; 2] = ["1.34.4", "1.33.13"];

/// The node images that the release notes of kind v0.33.0 list, with the digests to use with that release.
const PUBLISHED: [(&str, &str); 4] = [
    ("1.37.0", "sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5"),
    ("1.36.4", "sha256:099e049362a1526b2db71494e1947aae99bd16290d7c895f2b7ea312e3cbfaed"),
    ("1.35.8", "sha256:07b2536e30b803ed61d1677a79df6115f798ce64c80f9e22f6ed45afd09323c0"),
    ("1.34.11", "sha256:44e222ee2132dab25ff87301682f89eb82c7880ea3a1bf543bfe9708fd08d67d"),
];

/// Returns the version that is built from packages when `wanted` is, such as `1.33` or `v1.33.13`: the default when it is
/// `None`, and `None` when there is no such version.
#[must_use]
pub(crate) fn built(wanted: Option<&str>) -> Option<&'static str> {
    BUILT.into_iter().find(|version| wanted.is_none_or(|wanted| is_meant(wanted, version)))
}

/// Returns kind's node image of the version `wanted`, if kind publishes one.
#[must_use]
pub(crate) fn published(wanted: &str) -> Option<String> {
    let (version, digest) = PUBLISHED.into_iter().find(|(version, _)| is_meant(wanted, version))?;
    Some(format!("kindest/node:v{version}@{digest}"))
}

/// Returns whether clusters can have the version `wanted` with images from `source`; with `auto`, from any.
#[must_use]
pub(crate) fn is_known(wanted: &str, source: ImageSource) -> bool {
    let (built, published) = (built(Some(wanted)).is_some(), published(wanted).is_some());
    match source {
        ImageSource::Auto => built || published,
        ImageSource::Registry => published,
        ImageSource::Packages => built,
    }
}

/// Returns which versions there are, as a sentence for the user.
#[must_use]
pub(crate) fn known() -> String {
    let published = PUBLISHED.map(|(version, _)| version).join(", ");
    format!("registries have {published}; {} are built from packages", BUILT.join(" and "))
}

/// Returns whether `wanted` names `version`, or its minor version: `1.33` and `v1.33.13` are 1.33.13.
fn is_meant(wanted: &str, version: &str) -> bool {
    let wanted = wanted.strip_prefix('v').unwrap_or(wanted);
    wanted == version || version.rsplit_once('.').is_some_and(|(minor, _)| wanted == minor)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1.33", Some("1.33.13"))]
    #[case("v1.33.13", Some("1.33.13"))]
    #[case("1.34", Some("1.34.4"))]
    #[case("1.3", None)]
    #[case("1.33.1", None)]
    #[case("1", None)]
    #[case("", None)]
    fn a_version_is_meant_by_its_number_or_its_minor_version(#[case] wanted: &str, #[case] found: Option<&str>) {
        assert_eq!(built(Some(wanted)), found);
    }

    #[test]
    fn kinds_images_have_their_digests() {
        let image = published("1.36").unwrap();
        assert_eq!(image.split_once('@').unwrap().0, "kindest/node:v1.36.4");
        assert_eq!(published("1.33"), None, "kind v0.33.0 publishes none");
        for (version, digest) in PUBLISHED {
            let hash = digest.strip_prefix("sha256:").unwrap();
            assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{version}");
        }
    }

    #[test]
    fn the_source_decides() {
        assert!(is_known("1.33", ImageSource::Auto) && is_known("1.33", ImageSource::Packages));
        assert!(!is_known("1.33", ImageSource::Registry));
        assert!(!is_known("1.37", ImageSource::Packages));
        assert_eq!(
            known(),
            "registries have 1.37.0, 1.36.4, 1.35.8, 1.34.11; 1.34.4 and 1.33.13 are built from packages"
        );
    }

    #[test]
    fn what_is_built_has_its_modules() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("images/node");
        for version in BUILT {
            let (minor, _) = version.rsplit_once('.').unwrap();
            let own = root.join(format!("kubernetes-{minor}"));
            let folder = if Some(version) == built(None) { root.join("kubernetes") } else { own };
            let modules = std::fs::read_to_string(folder.join("go.mod")).unwrap();
            assert!(modules.contains(&format!("\tk8s.io/kubernetes v{version}\n")), "{}", folder.display());
            let staging = version.replacen('1', "0", 1);
            assert!(modules.contains(&format!("k8s.io/kubelet => k8s.io/kubelet v{staging}\n")), "{version}");
        }
    }
}
