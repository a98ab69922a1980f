//! What the model finds after a remedy failed.

use serde_json::{Map, Value};

use super::{
    CatalogueEntry,
    reading::{self, TEXT_LIMIT, fraction, objects, texts, workflow},
};
use crate::{
    answer::{CONFIDENT, ReviewReason},
    recovery::{Assessment, Recovery, RecoveryAnalysis, RecoveryFinding, Strategy},
};

/// How risky a strategy can be.
const RISKS: &[&str] = &["low", "medium", "high"];

/// Reads the model's answer.
pub(super) fn read(
    answer: Map<String, Value>,
    recovery: &Recovery,
    catalogue: &[CatalogueEntry],
) -> Result<RecoveryFinding, Vec<String>> {
    reading::read(answer, |fields| {
        let can_recover = reading::must_flag(fields, "can_recover");
        let confidence = fraction(fields, "confidence");
        let selected_workflow = workflow(fields, catalogue);
        let strategies = objects(fields, "strategies", |fields| Strategy {
            action_type: fields.text("action_type"),
            confidence: fraction(fields, "confidence"),
            rationale: fields.text_up_to("rationale", TEXT_LIMIT),
            estimated_risk: fields.word("estimated_risk", RISKS),
        });
        if !can_recover && selected_workflow.is_some() {
            fields.reject("can_recover", "must be true when a workflow is selected");
        }
        let review = match &selected_workflow {
            None if can_recover => Some(ReviewReason::NoMatchingWorkflows),
            _ if confidence < CONFIDENT => Some(ReviewReason::LowConfidence),
            _ => None,
        };
        let assessment = Assessment {
            failure_understood: reading::must_flag(fields, "failure_understood"),
            failure_reason_analysis: fields.text_up_to("failure_reason_analysis", TEXT_LIMIT),
            state_changed: fields.flag("state_changed"),
            current_signal_type: recovery.signal_type.clone(),
        };
        Some(RecoveryFinding {
            can_recover,
            primary_recommendation: strategies.first().map(|best| best.action_type.clone()),
            strategies,
            analysis_confidence: confidence,
            selected_workflow,
            recovery_analysis: RecoveryAnalysis { previous_attempt_assessment: assessment },
            warnings: texts(fields, "warnings"),
            review: review.into(),
            validation_attempts_history: Vec::new(),
        })
    })
}

/// What is found when the model gives no usable answer: nobody has said that recovery is impossible.
pub(super) fn nothing(recovery: &Recovery) -> RecoveryFinding {
    let assessment = Assessment {
        failure_understood: false,
        failure_reason_analysis: "the language model gave no usable answer".to_owned(),
        state_changed: false,
        current_signal_type: recovery.signal_type.clone(),
    };
    RecoveryFinding {
        can_recover: true,
        strategies: Vec::new(),
        primary_recommendation: None,
        analysis_confidence: 0.0,
        selected_workflow: None,
        recovery_analysis: RecoveryAnalysis { previous_attempt_assessment: assessment },
        warnings: vec!["the language model gave no usable answer".to_owned()],
        review: Some(ReviewReason::LlmParsingError).into(),
        validation_attempts_history: Vec::new(),
    }
}
