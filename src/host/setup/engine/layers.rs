//! Where an engine keeps the layers of its images, as folders that a node can mount.

use std::path::PathBuf;

use super::{Engine, EngineKind, LOOK};

/// Returns the engine's folder of images and layers, if a container can use the layers in it as they are.
///
/// # Errors
/// The reason why not, as a sentence's end.
pub async fn layers(engine: &Engine) -> Result<PathBuf, String> {
    let told = |format: &'static str| async move {
        let info = engine.command(["info", "--format", format]).deadline(LOOK).output().await;
        info.map_err(|error| format!("{} does not say how it keeps layers: {}", engine.kind.name(), error.brief()))
    };
    match engine.kind {
        EngineKind::Podman => of_podman(
            &told(
                "{{.Store.GraphDriverName}}\t{{.Store.GraphRoot}}\t{{.Host.Security.Rootless}}\t\
                 {{.Host.ServiceIsRemote}}\t{{json .Store.GraphOptions}}",
            )
            .await?,
        ),
        EngineKind::Docker => {
            of_docker(&told("{{.Driver}}\t{{.DockerRootDir}}\t{{.OperatingSystem}}\t{{json .SecurityOptions}}").await?)
        }
        EngineKind::Nerdctl => Err("nerdctl does not say where containerd keeps them".into()),
    }
}

fn of_podman(info: &str) -> Result<PathBuf, String> {
    let words: Vec<&str> = info.trim().split('\t').collect();
    let [driver, root, rootless, remote, options] = words[..] else {
        return Err(format!("podman says of its layers: {info}"));
    };
    match (driver, rootless, remote) {
        (_, "true", _) => Err("rootless podman keeps them for other user ids".into()),
        (_, _, "true") => Err("podman runs on another machine".into()),
        // Another program mounts them, and marks removed files in its own way.
        ("overlay", ..) if options.contains("mount_program") => Err("podman mounts them by a program".into()),
        ("overlay", ..) => Ok(root.into()),
        (other, ..) => Err(format!("podman's storage driver is {other}")),
    }
}

fn of_docker(info: &str) -> Result<PathBuf, String> {
    let words: Vec<&str> = info.trim().split('\t').collect();
    let [driver, root, system, security] = words[..] else {
        return Err(format!("docker says of its layers: {info}"));
    };
    match driver {
        _ if system.contains("Docker Desktop") => Err("Docker Desktop keeps them in its virtual machine".into()),
        _ if security.contains("name=rootless") => Err("rootless docker keeps them for other user ids".into()),
        _ if security.contains("name=userns") => Err("docker remaps user ids".into()),
        "overlay2" => Ok(root.into()),
        other => Err(format!("docker's storage driver is {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{of_docker, of_podman};

    #[test]
    fn layers_are_used_where_they_lie_as_the_image_has_them() {
        let root = "/var/lib/containers/storage";
        assert_eq!(of_podman(&format!("overlay\t{root}\tfalse\tfalse\t{{}}")), Ok(root.into()));
        assert_eq!(
            of_docker("overlay2\t/var/lib/docker\tDebian\t[\"name=seccomp,profile=default\"]"),
            Ok("/var/lib/docker".into())
        );
    }

    #[test]
    fn whatever_changes_them_is_named() {
        for (info, why) in [
            ("overlay\t/s\ttrue\tfalse\t{}", "rootless"),
            ("overlay\t/s\tfalse\ttrue\t{}", "another machine"),
            ("overlay\t/s\tfalse\tfalse\t{\"overlay.mount_program\":{}}", "by a program"),
            ("vfs\t/s\tfalse\tfalse\t{}", "driver is vfs"),
            ("nonsense", "nonsense"),
        ] {
            assert!(of_podman(info).unwrap_err().contains(why), "{info}");
        }
        for (info, why) in [
            ("overlayfs\t/s\tDebian\t[]", "driver is overlayfs"),
            ("overlay2\t/s\tDocker Desktop\t[]", "virtual machine"),
            ("overlay2\t/s\tDebian\t[\"name=rootless\"]", "rootless"),
            ("overlay2\t/s\tDebian\t[\"name=userns\"]", "remaps"),
            ("", "of its layers"),
        ] {
            assert!(of_docker(info).unwrap_err().contains(why), "{info}");
        }
    }
}
