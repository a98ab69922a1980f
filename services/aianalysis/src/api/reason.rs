//! Why an analysis ended as it did. What is not here cannot be written; the CRD's enums are made of these types.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why an analysis ended as it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
pub enum Reason {
    /// There is a workflow.
    AnalysisCompleted,
    /// None is needed.
    WorkflowNotNeeded,
    /// One is needed, and none can be trusted.
    WorkflowResolutionFailed,
    /// Another attempt makes no sense.
    RecoveryNotPossible,
    /// HolmesGPT-API could not be asked.
    APIError,
}

impl Reason {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AnalysisCompleted => "AnalysisCompleted",
            Self::WorkflowNotNeeded => "WorkflowNotNeeded",
            Self::WorkflowResolutionFailed => "WorkflowResolutionFailed",
            Self::RecoveryNotPossible => "RecoveryNotPossible",
            Self::APIError => "APIError",
        }
    }
}

/// [`Reason`], more precisely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
pub enum SubReason {
    /// The problem has gone by itself.
    ProblemResolved,
    /// No workflow fits.
    NoMatchingWorkflows,
    /// One fits, but not well.
    LowConfidence,
    /// The model's answers were unusable.
    LLMParsingError,
    /// A person must look for another reason.
    InvestigationInconclusive,
    /// HolmesGPT-API sees nothing that another attempt could do.
    NothingToRecover,
    /// It failed, again and again.
    MaxRetriesExceeded,
    /// It answered again and again, and never what it should: not JSON, without a field, with an absurd value.
    InvalidResponse,
    /// It was refused; asking again would change nothing.
    PermanentError,
    /// There was no answer within `timeoutConfig.totalSeconds`.
    TimedOut,
}

impl SubReason {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProblemResolved => "ProblemResolved",
            Self::NoMatchingWorkflows => "NoMatchingWorkflows",
            Self::LowConfidence => "LowConfidence",
            Self::LLMParsingError => "LLMParsingError",
            Self::InvestigationInconclusive => "InvestigationInconclusive",
            Self::NothingToRecover => "NothingToRecover",
            Self::MaxRetriesExceeded => "MaxRetriesExceeded",
            Self::InvalidResponse => "InvalidResponse",
            Self::PermanentError => "PermanentError",
            Self::TimedOut => "TimedOut",
        }
    }
}

/// How an analysis can fail: each reason with its sub-reasons.
pub const FAILURES: [(Reason, SubReason); 9] = [
    (Reason::WorkflowResolutionFailed, SubReason::NoMatchingWorkflows),
    (Reason::WorkflowResolutionFailed, SubReason::LowConfidence),
    (Reason::WorkflowResolutionFailed, SubReason::LLMParsingError),
    (Reason::WorkflowResolutionFailed, SubReason::InvestigationInconclusive),
    (Reason::RecoveryNotPossible, SubReason::NothingToRecover),
    (Reason::APIError, SubReason::MaxRetriesExceeded),
    (Reason::APIError, SubReason::InvalidResponse),
    (Reason::APIError, SubReason::PermanentError),
    (Reason::APIError, SubReason::TimedOut),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_is_written() {
        for (reason, sub_reason) in FAILURES {
            assert_eq!(
                serde_json::json!([reason, sub_reason]),
                serde_json::json!([reason.as_str(), sub_reason.as_str()])
            );
        }
    }
}
