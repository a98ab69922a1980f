//! Labels on containers, which anybody can write, and which an image brings along.

use anyhow::{Result, ensure};

use super::ours::{self, Labels, kept, labels};
use crate::row::Row;
use crate::{Situation, situation};

const PAST: Option<&str> = Some("2026-01-02T00:00:00Z");

/// Names that no cluster can have. `{victim}` is the path of a folder that is not ours.
const NAMES: [(&str, &str); 18] = [
    ("climbs", "../../victim"),
    ("climbs_from_a_cluster", "a/../../../victim"),
    ("absolute", "{victim}"),
    ("empty", ""),
    ("dot", "."),
    ("dot_dot", ".."),
    ("slash", "a/b"),
    ("slash_at_the_end", "planted/"),
    ("long", "{long}"),
    ("upper_case", "PLANTED"),
    ("newline", "planted\nplanted"),
    ("escaped_nul", "planted\\u0000"),
    ("unicode", "plänted"),
    ("a_dash_in_front", "--all"),
    ("the_locks", "locks"),
    ("the_bundles", "bundles"),
    ("a_lock", "nodes.lock"),
    ("blank", " "),
];

pub(super) fn table() -> Vec<Situation> {
    let names = NAMES.map(|(what, name)| situation(format!("label::cluster_name_{what}"), move || forged(name)));
    let images = [
        situation("label::on_the_image_alone", || {
            image(|_, labels| labels.retain(|(key, _)| !key.starts_with("io.x-k8s")))
        }),
        situation("label::on_the_image_with_labels_of_kind", || image(|_, _| ())),
    ];
    names.into_iter().chain(images).collect()
}

/// A container whose labels name a cluster that is no cluster.
fn forged(name: &str) -> Result<()> {
    let row = Row::on_engine("forged")?;
    let victim = row.path("victim");
    let name = name.replace("{victim}", &victim.display().to_string()).replace("{long}", &"a".repeat(300));
    row.write("state/kind-harness/bundles/planted/summary.txt", "kept")?;
    row.write("state/kind-harness/locks/planted", "")?;
    row.container(&ours::node(&row.name), &labels(&name, &kept(PAST)?.to_string()), &[])?;
    let before = row.picture()?;
    let gc = row.run(&["gc"])?;
    ensure!(!gc.stdout.contains("was removed"), "{gc:?}");
    let ps = row.run(&["ps", "-o", "json"])?;
    for cluster in ps.json()?["clusters"].as_array().into_iter().flatten() {
        ensure!(cluster["name"] != name.as_str() || cluster["removable"] == false, "{cluster}");
    }
    row.judge(&before, &[])
}

/// A container from an image with labels of a cluster of ours that nobody needs. Its name is not that of a node.
fn image(spoil: impl FnOnce(&Row, &mut Labels)) -> Result<()> {
    let row = Row::on_engine("image")?;
    let mut labels = labels(&row.name, &kept(PAST)?.to_string());
    spoil(&row, &mut labels);
    row.write("image/Containerfile", &format!("FROM {}\n", row.engine()?.image))?;
    let (folder, tag) = (row.path("image").display().to_string(), format!("localhost/{}", row.name));
    let file = format!("{folder}/Containerfile");
    let labels: Vec<String> = labels.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut build = vec!["build", "-q", "-t", &tag, "-f", &file];
    build.extend(labels.iter().flat_map(|label| ["--label", label]));
    build.push(&folder);
    row.ask(&build)?;
    row.remove_later(&["rmi", "-f", &tag]);
    row.container_of(&tag, &format!("{}-database", row.name), &[], &[])?;
    let before = row.picture()?;
    row.run(&["gc"])?;
    row.judge(&before, &[])
}
