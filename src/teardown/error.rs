//! What can keep components from being taken away.

use std::fmt;

use thiserror::Error;

use crate::readiness::{ObjectRef, errors};

/// Why an object is still there.
#[derive(Debug, Error)]
pub enum KillError {
    /// The API server does not do what it is asked to.
    #[error("{object} cannot be removed")]
    Api {
        /// The object.
        object: ObjectRef,
        /// What it says.
        #[source]
        source: Box<kube::Error>,
    },
    /// An object that was there before us still has what we set.
    #[error("{object} was there before and could not be given back as it was")]
    NotGivenBack {
        /// The object.
        object: ObjectRef,
        /// What the API server says.
        #[source]
        source: Box<kube::Error>,
    },
    /// The API server does not answer.
    #[error("the API server does not say whether {object} is gone")]
    Silent {
        /// The object.
        object: ObjectRef,
    },
    /// A finalizer keeps it.
    #[error("{object} is kept by finalizers: {}; whoever put them there should remove them; `--force` does", finalizers.join(", "))]
    Kept {
        /// The object.
        object: ObjectRef,
        /// The finalizers.
        finalizers: Vec<String>,
    },
    /// It was deleted, and is there.
    #[error("{object} is still there{why}")]
    Left {
        /// The object.
        object: ObjectRef,
        /// What is known of it, as `: reason`.
        why: String,
    },
}

/// Everything that could not be removed, with its component.
#[derive(Debug)]
pub struct KillErrors(pub Vec<(String, KillError)>);

impl std::error::Error for KillErrors {}

impl fmt::Display for KillErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not everything could be removed:")?;
        self.0.iter().try_for_each(|(component, error)| write!(f, "\n  {component}: {}", errors::chain(error)))
    }
}
