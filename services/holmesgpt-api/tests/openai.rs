//! The client of OpenAI-compatible endpoints against a stand-in that answers well, badly, late, and not at all.

use std::time::{Duration, Instant};

use holmesgpt_api::{
    answer::{IncidentFinding, ReviewReason},
    incident::Incident,
    llm::{
        Found, Llm, LlmError,
        openai::{OpenAi, OpenAiConfig},
    },
    recovery::Recovery,
};
use serde_json::{Value, json};
use support::{incident, recovery};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_partial_json, header, method, path},
};

mod support;

const KEY: &str = "sk-0123456789abcdef";

/// A stand-in for the endpoint, and the client that is told of it.
struct StandIn {
    server: MockServer,
    model: OpenAi,
}

fn config(base_url: &str, key_file: &std::path::Path) -> OpenAiConfig {
    let config = json!({
        "base_url": base_url, "model": "m-1", "api_key_file": key_file, "timeout_ms": 300, "deadline_ms": 5000,
        "tries": 3, "workflows": [
            {"workflow_id": "raise-memory-v1", "title": "Raise it", "version": "1.2.0", "container_image": "reg/raise:1"},
            {"workflow_id": "restart-v1", "title": "Restart it", "version": "1.0.0", "container_image": "reg/restart:1"},
        ],
    });
    serde_json::from_value(config).expect("a configuration")
}

fn model(base_url: &str) -> OpenAi {
    let folder = tempfile::tempdir().expect("a folder");
    let key_file = folder.path().join("key");
    std::fs::write(&key_file, format!("{KEY}\n")).expect("a key");
    OpenAi::new(config(base_url, &key_file)).expect("a client")
}

impl StandIn {
    async fn start() -> Self {
        let server = MockServer::start().await;
        let model = model(&format!("{}/v1", server.uri()));
        Self { server, model }
    }

    /// Answers like this, so many times.
    async fn answers(&self, response: ResponseTemplate, times: u64) -> &Self {
        Mock::given(method("POST"))
            .and(path("/v1/chat/completions"))
            .and(header("authorization", format!("Bearer {KEY}").as_str()))
            .and(body_partial_json(json!({"model": "m-1", "response_format": {"type": "json_object"}})))
            .respond_with(response)
            .up_to_n_times(times)
            .mount(&self.server)
            .await;
        self
    }

    /// The model says this, so many times.
    async fn says(&self, content: impl ToString, times: u64) -> &Self {
        self.answers(ResponseTemplate::new(200).set_body_json(completion(&content.to_string())), times).await
    }

    async fn ask(&self) -> Found<IncidentFinding> {
        self.model.incident(&Incident::parse(incident("OOMKilled")).expect("an incident")).await
    }

    /// The bodies of the requests so far.
    async fn asked(&self) -> Vec<Value> {
        let requests = self.server.received_requests().await.unwrap_or_default();
        requests.iter().map(|request| serde_json::from_slice(&request.body).unwrap_or_default()).collect()
    }
}

