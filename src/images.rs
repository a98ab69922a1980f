//! Images: their source, their builds, and loading them into nodes that lack them.
//!
//! [`ImageBuilds::begin`] starts every build in the background and returns at once; the node image is awaited before
//! the cluster is created, a component's images before that component is loaded. Every image built here is tagged with
//! a hash of its inputs, so an existing image is never built again, and never stale.

mod binaries;
mod binary_image;
mod buildkit;
mod builds;
mod cargo;
mod content;
mod context;
mod dockerfile;
mod engine;
mod inputs;
mod layers;
mod load;
mod made;
mod node_image;
mod nodes;
mod nodes_up;
mod pull;
mod push;
mod recipe;
mod source;
mod stale;
mod variables;

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

pub(crate) use binary_image::{AUTHORITIES_IN_IMAGE, host_authorities};
pub use builds::{ComponentImages, ImageBuilds, build};
pub use inputs::inputs;
pub(crate) use layers::HOLDER;
pub use load::Loads;
pub use node_image::NodeImage;
pub use nodes::{MountedLayers, Nodes};
pub use nodes_up::{NodesSignal, NodesUp};
pub use source::{Choice, Needed, decide};

use crate::host::credentials::LoginError;
use crate::host::exec::ExecError;

/// Deadline of a build: compiling Kubernetes takes 20 minutes on two cores, and hosts may have one, or be busy.
const BUILD: Duration = Duration::from_secs(2 * 3600);

