//! Where the engine asks for the images of a registry.

use serde_json::Value;

use super::{Engine, EngineKind, LOOK};

/// Docker Hub: the name of its images' registry, and the server that has them.
const HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// Returns the address at which the engine asks for the images of `registry`: that of its first mirror, if it has one,
/// and by HTTP if it is configured so.
pub async fn upstream(engine: &Engine, registry: &str) -> String {
    let format = match engine.kind {
        EngineKind::Podman => "{{json .Registries}}",
        EngineKind::Docker | EngineKind::Nerdctl => "{{json .RegistryConfig}}",
    };
    let told = engine.command(["info", "--format", format]).deadline(LOOK).output().await.unwrap_or_default();
    // An engine that does not tell has nothing special configured.
    address(&serde_json::from_str(&told).unwrap_or_default(), engine.kind, registry)
}

fn address(told: &Value, engine: EngineKind, registry: &str) -> String {
    let server = if registry == HUB.0 { HUB.1 } else { registry };
    let (mirror, is_insecure) = match engine {
        EngineKind::Podman => {
            let of = &told[registry];
            let mirror = &of["Mirrors"][0];
            match mirror["Location"].as_str() {
                Some(location) => (Some(location), mirror["Insecure"] == true),
                None => (of["Location"].as_str().filter(|location| *location != registry), of["Insecure"] == true),
            }
        }
        EngineKind::Docker | EngineKind::Nerdctl => {
            let mirrors = if registry == HUB.0 { &told["Mirrors"] } else { &Value::Null };
            (mirrors[0].as_str(), told["IndexConfigs"][registry]["Secure"] == false)
        }
    };
    let server = mirror.unwrap_or(server).trim_end_matches('/');
    match (server.contains("://"), is_insecure) {
        (true, _) => server.to_owned(),
        (false, true) => format!("http://{server}"),
        (false, false) => format!("https://{server}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn images_are_asked_for_where_the_engine_asks() {
        let podman = json!({
            "docker.io": {"Location": "docker.io", "Mirrors": [{"Location": "mirror:5000", "Insecure": true}]},
            "plain:5000": {"Location": "plain:5000", "Insecure": true, "Mirrors": null},
        });
        let of = |registry| address(&podman, EngineKind::Podman, registry);
        assert_eq!(of("docker.io"), "http://mirror:5000");
        assert_eq!(of("plain:5000"), "http://plain:5000");
        assert_eq!(of("ghcr.io"), "https://ghcr.io");
        let docker = json!({"Mirrors": ["https://mirror/"], "IndexConfigs": {"plain:5000": {"Secure": false}}});
        let of = |registry| address(&docker, EngineKind::Docker, registry);
        assert_eq!(of("docker.io"), "https://mirror");
        assert_eq!(of("plain:5000"), "http://plain:5000");
        assert_eq!(of("ghcr.io"), "https://ghcr.io");
        assert_eq!(address(&Value::Null, EngineKind::Docker, "docker.io"), "https://registry-1.docker.io");
    }
}