fn completion(content: &str) -> Value {
    json!({"choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}]})
}

fn good() -> Value {
    json!({
        "analysis": "it ran out of memory",
        "root_cause_analysis": {"summary": "limit too low", "severity": "high", "contributing_factors": ["peak load"]},
        "confidence": 0.9,
        "selected_workflow": {
            "workflow_id": "raise-memory-v1", "confidence": 0.88, "rationale": "more memory", "parameters": {"TO": "2Gi"},
            "container_image": "evil/image:latest",
        },
        "alternative_workflows": [{"workflow_id": "restart-v1", "confidence": 0.3, "rationale": "only for a while"}],
        "warnings": ["peaks go on"],
    })
}

fn good_but(name: &str, value: Value) -> Value {
    let mut answer = good();
    answer[name] = value;
    answer
}

#[tokio::test]
async fn a_good_answer_is_the_finding_and_what_runs_is_what_the_catalogue_says() {
    let stand_in = StandIn::start().await;
    let found = stand_in.says(good(), 1).await.ask().await.unwrap();
    let workflow = found.selected_workflow.unwrap();
    assert_eq!((workflow.container_image.as_str(), workflow.version.as_str()), ("reg/raise:1", "1.2.0"));
    assert_eq!((workflow.confidence, found.confidence), (0.88, 0.9));
    assert_eq!((workflow.parameters["TO"].as_str(), found.warnings.len()), (Some("2Gi"), 1));
    assert_eq!((found.root_cause_analysis.severity.as_str(), found.alternative_workflows.len()), ("high", 1));
    assert!(!found.review.needs_human_review && found.validation_attempts_history.is_empty());
    let question = stand_in.asked().await[0]["messages"].to_string();
    for told in ["container was killed", "raise-memory-v1", "JSON", "Deployment"] {
        assert!(question.contains(told), "{told} is not in {question}");
    }
}

#[tokio::test]
async fn what_it_means_decides_who_must_look() {
    let cases = [
        (good_but("selected_workflow", Value::Null), Some(ReviewReason::NoMatchingWorkflows)),
        (good_but("confidence", json!(0.5)), Some(ReviewReason::LowConfidence)),
        (good_but("alternative_workflows", Value::Null), None),
    ];
    for (answer, reason) in cases {
        let found = StandIn::start().await.says(&answer, 1).await.ask().await.unwrap();
        assert_eq!(found.review.human_review_reason, reason, "{answer}");
    }
    let mut gone = good_but("selected_workflow", Value::Null);
    gone["problem_resolved"] = json!(true);
    assert!(!StandIn::start().await.says(gone, 1).await.ask().await.unwrap().review.needs_human_review);
    let fenced = format!("```json\n{}\n```", good());
    assert!(StandIn::start().await.says(fenced, 1).await.ask().await.is_ok());
}

#[tokio::test]
async fn nonsense_is_asked_about_three_times_and_then_a_person_must_look() {
    let mut wrong_types = good_but("analysis", json!(7));
    wrong_types["warnings"] = json!("none");
    let nonsense = [
        ("sorry, I cannot".to_owned(), "not JSON"),
        ("[1, 2]".to_owned(), "no object"),
        ("{}".to_owned(), "analysis: is required"),
        (wrong_types.to_string(), "warnings: must be a list"),
        (good_but("confidence", json!(1.2)).to_string(), "confidence: must be a number between 0 and 1"),
        (good_but("confidence", json!("high")).to_string(), "confidence: must be a number between 0 and 1"),
        (
            good_but("root_cause_analysis", json!({"severity": "x"})).to_string(),
            "root_cause_analysis.summary: is required",
        ),
        (good_but("selected_workflow", json!({"workflow_id": "rm -rf"})).to_string(), "selected_workflow.workflow_id"),
        (good_but("analysis", json!("\0")).to_string(), "analysis: must not contain NUL"),
        (good_but("problem_resolved", json!(true)).to_string(), "problem_resolved: must be false"),
    ];
    for (content, why) in nonsense {
        let stand_in = StandIn::start().await;
        let found = stand_in.says(&content, 9).await.ask().await.unwrap();
        assert_eq!(found.review.human_review_reason, Some(ReviewReason::LlmParsingError), "{content}");
        assert!(found.selected_workflow.is_none() && found.review.needs_human_review, "{content}");
        let history = &found.validation_attempts_history;
        assert_eq!(
            history.iter().map(|it| (it.attempt, it.is_valid)).collect::<Vec<_>>(),
            [(1, false), (2, false), (3, false)]
        );
        assert!(history[0].errors.join("; ").contains(why), "{why} is not in {:?}", history[0].errors);
        let asked = stand_in.asked().await;
        assert_eq!(asked.len(), 3, "{content}");
        assert!(asked[2]["messages"].to_string().contains("That cannot be used"), "the model is told");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_completion_counts_as_nonsense() {
    let bodies = [
        "<html>".to_owned(),
        "{}".to_owned(),
        json!({"choices": []}).to_string(),
        json!({"choices": [{"message": {"content": null, "refusal": "no"}}]}).to_string(),
        json!({"choices": [{"message": {"content": "{"}, "finish_reason": "length"}]}).to_string(),
        completion(&"x".repeat(2 << 20)).to_string(),
    ];
    for body in bodies {
        let stand_in = StandIn::start().await;
        stand_in.answers(ResponseTemplate::new(200).set_body_string(&body), 9).await;
        let found = stand_in.ask().await.unwrap();
        let errors = &found.validation_attempts_history[2].errors;
        assert_eq!(found.review.human_review_reason, Some(ReviewReason::LlmParsingError), "{errors:?}");
        assert!(errors.iter().all(|error| error.len() <= 600), "{errors:?}");
    }
}

#[tokio::test]
async fn a_second_answer_that_is_good_is_taken_and_the_first_is_in_the_history() {
    let stand_in = StandIn::start().await;
    stand_in.says("what?", 1).await.says(good(), 1).await;
    let found = stand_in.ask().await.unwrap();
    let valid: Vec<_> = found.validation_attempts_history.iter().map(|attempt| attempt.is_valid).collect();
    assert_eq!(valid, [false, true]);
    assert!(found.selected_workflow.is_some() && !found.review.needs_human_review);
}

#[tokio::test]
async fn recovery_is_read_alike() {
    let answer = json!({
        "can_recover": true, "confidence": 0.8, "failure_understood": true, "failure_reason_analysis": "too late",
        "strategies": [{"action_type": "a", "confidence": 0.8, "rationale": "r", "estimated_risk": "low"}],
        "selected_workflow": {"workflow_id": "restart-v1", "confidence": 0.8, "rationale": "r"},
    });
    let question = Recovery::parse(recovery("OOMKilled")).unwrap();
    let stand_in = StandIn::start().await;
    let found = stand_in.says(&answer, 1).await.model.recovery(&question).await.unwrap();
    assert_eq!((found.primary_recommendation.as_deref(), found.can_recover), (Some("a"), true));
    assert_eq!(found.selected_workflow.unwrap().container_image, "reg/restart:1");
    let assessment = found.recovery_analysis.previous_attempt_assessment;
    assert_eq!(assessment.current_signal_type.as_deref(), Some("OOMKilled"));

    let mut impossible = answer;
    impossible["can_recover"] = json!(false);
    let stand_in = StandIn::start().await;
    let found = stand_in.says(&impossible, 9).await.model.recovery(&question).await.unwrap();
    assert_eq!(found.review.human_review_reason, Some(ReviewReason::LlmParsingError));
    assert_eq!((found.validation_attempts_history.len(), found.can_recover), (3, true));
}

#[tokio::test]
async fn a_busy_or_failing_endpoint_is_asked_again() {
    for status in [429, 500, 503] {
        let stand_in = StandIn::start().await;
        stand_in.answers(ResponseTemplate::new(status), 2).await.says(good(), 1).await;
        assert!(stand_in.ask().await.is_ok(), "{status}");
        assert_eq!(stand_in.asked().await.len(), 3, "{status}");
    }
    // It says when: not before that.
    let stand_in = StandIn::start().await;
    stand_in.answers(ResponseTemplate::new(429).insert_header("retry-after", "1"), 1).await.says(good(), 1).await;
    let started = Instant::now();
    assert!(stand_in.ask().await.is_ok());
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn what_stays_wrong_is_an_error_of_its_kind() {
    let stand_in = StandIn::start().await;
    stand_in.answers(ResponseTemplate::new(429).insert_header("retry-after", "60"), 9).await;
    assert!(matches!(stand_in.ask().await, Err(LlmError::Busy(60))), "who would wait too long is told at once");
    assert_eq!(stand_in.asked().await.len(), 1);

    let stand_in = StandIn::start().await;
    stand_in.answers(ResponseTemplate::new(500), 9).await;
    assert!(matches!(stand_in.ask().await, Err(LlmError::Failed(_))));
    assert_eq!(stand_in.asked().await.len(), 3, "bounded");

    let stand_in = StandIn::start().await;
    stand_in.answers(ResponseTemplate::new(200).set_delay(Duration::from_secs(20)), 9).await;
    assert!(matches!(stand_in.ask().await, Err(LlmError::TimedOut)));

    let nobody = model("http://127.0.0.1:1/v1");
    let error = nobody.incident(&Incident::parse(incident("x")).unwrap()).await.unwrap_err();
    assert!(matches!(&error, LlmError::Failed(why) if why.contains("refused")), "{error}");
}

#[tokio::test]
async fn the_key_shows_nowhere() {
    let stand_in = StandIn::start().await;
    let quoting = json!({"error": {"message": format!("Incorrect API key provided: {KEY}")}});
    stand_in.answers(ResponseTemplate::new(401).set_body_json(quoting), 9).await;
    let error = stand_in.ask().await.unwrap_err();
    assert!(matches!(error, LlmError::Refused(401)));
    assert_eq!(stand_in.asked().await.len(), 1, "asking again changes nothing");
    assert!(!format!("{error} {error:?}").contains(KEY));

    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("key");
    std::fs::write(&key_file, format!("{KEY}\u{1}")).unwrap();
    let config = config("http://127.0.0.1:1", &key_file);
    assert!(!format!("{} {config:?}", config.public()).contains(KEY));
    let error = OpenAi::new(config.clone()).err().expect("a key with a control character");
    assert!(!format!("{error:#} {error:?}").contains(KEY), "{error:#}");
    for base_url in ["", "ftp://host", "http://user:secret@host/v1", "http://host/v1?key=secret"] {
        let error = OpenAi::new(OpenAiConfig { base_url: base_url.to_owned(), ..config.clone() }).err();
        let error = format!("{:#}", error.expect(base_url));
        assert!(error.contains("openai.base_url") || error.contains("key"), "{base_url}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
