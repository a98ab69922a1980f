//! References to images, in the form that every engine and node understands.
//!
//! The rules are those of docker's `distribution/reference`: the first part is a registry's host if it has a dot, a
//! colon or is `localhost`; otherwise the image is on Docker Hub, below `library/` if it has no other folder. Without
//! tag and digest the tag is `latest`.

/// The host of Docker Hub's images.
const HUB: &str = "docker.io";

/// Returns the full form of `image`: `docker.io/library/redis:7` for `redis:7`. Engines list the same image in
/// different forms, so references are compared in this one.
#[must_use]
pub(crate) fn normalized(image: &str) -> String {
    let (host, path) = split(image);
    let path = if host == HUB && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
    let name = path.rsplit('/').next().unwrap_or_default();
    let tag = if name.contains([':', '@']) { "" } else { ":latest" };
    format!("{host}/{path}{tag}")
}

/// Returns the host, and the port if it names one, of the registry of `image`.
#[must_use]
pub(crate) fn registry(image: &str) -> &str {
    split(image).0
}

/// Returns the full name of `image` without tag and digest: `docker.io/library/redis` for `redis:7`.
#[must_use]
pub(crate) fn repository(image: &str) -> String {
    let mut full = normalized(image);
    full.truncate(full.find('@').unwrap_or(full.len()));
    let name = full.rfind('/').map_or(0, |slash| slash + 1);
    full.truncate(full[name..].find(':').map_or(full.len(), |colon| name + colon));
    full
}

/// Returns whether `image` names its content by a digest, so that it is the same wherever it is pulled.
#[must_use]
pub(crate) fn is_pinned(image: &str) -> bool {
    image.contains('@')
}

/// Returns the name of `image` without registry, tag and digest, in one piece: `shop-api` for `ghcr.io/shop/api:1`.
#[must_use]
pub(crate) fn short_name(image: &str) -> String {
    let (host, path) = split(image);
    let path = path.split('@').next().unwrap_or_default();
    let tag = path.rsplit('/').next().unwrap_or_default().split_once(':').map_or(0, |(_, tag)| tag.len() + 1);
    let path = &path[..path.len() - tag];
    if host == HUB { path.trim_start_matches("library/") } else { path }.replace('/', "-")
}

/// Returns whether `text` names a registry's host, with or without a folder in it, and nothing else: no scheme, tag or
/// digest.
#[must_use]
pub(crate) fn is_repository(text: &str) -> bool {
    let (host, path) = text.split_once('/').map_or((text, None), |(host, path)| (host, Some(path)));
    let is_part = |part: &str| {
        let has = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        part.bytes().all(has) && part.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
    };
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let is_host = name == "localhost" || name.contains('.') || port.is_some();
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    is_host && is_port && is_part(&name.to_ascii_lowercase()) && path.is_none_or(|path| path.split('/').all(is_part))
}

fn split(image: &str) -> (&str, &str) {
    match image.split_once('/') {
        Some(("index.docker.io", path)) => (HUB, path),
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
        _ => (HUB, image),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("redis", "docker.io/library/redis:latest")]
    #[case("redis:7", "docker.io/library/redis:7")]
    #[case("docker.io/redis:7", "docker.io/library/redis:7")]
    #[case("index.docker.io/library/redis:7", "docker.io/library/redis:7")]
    #[case("me/app:1", "docker.io/me/app:1")]
    #[case("localhost/kind-harness/redis:ab", "localhost/kind-harness/redis:ab")]
    #[case("localhost:5000/app", "localhost:5000/app:latest")]
    #[case("ghcr.io/me/app@sha256:00", "ghcr.io/me/app@sha256:00")]
    #[case("redis@sha256:00", "docker.io/library/redis@sha256:00")]
    #[case("me/app:1@sha256:00", "docker.io/me/app:1@sha256:00")]
    fn references_have_one_full_form(#[case] image: &str, #[case] full: &str) {
        assert_eq!(normalized(image), full);
        assert_eq!(normalized(full), full, "it is its own full form");
    }

    #[test]
    fn a_registry_is_the_first_part_if_it_is_a_host() {
        assert_eq!(registry("me/app"), "docker.io");
        assert_eq!(registry("localhost:5000/app@sha256:00"), "localhost:5000");
    }

    #[rstest]
    #[case("redis", "docker.io/library/redis")]
    #[case("me/app:1@sha256:00", "docker.io/me/app")]
    #[case("localhost:5000/shop/api:1", "localhost:5000/shop/api")]
    #[case("redis@sha256:00", "docker.io/library/redis")]
    fn repositories_are_names_without_a_version(#[case] image: &str, #[case] name: &str) {
        assert_eq!(repository(image), name);
    }

    #[rstest]
    #[case("registry.example/e2e", true)]
    #[case("registry.example", true)]
    #[case("registry:5000/a/b_c", true)]
    #[case("localhost/e2e", true)]
    #[case::no_host("shop/e2e", false)]
    #[case::scheme("https://registry.example/e2e", false)]
    #[case::tag("registry.example/e2e:1", false)]
    #[case::digest("registry.example/e2e@sha256:00", false)]
    #[case::upper_case("registry.example/E2E", false)]
    #[case::slash("registry.example/e2e/", false)]
    #[case::port("registry.example:port/e2e", false)]
    #[case::empty("", false)]
    fn a_repository_is_a_host_and_a_path(#[case] text: &str, #[case] is_one: bool) {
        assert_eq!(is_repository(text), is_one);
    }

    #[rstest]
    #[case("api", "api")]
    #[case("shop/api:dev", "shop-api")]
    #[case("localhost:5000/shop/api", "shop-api")]
    #[case("registry.example.org/a/b/api:1@sha256:00", "a-b-api")]
    #[case("localhost/api:1", "api")]
    #[case("docker.io/library/redis:7", "redis")]
    fn short_names_are_in_one_piece(#[case] image: &str, #[case] name: &str) {
        assert_eq!(short_name(image), name);
    }
}
