//! Images that nodes use without a copy: the engine's layers, from its folder that is mounted in them.

use std::collections::BTreeMap;
use std::path::Path;

use futures::future::try_join_all;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::host::exec::{Cmd, ExecError};
use crate::host::setup::{Engine, LOOK};
use crate::suite::hash::hex;
use crate::suite::name::ClusterName;
use crate::suite::reference::normalized;

/// Run in a node, with what [`Image::arguments`] returns.
const SCRIPT: &str = include_str!("mount-layers.sh");

/// After the cluster's name, how the names of containers begin that keep images for it.
pub(crate) const HOLDER: &str = "image-";

/// Exit code of the script where layers cannot be used.
const REFUSED: i32 = 3;

/// An image of the engine, and where its layers lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    /// Its name, as containerd has it.
    pub(super) name: String,
    /// The hash of its configuration, without `sha256:`.
    id: String,
    /// Bytes of all layers, unpacked.
    bytes: u64,
    /// The lowest first.
    layers: Vec<Layer>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Layer {
    /// The hash of its content.
    content: String,
    /// Its folder, relative to that of the engine.
    folder: String,
}

/// Returns `images`, with their layers below the engine's folder `root`.
///
/// # Errors
/// The reason why layers cannot be used.
pub(super) async fn inspect(engine: &Engine, images: &[String], root: &Path) -> Result<Vec<Image>, String> {
    let names: Vec<String> = images.iter().map(|image| normalized(image)).collect();
    let inspect = names.iter().fold(engine.command(["image", "inspect"]), |inspect, name| inspect.arg(name));
    let told = inspect.deadline(LOOK).output().await.map_err(|error| error.brief())?;
    let told: Vec<Inspected> = serde_json::from_str(&told).map_err(|error| error.to_string())?;
    if told.len() != names.len() {
        return Err(format!("{} tells {} of {} images", engine.kind.name(), told.len(), names.len()));
    }
    names.into_iter().zip(told).map(|(name, told)| told.image(name, root)).collect()
}

impl Image {
    /// Returns the script's arguments.
    fn arguments(&self) -> Vec<String> {
        let (mut parent, mut arguments) = ("-".to_owned(), Vec::new());
        for Layer { content, folder } in &self.layers {
            let chain = match parent.as_str() {
                "-" => content.clone(),
                parent => format!("sha256:{}", hex(&Sha256::digest(format!("{parent} {content}")))),
            };
            arguments.push(format!("layer {chain} {parent} {folder}"));
            parent = chain;
        }
        arguments.push(format!("image {} {} {}", self.name, self.id, self.manifest_layers()));
        arguments
    }

    /// Returns the layers for a manifest. Their archives do not exist, so only the sum of their sizes is known, which the
    /// kubelet reports as the image's.
    fn manifest_layers(&self) -> String {
        let layers = self.layers.iter().enumerate().map(|(index, layer)| {
            let size = if index == 0 { self.bytes } else { 0 };
            json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer.content, "size": size})
        });
        serde_json::Value::from_iter(layers).to_string()
    }

    /// Returns the name of the container that keeps the engine from deleting the image while `cluster` uses it.
    fn holder(&self, cluster: &ClusterName) -> String {
        const DIGITS: usize = 12;
        format!("{cluster}-{HOLDER}{}", self.id.get(..DIGITS).unwrap_or(&self.id))
    }
}

/// Returns the names of the containers that keep images for `cluster`, a line for each.
///
/// # Errors
/// When the engine does not list its containers.
pub(super) async fn holders(engine: &Engine, cluster: &ClusterName) -> Result<String, ExecError> {
    let names = format!("--filter=name={cluster}-{HOLDER}");
    engine.command(["ps", "--all", "--format={{.Names}}", &names]).deadline(LOOK).output().await
}

/// Keeps the engine from deleting `images` while `cluster` exists, by containers that are never started, beside those that
/// are `there`. `shim` is the engine's command by which a container becomes the cluster's.
///
/// # Errors
/// When the engine makes no such container.
pub(super) async fn hold(
    engine: &Engine,
    shim: &Path,
    cluster: &ClusterName,
    images: &[Image],
    there: &str,
) -> Result<(), ExecError> {
    // The name has the image's id, of which an image with two names has one.
    let named = images.iter().map(|image| (image.holder(cluster), image.id.as_str()));
    let missing: BTreeMap<String, &str> =
        named.filter(|(holder, _)| there.lines().all(|name| name.trim() != holder)).collect();
    let create = |(holder, id): (String, &str)| {
        let create = Cmd::new(shim, ["create", "--name", &holder, id, "never-started"]);
        let create = engine.environment(create).deadline(LOOK).finishing();
        async move { create.output().await }
    };
    try_join_all(missing.into_iter().map(create)).await.map(drop)
}

