use serde_json::json;

use super::*;
use crate::samples::{analysis, analysis_json, answer};

/// The policy that is deployed, from its manifest.
fn deployed() -> Policy {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/aianalysis/base/policies.yaml");
    let manifest: serde_json::Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let policy = Policy::default();
    policy.load(&serde_json::from_value(manifest["data"].clone()).unwrap()).unwrap();
    policy
}

fn with_workflow() -> AIAnalysisStatus {
    let mut status = AIAnalysisStatus::default();
    answer(json!({})).put_into(&mut status);
    status
}

fn module(text: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("a.rego".to_owned(), text.to_owned())])
}

#[test]
fn the_deployed_policy_decides_as_the_table_says() {
    let policy = deployed();
    // environment, recovery attempt, failed detections → approval, and a word of the reason
    type Case<'a> = (&'a str, Option<i32>, &'a [&'a str], bool, &'a str);
    let table: &[Case<'_>] = &[
        ("staging", None, &[], false, "no rule"),
        ("development", Some(2), &[], false, "no rule"),
        ("staging", Some(3), &[], true, "recovery attempt"),
        ("staging", Some(7), &[], true, "recovery attempt"),
        ("staging", None, &["pdbProtected"], false, "no rule"),
        ("production", None, &[], true, "production"),
        ("production", None, &["pdbProtected"], true, "pdbProtected"),
    ];
    for (environment, attempt, failed, required, word) in table {
        let mut object = analysis_json("OOMKilled", environment);
        object["spec"]["isRecoveryAttempt"] = json!(attempt.is_some());
        object["spec"]["recoveryAttemptNumber"] = json!(attempt);
        let signal = &mut object["spec"]["analysisRequest"]["signalContext"];
        signal["enrichmentResults"] = json!({"detectedLabels": {"failedDetections": failed}});
        let decision = policy.decide(&serde_json::from_value(object).unwrap(), &with_workflow());
        assert_eq!(
            (decision.required, decision.degraded),
            (*required, false),
            "{environment} {attempt:?}: {}",
            decision.reason
        );
        assert!(decision.reason.contains(word), "{}", decision.reason);
    }
}

#[test]
fn without_a_policy_a_person_must_approve() {
    let decision = Policy::default().decide(&analysis("OOMKilled", "staging"), &with_workflow());
    assert_eq!((decision.required, decision.degraded, decision.outcome()), (true, true, "error"));
}

#[test]
fn a_broken_policy_is_degraded_until_it_is_mended() {
    let policy = deployed();
    let staging = analysis("OOMKilled", "staging");
    for broken in ["package aianalysis.approval\nrequire_approval if {", "package other\nx := 1", ""] {
        assert!(policy.load(&module(broken)).is_err(), "{broken}");
        let decision = policy.decide(&staging, &with_workflow());
        assert_eq!((decision.required, decision.degraded), (true, true), "{}", decision.reason);
    }
    let mended = "package aianalysis.approval\nimport rego.v1\nrequire_approval := false\nreason := \"fine\"";
    policy.load(&module(mended)).unwrap();
    let decision = policy.decide(&staging, &with_workflow());
    assert_eq!((decision.required, decision.degraded, decision.reason.as_str()), (false, false, "fine"));
}

#[test]
fn a_policy_that_does_not_answer_with_true_or_false_is_an_error() {
    let policy = Policy::default();
    policy.load(&module("package aianalysis.approval\nimport rego.v1\nrequire_approval := \"maybe\"")).unwrap();
    assert!(policy.decide(&analysis("OOMKilled", "staging"), &with_workflow()).degraded);
}
