//! Errors of removing components.

use std::fmt;

use thiserror::Error;

use crate::readiness::{ObjectRef, errors};

/// Why an object still exists.
#[derive(Debug, Error)]
pub enum KillError {
    /// The API server denied or failed a request.
    #[error("{object} cannot be removed")]
    Api {
        /// The object.
        object: ObjectRef,
        /// The API server's error.
        #[source]
        source: Box<kube::Error>,
    },
    /// An adopted object still has fields that we set.
    #[error("{object} was there before and could not be given back as it was")]
    NotGivenBack {
        /// The object.
        object: ObjectRef,
        /// The API server's error.
        #[source]
        source: Box<kube::Error>,
    },
    /// The API server is unreachable.
    #[error("the API server does not say whether {object} is gone")]
    Silent {
        /// The object.
        object: ObjectRef,
    },
    /// Finalizers prevent the deletion.
    #[error("{object} is kept by finalizers: {}; whoever put them there should remove them; `--force` does", finalizers.join(", "))]
    Kept {
        /// The object.
        object: ObjectRef,
        /// The finalizers.
        finalizers: Vec<String>,
    },
    /// It was deleted, and still exists.
    #[error("{object} is still there{why}")]
    Left {
        /// The object.
        object: ObjectRef,
        /// The known reason, as `: reason`.
        why: String,
    },
}

/// All objects that could not be removed, each with its component.
#[derive(Debug)]
pub struct KillErrors(pub Vec<(String, KillError)>);

impl std::error::Error for KillErrors {}

impl fmt::Display for KillErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not everything could be removed:")?;
        self.0.iter().try_for_each(|(component, error)| write!(f, "\n  {component}: {}", errors::chain(error)))
    }
}