/// Makes `images` known to the containerd of `node`.
///
/// # Errors
/// When the node has them only in part, or not at all.
pub(super) async fn mount(engine: &Engine, node: &str, images: &[Image]) -> Result<(), ExecError> {
    let arguments = images.iter().flat_map(Image::arguments);
    let run = engine.command(["exec", "-i", node, "bash", "-s"]).input(SCRIPT);
    arguments.fold(run, Cmd::arg).output().await.map(drop)
}

/// Returns why layers cannot be used, if that is what [`mount`] failed for. Then images can be copied into the node.
pub(super) fn refused(error: &ExecError) -> Option<String> {
    match error {
        ExecError::Failed { status, .. } if status.code() == Some(REFUSED) => Some(error.brief()),
        _ => None,
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    #[serde(rename = "RootFS")]
    root: RootFs,
    graph_driver: GraphDriver,
    #[serde(default)]
    size: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RootFs {
    #[serde(default)]
    layers: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GraphDriver {
    data: Option<Folders>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Folders {
    /// The folder of the highest layer.
    upper_dir: Option<String>,
    /// Those of the others, the next one first, separated by colons.
    lower_dir: Option<String>,
}

impl Inspected {
    fn image(self, name: String, root: &Path) -> Result<Image, String> {
        let data = self.graph_driver.data.ok_or_else(|| format!("no folders are known of {name}"))?;
        let lower = data.lower_dir.unwrap_or_default();
        let upper = data.upper_dir.unwrap_or_default();
        let below = |folder: &str| {
            let relative = Path::new(folder).strip_prefix(root).ok().and_then(Path::to_str).map(str::to_owned);
            // The script separates words by blanks.
            relative.filter(|it| !it.contains(char::is_whitespace)).ok_or_else(|| format!("{name} lies in {folder}"))
        };
        let folders = lower.rsplit(':').chain([upper.as_str()]).filter(|folder| !folder.is_empty());
        let folders = folders.map(below).collect::<Result<Vec<_>, _>>()?;
        if folders.is_empty() || folders.len() != self.root.layers.len() {
            return Err(format!("{name} has {} layers in {} folders", self.root.layers.len(), folders.len()));
        }
        let layers = self.root.layers.into_iter().zip(folders).map(|(content, folder)| Layer { content, folder });
        let id = self.id.trim_start_matches("sha256:").to_owned();
        Ok(Image { name, id, bytes: self.size, layers: layers.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = r#"{"Id": "sha256:ab", "Size": 7, "RootFS": {"Layers": ["sha256:1", "sha256:2", "sha256:3"]},
        "GraphDriver": {"Name": "overlay", "Data": {"LowerDir": "/s/overlay/b/diff:/s/overlay/a/diff",
        "UpperDir": "/s/overlay/c/diff", "WorkDir": "/s/overlay/c/work"}}}"#;

    fn image(told: &str) -> Result<Image, String> {
        serde_json::from_str::<Inspected>(told).unwrap().image("docker.io/library/a:1".into(), Path::new("/s"))
    }

    #[test]
    fn the_lowest_layer_comes_first_and_chains_are_as_containerd_has_them() {
        let arguments = image(TOLD).unwrap().arguments();
        let second = format!("sha256:{}", hex(&Sha256::digest("sha256:1 sha256:2")));
        let third = format!("sha256:{}", hex(&Sha256::digest(format!("{second} sha256:3"))));
        assert_eq!(arguments[0], "layer sha256:1 - overlay/a/diff");
        assert_eq!(arguments[1], format!("layer {second} sha256:1 overlay/b/diff"));
        assert_eq!(arguments[2], format!("layer {third} {second} overlay/c/diff"));
        let manifest = arguments[3].strip_prefix("image docker.io/library/a:1 ab ").unwrap();
        let layers: Vec<serde_json::Value> = serde_json::from_str(manifest).unwrap();
        assert_eq!((layers.len(), &layers[0]["size"], &layers[2]["digest"]), (3, &json!(7), &json!("sha256:3")));
    }

    #[test]
    fn what_does_not_fit_is_not_used() {
        assert!(image(&TOLD.replace("\"sha256:1\", ", "")).unwrap_err().contains("2 layers in 3 folders"));
        assert!(image(&TOLD.replace("/s/overlay/a", "/other/a")).unwrap_err().contains("/other/a"));
        assert!(image(&TOLD.replace("overlay/a", "over lay/a")).unwrap_err().contains("lies in"));
        assert!(image(r#"{"Id": "ab", "RootFS": {}, "GraphDriver": {"Name": "overlayfs"}}"#).is_err());
    }
}
