//! Signals that make the mock answer, or fail, in a way that a test wants.

/// What a test wants of the mock; the names of the signals begin with `MOCK_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// The investigation succeeds, with an answer that is out of the ordinary.
    Answer(Bend),
    /// The investigation fails.
    Fault(Fault),
}

/// An answer that is out of the ordinary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bend {
    /// No workflow fits: a person must look.
    NoWorkflowFound,
    /// A workflow, at .45.
    LowConfidence,
    /// Three unusable answers.
    MaxRetriesExhausted,
    /// The problem is gone by itself; nothing to recover.
    NotReproducible,
}

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Fails with 500 the first time an incident is asked about, then answers.
    Http500Once,
    /// Fails with 500 each time.
    Http500,
    /// Fails with 429 each time.
    Http429,
    /// Answers, but takes its time.
    Slow,
}

impl Edge {
    /// The edge that a type of signal asks for; compared without regard to case.
    pub(super) fn of(signal_type: &str) -> Option<Self> {
        Some(match signal_type.to_ascii_uppercase().as_str() {
            "MOCK_NO_WORKFLOW_FOUND" => Self::Answer(Bend::NoWorkflowFound),
            "MOCK_LOW_CONFIDENCE" => Self::Answer(Bend::LowConfidence),
            "MOCK_MAX_RETRIES_EXHAUSTED" => Self::Answer(Bend::MaxRetriesExhausted),
            "MOCK_NOT_REPRODUCIBLE" => Self::Answer(Bend::NotReproducible),
            "MOCK_HTTP_500_ONCE" => Self::Fault(Fault::Http500Once),
            "MOCK_HTTP_500" => Self::Fault(Fault::Http500),
            "MOCK_HTTP_429" => Self::Fault(Fault::Http429),
            "MOCK_SLOW" => Self::Fault(Fault::Slow),
            _ => return None,
        })
    }
}
