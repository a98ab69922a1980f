//! kind-harness
