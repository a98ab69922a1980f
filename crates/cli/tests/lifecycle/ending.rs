//! How a run ends.

use std::fmt;

use rustix::process::Signal;

/// Tells the specimen how to end.
pub(crate) const VARIABLE: &str = "KIND_HARNESS_TEST_ENDING";

/// What ends a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// A signal, sent to the process.
    Signal(Signal),
    /// The terminal that it runs on is closed.
    Terminal,
    /// A test that panics.
    Panic,
    /// A test that fails.
    Fail,
    /// A test that ends the process.
    Exit,
}

impl Ending {
    pub(crate) const ALL: [Ending; 8] = [
        Ending::Signal(Signal::INT),
        Ending::Signal(Signal::TERM),
        Ending::Signal(Signal::HUP),
        Ending::Signal(Signal::KILL),
        Ending::Terminal,
        Ending::Panic,
        Ending::Fail,
        Ending::Exit,
    ];

    /// What the specimen is told.
    pub(crate) fn told(self) -> &'static str {
        match self {
            Ending::Signal(_) | Ending::Terminal => "hang",
            Ending::Panic => "panic",
            Ending::Fail => "fail",
            Ending::Exit => "exit",
        }
    }

    /// Whether it comes from outside, and so can come at any moment.
    pub(crate) fn is_from_outside(self) -> bool {
        self.told() == "hang"
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Ending::Signal(Signal::INT) => "SIGINT",
            Ending::Signal(Signal::TERM) => "SIGTERM",
            Ending::Signal(Signal::HUP) => "SIGHUP",
            Ending::Signal(_) => "SIGKILL",
            Ending::Terminal => "terminal closed",
            Ending::Panic => "panic",
            Ending::Fail => "failing test",
            Ending::Exit => "process::exit",
        };
        f.pad(name)
    }
}
