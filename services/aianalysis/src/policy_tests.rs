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
fn a_broken_policy_leaves_the_last_good_one_deciding_and_is_degraded_until_it_is_mended() {
    let policy = deployed();
    let (staging, production) = (analysis("OOMKilled", "staging"), analysis("OOMKilled", "production"));
    for broken in ["package aianalysis.approval\nrequire_approval if {", "package other\nx := 1", ""] {
        assert!(policy.load(&module(broken)).is_err(), "{broken}");
        assert!(policy.degraded().is_some());
        let decision = policy.decide(&staging, &with_workflow());
        assert_eq!(
            (decision.required, decision.degraded, decision.failed),
            (false, true, false),
            "{}",
            decision.reason
        );
        assert!(decision.reason.contains("last good policy"), "{}", decision.reason);
        assert!(policy.decide(&production, &with_workflow()).required);
    }
    let mended = "package aianalysis.approval\nimport rego.v1\nrequire_approval := false\nreason := \"fine\"";
    policy.load(&module(mended)).unwrap();
    let decision = policy.decide(&production, &with_workflow());
    assert_eq!((decision.required, decision.degraded, decision.reason.as_str()), (false, false, "fine"));
    assert_eq!(policy.degraded(), None);
}

#[test]
fn a_policy_that_was_never_good_makes_a_person_approve() {
    let policy = Policy::default();
    policy.load(&module("nonsense")).unwrap_err();
    let decision = policy.decide(&analysis("OOMKilled", "staging"), &with_workflow());
    assert_eq!((decision.required, decision.degraded, decision.outcome()), (true, true, "error"));
    assert!(decision.reason.contains("does not compile"), "{}", decision.reason);
}

/// Every input that the policy may judge by, as the policy sees it.
#[test]
fn the_policy_sees_every_input() {
    let mut object = analysis_json("OOMKilled", "staging");
    object["spec"]["isRecoveryAttempt"] = json!(true);
    object["spec"]["recoveryAttemptNumber"] = json!(2);
    object["spec"]["analysisRequest"]["signalContext"]["enrichmentResults"] = json!({
        "detectedLabels": {"failedDetections": ["hpaEnabled"], "stateful": true},
        "customLabels": {"team": ["shop"]},
    });
    let mut status = with_workflow();
    status.warnings = vec!["beware".to_owned()];
    let rules = [
        "input.signal_type == \"OOMKilled\"",
        "input.severity == \"critical\"",
        "input.environment == \"staging\"",
        "input.business_priority == \"P1\"",
        "input.target_resource.kind == \"Deployment\"",
        "input.detected_labels.stateful == true",
        "input.custom_labels.team[0] == \"shop\"",
        "input.confidence == 0.92",
        "input.target_in_owner_chain == true",
        "input.warnings == [\"beware\"]",
        "input.failed_detections == [\"hpaEnabled\"]",
        "input.is_recovery_attempt == true",
        "input.recovery_attempt_number == 2",
    ];
    for rule in rules {
        let policy = Policy::default();
        let text = format!(
            "package aianalysis.approval\nimport rego.v1\ndefault require_approval := false\nrequire_approval if {rule}\nreason := \"r\""
        );
        policy.load(&module(&text)).unwrap();
        let decision = policy.decide(&serde_json::from_value(object.clone()).unwrap(), &status);
        assert_eq!((decision.required, decision.failed), (true, false), "{rule}: {}", decision.reason);
    }
}

#[test]
fn a_policy_that_does_not_end_is_stopped_and_makes_a_person_approve() {
    let policy = Policy::default();
    // Quick to compile; with an input it goes through a billion pairs.
    let endless = "package aianalysis.approval\nimport rego.v1\ndefault require_approval := false\n\
        require_approval if {\n input.environment\n some x in numbers.range(1, 40000)\n \
        some y in numbers.range(1, 40000)\n x + y < 0\n}\nreason := \"none\"";
    policy.load(&module(endless)).unwrap();
    let decision = policy.decide(&analysis("OOMKilled", "staging"), &with_workflow());
    assert_eq!((decision.required, decision.failed), (true, true), "{}", decision.reason);
    assert!(decision.duration < Duration::from_secs(3), "{:?}", decision.duration);
}

#[test]
fn a_policy_that_does_not_answer_with_true_or_false_is_an_error() {
    let policy = Policy::default();
    policy.load(&module("package aianalysis.approval\nimport rego.v1\nrequire_approval := \"maybe\"")).unwrap();
    assert!(policy.decide(&analysis("OOMKilled", "staging"), &with_workflow()).degraded);
}
