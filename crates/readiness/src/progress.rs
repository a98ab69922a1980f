//! What a wait reports about its components while it goes on.

/// What happened to a component that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Its objects were applied, and the wait for it began.
    Expected,
    /// It is not ready yet: the object that keeps it, and why.
    Waiting(String),
    /// It is ready.
    Ready,
    /// The wait ended without it being ready.
    Missed {
        /// How.
        how: Missed,
        /// Why, in one line.
        why: String,
    },
}

/// How a component misses readiness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// It has failed, and will not become ready by itself.
    Failed,
    /// The deadline came first.
    Late,
    /// The wait ended because of something else.
    Abandoned,
}

/// Receives the progress of a wait, such as a console. `()` ignores it.
///
/// Its methods are called from the task that judges, and must not block.
pub trait Observer: Send + Sync {
    /// Something happened to a component.
    fn progress(&self, component: &str, progress: Progress);

    /// Something is worth acting on, though the wait goes on.
    fn warning(&self, text: String);
}

impl Observer for () {
    fn progress(&self, _: &str, _: Progress) {}

    fn warning(&self, _: String) {}
}