/// Errors of providing an image.
#[derive(Debug, Error)]
pub enum ImageError {
    /// An image that the suite's own files or programs make could not be made.
    #[error("{place}: {}", crate::readiness::errors::chain(&**.error))]
    At {
        /// Where `e2e.yaml` names the image.
        place: String,
        /// The error.
        error: Arc<ImageError>,
    },
    /// A recipe's folder cannot be read.
    #[error("cannot read the recipe in {folder}")]
    Recipe {
        /// The recipe's folder.
        folder: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// An environment variable has an invalid value.
    #[error("{name} is {value:?}; it can be {permitted}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// The permitted values.
        permitted: &'static str,
    },
    /// Building a recipe failed.
    #[error("building {image} failed")]
    Build {
        /// The image.
        image: String,
        /// The cause, with the last lines of the build's output.
        #[source]
        source: ExecError,
    },
    /// The engine builds no images at all.
    #[error(
        "{engine} builds no images: it needs `buildctl` in PATH, and a running buildkitd (at BUILDKIT_HOST, if not at its \
         usual address)"
    )]
    NoBuilder {
        /// The engine.
        engine: &'static str,
        /// The cause, with the last lines of the build's output.
        #[source]
        source: ExecError,
    },
    /// The engine's builds cannot begin from an image that the engine has.
    #[error(
        "{engine} cannot build from an image that it has built before: buildkitd uses other images; start it with \
         `--oci-worker=false --containerd-worker=true --containerd-worker-namespace=default`, or {engine}'s other namespace"
    )]
    OtherImages {
        /// The engine.
        engine: &'static str,
        /// The cause, with the last lines of the build's output.
        #[source]
        source: ExecError,
    },
    /// An instruction of a Dockerfile failed.
    #[error("building {image} failed at {place}")]
    Instruction {
        /// The image.
        image: String,
        /// The Dockerfile and the line.
        place: String,
        /// The cause, with the last lines of the build's output.
        #[source]
        source: ExecError,
    },
    /// The output of `cargo metadata` cannot be parsed.
    #[error("cannot read what `cargo metadata` says of the workspace")]
    Metadata {
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// The package has no binary for the image.
    #[error(
        "cargo package {package} has no binary {name}, so no image can be made of it; `bin` in e2e.yaml names another"
    )]
    NoBinary {
        /// The package.
        package: String,
        /// The binary.
        name: String,
    },
    /// The Dockerfile of an image, or its context, cannot be read.
    #[error("cannot read what {image} is built from")]
    Context {
        /// The image.
        image: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A program that makes an image failed.
    #[error("the command that makes {image} failed")]
    Command {
        /// The image.
        image: String,
        /// The cause, with the last lines of its output.
        #[source]
        source: ExecError,
    },
    /// A program that makes an image did not leave one of that name.
    #[error("`{command}` ended without an error, and left no image {image} in {engine}; does it give it another name?")]
    NotMade {
        /// The image.
        image: String,
        /// The command.
        command: String,
        /// The engine.
        engine: String,
    },
    /// An image is made for another architecture than that of the nodes.
    #[error("{image} is for {found}, and the nodes run on {wanted}; build it for {wanted}")]
    OtherArchitecture {
        /// The image.
        image: String,
        /// The architecture of the image.
        found: String,
        /// The architecture of the host.
        wanted: &'static str,
    },
    /// The image cannot be pulled.
    #[error("pulling {image} failed; where no registry can be reached, `--images packages` builds images from recipes")]
    Pull {
        /// The image.
        image: String,
        /// The cause.
        #[source]
        source: ExecError,
    },
    /// The engine has pulled an image, and does not find it by the same reference.
    #[error("the engine has pulled {image}, and does not find it now; was it removed meanwhile?")]
    NotPulled {
        /// The image.
        image: String,
    },
    /// An image could not be pushed to the registry from which the cluster's nodes pull.
    #[error(
        "pushing {image} failed; {engine} pushes with the host's own login (`{engine} login {registry}`) and configuration"
    )]
    Push {
        /// The image, by the name under which it is pushed.
        image: String,
        /// The engine.
        engine: &'static str,
        /// The registry.
        registry: String,
        /// The cause, with the last lines of the engine's output.
        #[source]
        source: ExecError,
    },
    /// The host's login for a registry cannot be read.
    #[error("no Secret can be made for `cluster.pullSecrets`")]
    Login(#[source] LoginError),
    /// The host has no login for a registry.
    #[error(
        "`cluster.pullSecrets` needs a login for {registry}, and {engine} has none: `{engine} login {registry}`, or remove \
         `pullSecrets` if the nodes need none"
    )]
    NoLogin {
        /// The registry.
        registry: String,
        /// The engine.
        engine: &'static str,
    },
    /// What the engine says of an image does not allow to push it, or to use what was pushed.
    #[error("{image} cannot be pushed: {why}")]
    NotPushed {
        /// The image.
        image: String,
        /// The reason.
        why: &'static str,
    },
    /// The image has no recipe, and registries are not used.
    #[error(
        "{image} has no recipe, and images come from packages; give it a `recipe` in e2e.yaml, or use `--images registry`"
    )]
    NoRecipe {
        /// The image.
        image: String,
    },
    /// There is no node image of the version of Kubernetes.
    #[error("{origin} have no node image of Kubernetes {version}: {}", crate::suite::config::kubernetes::known())]
    NoVersion {
        /// Where images come from.
        origin: &'static str,
        /// The version.
        version: String,
    },
    /// The image could not be loaded into a node.
    #[error("loading {images} into {node} failed")]
    Load {
        /// The images, separated by commas.
        images: String,
        /// The node.
        node: String,
        /// The cause.
        #[source]
        source: ExecError,
    },
    /// A node cannot use layers where the engine keeps them, and the suite does not want copies.
    #[error("`cluster.load: mount` is not possible for {images}: {why}; `load: auto` copies them where it is not")]
    NotMounted {
        /// The images, separated by commas.
        images: String,
        /// The reason.
        why: String,
    },
    /// The engine cannot list its images.
    #[error("cannot list the engine's images")]
    List(#[source] ExecError),
    /// An intermediate file could not be written.
    #[error("cannot prepare the build of {image}")]
    File {
        /// The image.
        image: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The cluster's nodes, into which images are loaded, cannot be found.
    #[error("the nodes cannot be found to load images into")]
    Nodes(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A build that is awaited ended without a result.
    #[error("the build was abandoned")]
    Abandoned,
}
