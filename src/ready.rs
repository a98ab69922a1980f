//! Readiness: one watch, one deadline, a verdict for every object.

mod verdict;

pub use verdict::Verdict;
