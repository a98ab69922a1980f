//! The conditions of an analysis.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::api::AIAnalysisStatus;

/// The conditions that an analysis can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// HolmesGPT-API has answered.
    InvestigationComplete,
    /// The analysis has ended with an answer.
    AnalysisComplete,
    /// It is known which workflow to run, or that none is needed.
    WorkflowResolved,
    /// A person must approve.
    ApprovalRequired,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::InvestigationComplete => "InvestigationComplete",
            Self::AnalysisComplete => "AnalysisComplete",
            Self::WorkflowResolved => "WorkflowResolved",
            Self::ApprovalRequired => "ApprovalRequired",
        }
    }
}

/// Sets a condition; its transition time changes only when its status does.
pub fn set(status: &mut AIAnalysisStatus, kind: Kind, value: bool, reason: &str, message: &str, now: Timestamp) {
    let word = if value { "True" } else { "False" };
    let before = status.conditions.iter().position(|condition| condition.type_ == kind.name());
    let since = before.map(|index| status.conditions.remove(index)).filter(|condition| condition.status == word);
    status.conditions.push(Condition {
        type_: kind.name().to_owned(),
        status: word.to_owned(),
        reason: reason.to_owned(),
        // The schema's limit is 32 KiB; nobody reads as much.
        message: message.chars().take(1000).collect(),
        observed_generation: status.observed_generation,
        last_transition_time: since.map_or(Time(now), |condition| condition.last_transition_time),
    });
}
