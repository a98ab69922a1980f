//! Images for other architectures than the nodes', alone and beside one for theirs.

use anyhow::{Result, ensure};
use duct::cmd;

use crate::engine::Engine;
use crate::registries::{Suite, pause};
use crate::registry::Registry;

/// An image of another architecture is told before it is loaded. What becomes of it depends on the host.
pub(crate) fn foreign(suite: &Suite<'_>, registry: &Registry) -> Result<()> {
    let other = if cfg!(target_arch = "aarch64") { "amd64" } else { "arm64" };
    let image = format!("{}/library/foreign:1", registry.address);
    let layer = suite.folder.path().join("layer.tar");
    cmd!("tar", "-C", suite.folder.path(), "-cf", &layer, "kind.yaml").run()?;
    let dockerfile = "FROM scratch\nADD layer.tar /\nCMD [\"/none\"]\n";
    std::fs::write(suite.folder.path().join("Dockerfile"), dockerfile)?;
    let folder = suite.folder.path().display().to_string();
    let built = suite.engine.ask(&["build", "--platform", &format!("linux/{other}"), "-t", &image, &folder]);
    if suite.engine.name == "docker" && built.is_err() {
        // Its old builder knows no other platform.
        return Ok(());
    }
    built?;
    let insecure = (suite.engine.name == "podman").then_some("--tls-verify=false");
    suite.engine.ask(&["push"].into_iter().chain(insecure).chain([image.as_str()]).collect::<Vec<_>>())?;
    suite.engine.ask(&["rmi", "-f", &image])?;
    let said = suite.up("foreign:1")?.said;
    ensure!(said.contains(&format!("foreign:1 is for {other}, and the nodes run on")), "{said}");
    suite.forget("docker.io/library/foreign:1");
    Ok(())
}

/// An image for two architectures: the engine has only one of the two that the image's index names.
pub(crate) fn two_architectures(engine: &Engine, registry: &Registry) -> Result<()> {
    let (suite, context) = (Suite::on(engine)?, tempfile::tempdir()?);
    std::fs::copy(pause()?, context.path().join("pause"))?;
    std::fs::write(context.path().join("Dockerfile"), "FROM scratch\nCOPY pause /\nENTRYPOINT [\"/pause\"]\n")?;
    let image = format!("{}/shop/everywhere:1", registry.address);
    // podman keeps them as a list by the image's name, and takes what it has built for one of them for the other too.
    let (list, push, forget) = match engine.name {
        "podman" => {
            ("--manifest", &["manifest", "push", "--all", "--tls-verify=false", &image, &image][..], "manifest")
        }
        _ => ("--tag", &["push", &image][..], "image"),
    };
    let context = context.path().display().to_string();
    // No other image on this host has it.
    let label = &format!("kind-harness.dev/tests={}", registry.address);
    let build =
        ["build", "--no-cache", "--platform", "linux/amd64,linux/arm64", "--label", label, list, &image, &context];
    engine.ask(&build)?;
    engine.ask(push)?;
    engine.ask(&[forget, "rm", &image])?;
    for built in engine.ask(&["images", "-q", "--filter", &format!("label={label}")])?.lines() {
        suite.forget(built);
    }
    suite.up(&image)?.with(0, &[&format!("{} answers", registry.address)])?;
    suite.up(&image)?.with(0, &["unchanged"])?;
    suite.forget(&image);
    Ok(())
}
