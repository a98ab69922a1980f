//! Requirements that are CEL expressions.

use rstest::rstest;
use serde_json::{Value, json};

use super::outcomes::{deployment, deployments};
use super::server::Server;
use crate::assert::cel::Expression;
use crate::assert::path::Pair;
use crate::assert::{Error, InvalidRequirement, eventually};

fn object() -> Value {
    let conditions = json!([{"type": "Available", "status": "True"}, {"type": "Progressing", "status": "False"}]);
    json!({"spec": {"replicas": 3, "share": 0.5}, "status": {"readyReplicas": 2, "conditions": conditions}})
}

#[rstest]
#[case("object.status.readyReplicas == 2", true)]
#[case("object.status.readyReplicas - 3 == -1", true)]
#[case("object.status.readyReplicas == object.spec.replicas", false)]
#[case("object.spec.share < 1.0", true)]
#[case("has(object.status.readyReplicas) && !has(object.status.availableReplicas)", true)]
#[case("object.status.conditions.exists(c, c.type == 'Available' && c.status == 'True')", true)]
#[case("object.status.conditions.all(c, c.status == 'True')", false)]
#[case("size(object.status.conditions) == 2", true)]
#[case("object.status.availableReplicas == 3", false)]
#[case("object.spec.replicas == 'three'", false)]
fn an_expression_is_true_or_not(#[case] expression: &str, #[case] expected: bool) {
    let (expression, object) = (Expression::new(expression).unwrap(), object());
    assert_eq!(expression.is_true(&object).unwrap(), expected);
    assert_eq!(expression.difference(Pair::plain(&object)).is_none(), expected);
}

#[rstest]
#[case(
    "object.status.readyReplicas == object.spec.replicas",
    "false: object.status.readyReplicas is 2, object.spec.replicas is 3"
)]
#[case(
    "object.status.availableReplicas >= 1",
    "undefined, because there is no `availableReplicas`: object.status.availableReplicas is absent"
)]
#[case(
    "object.status.conditions.all(c, c.status == 'True')",
    "false: object.status.conditions is [{\"status\":\"True\",\"type\":\"Available\"},{\"status\":\"False\",\"type\":\"Progressing\"}]"
)]
fn what_an_expression_reads_is_shown(#[case] expression: &str, #[case] expected: &str) {
    let difference = Expression::new(expression).unwrap().difference(Pair::plain(&object())).unwrap();
    assert_eq!((difference.path.as_str(), difference.was.as_str()), (expression, expected));
}

#[test]
fn secrets_that_an_expression_reads_are_not_shown() {
    let (value, shown) = (json!({"data": {"key": "hunter2"}}), json!({"data": {"key": "***"}}));
    for expression in ["object.data.key == 'x'", "object.data.key > 3", "object.data.key.matches('(')"] {
        let difference = Expression::new(expression).unwrap().difference(Pair { value: &value, shown: &shown });
        let told = difference.unwrap().to_string();
        assert!(told.contains("object.data.key is \"***\"") && !told.contains("hunter2"), "{told}");
    }
}

#[rstest]
#[case("object.status.")]
#[case("object.status = 3")]
fn what_is_no_expression_is_refused(#[case] expression: &str) {
    let refused = Expression::new(expression).err().unwrap();
    assert!(matches!(refused, InvalidRequirement::CelSyntax { .. }), "{refused}");
}

#[rstest]
#[case("object.status.readyReplicas", "is of type int, not bool")]
#[case("unknown(object)", "refers to the unknown `unknown`")]
#[case("self.status.ready", "refers to the unknown `self`")]
#[case("object.status.conditions.exists(c, d.status == 'True')", "refers to the unknown `d`")]
fn what_is_neither_true_nor_false_is_refused(#[case] expression: &str, #[case] expected: &str) {
    let refused = Expression::new(expression).unwrap().is_true(&object()).unwrap_err();
    assert_eq!(refused.to_string(), format!("the CEL expression `{expression}` {expected}"));
}

#[tokio::test(start_paused = true)]
async fn an_object_is_awaited_by_an_expression() {
    let server = Server::new(Some(deployment(2)));
    let meanwhile = server.clone();
    tokio::spawn(async move {
        meanwhile.watched().await;
        meanwhile.put(deployment(3));
    });
    let api = deployments(&server);
    eventually(&api, "web").cel("object.status.readyReplicas == object.spec.replicas").await.unwrap();
    let missed = eventually(&api, "web").cel("object.status.readyReplicas == 7").await.unwrap_err().to_string();
    assert!(missed.contains("object.status.readyReplicas == 7: wanted true, was false: object.status"), "{missed}");
    let refused = eventually(&api, "web").cel("object.status.readyReplicas").await.unwrap_err();
    assert!(matches!(refused, Error::Invalid { .. }), "{refused:?}");
}
