//! Images that manifests name and the suite does not list: pulled once, with the host's login, and loaded into the nodes.

use anyhow::{Result, ensure};

use crate::engine::Engine;
use crate::front::Front;
use crate::registries::{Suite, push};
use crate::registry::Registry;

/// The exit code of a suite that is not ready at its deadline.
const TIMEOUT: i32 = 8;

/// Two components with a pod each of the same image, which no component lists.
fn suite(image: &str) -> String {
    let component = |name: &str| {
        format!(
            "  - name: {name}\n    manifests:\n      - inline: |\n          apiVersion: v1\n          kind: Pod\n          \
             metadata: {{name: {name}}}\n          spec: {{terminationGracePeriodSeconds: 0, containers: [{{name: app, image: '{image}'}}]}}\n"
        )
    };
    format!(
        "suite: prefetch\nnamespace: prefetch\ndeadline: 60s\nimages: registry\ncluster: {{config: kind.yaml}}\n\
         components:\n{}{}",
        component("one"),
        component("two")
    )
}

/// The nodes have no login, so that what runs in them was pulled by the host. `without_login` is the same engine, which
/// cannot pull it.
pub(crate) fn with_the_hosts_login(
    engine: &Engine,
    without_login: &Engine,
    registry: &Registry,
    front: &Front,
) -> Result<()> {
    push(engine, &registry.address, "shop/unlisted:1")?;
    let image = format!("{}/shop/unlisted:1", front.address);
    let refused = Suite::on(without_login)?;
    refused.write("e2e.yaml", &suite(&image).replace("deadline: 60s", "deadline: 8s"))?;
    let told = format!("warning: the nodes pull {image} themselves: ");
    let said = refused.run(&["up"])?.with(TIMEOUT, &[&told, "2 of 2 not ready"])?;
    ensure!(said.matches(&told).count() == 1, "{said}");
    drop(refused);

    let first = Suite::on(engine)?;
    first.write("e2e.yaml", &suite(&image))?;
    front.image_requests();
    let said = first.run(&["up", "--keep"])?.with(0, &[])?;
    ensure!(!said.contains("themselves"), "{said}");
    ensure!(front.image_requests() > 0, "the image came from elsewhere");
    first.run(&["up", "--keep"])?.with(0, &["unchanged"])?;
    drop(first);

    // Another cluster, and nobody is asked.
    let second = Suite::on(engine)?;
    second.write("e2e.yaml", &suite(&image))?;
    second.run(&["up", "--keep"])?.with(0, &[])?;
    let again = front.image_requests();
    ensure!(again == 0, "{again} requests for an image that the host has");
    second.forget(&image);
    Ok(())
}
