//! Images: where they come from, how they are built, and how nodes get those that they lack.
//!
//! [`ImageBuilds::begin`] starts every build in the background and returns at once; the node image is awaited before
//! the cluster is created, a component's images before that component is loaded. Every image built here is tagged
//! with a hash of what went into it, so an image that exists is never built again, and never stale.

mod binaries;
mod builds;
mod cargo;
mod content;
mod engine;
mod load;
mod recipe;
mod source;
mod stale;
mod variables;

use std::time::Duration;

use thiserror::Error;

pub use builds::{ComponentImages, ImageBuilds, build};
pub use load::{Loads, Nodes, NodesUp};
pub use source::{Choice, decide};

use crate::host::exec::ExecError;

/// How long a build may take: Kubernetes compiles for 20 minutes on two cores, and hosts may have one, and be busy.
const BUILD: Duration = Duration::from_hours(2);

/// Why an image is not there.
#[derive(Debug, Error)]
pub enum ImageError {
    /// A recipe's folder cannot be read.
    #[error("cannot read the recipe in {folder}")]
    Recipe {
        /// The recipe's folder.
        folder: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A variable of the environment has a value that it cannot have.
    #[error("{name} is {value:?}; it can be {permitted}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What it is set to.
        value: String,
        /// What it can be set to.
        permitted: &'static str,
    },
    /// A recipe is there, but its build failed.
    #[error("building {image} failed")]
    Build {
        /// The image.
        image: String,
        /// Why, with the last lines of the build's output.
        #[source]
        source: ExecError,
    },
    /// Cargo does not say in a way that we understand what the workspace consists of.
    #[error("cannot read what `cargo metadata` says of the workspace")]
    Metadata {
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Cargo built nothing that could become the image.
    #[error("cargo package {package} has no binary of that name, so no image can be made of it")]
    NoBinary {
        /// The package.
        package: String,
    },
    /// The image cannot be pulled.
    #[error("pulling {image} failed; where no registry can be reached, `--images packages` builds images from recipes")]
    Pull {
        /// The image.
        image: String,
        /// Why.
        #[source]
        source: ExecError,
    },
    /// Without a registry there is no way to get the image.
    #[error(
        "{image} has no recipe, and images come from packages; give it a `recipe` in e2e.yaml, or use `--images registry`"
    )]
    NoRecipe {
        /// The image.
        image: String,
    },
    /// The image could not be put on a node.
    #[error("loading {images} into {node} failed")]
    Load {
        /// The images, separated by commas.
        images: String,
        /// The node.
        node: String,
        /// Why.
        #[source]
        source: ExecError,
    },
    /// The engine does not say which images it has.
    #[error("cannot list the engine's images")]
    List(#[source] ExecError),
    /// An intermediate file could not be written.
    #[error("cannot prepare the build of {image}")]
    File {
        /// The image.
        image: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The cluster's nodes cannot be found, so nothing can be loaded into them.
    #[error("the nodes cannot be found to load images into")]
    Nodes(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A build that others waited for ended without a result.
    #[error("the build was abandoned")]
    Abandoned,
}
