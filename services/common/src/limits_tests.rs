use axum::{Extension, Router, body::Bytes, routing::post};
use futures::{FutureExt, stream};
use tokio::sync::mpsc;
use tower::ServiceExt;

use super::*;
use crate::fields::RawBody;

const LARGEST: usize = 4 * UNIT;
const DEADLINE: Duration = Duration::from_secs(60);

/// `/hold` answers when its share has been taken out of the channel and dropped; `/read` when it has read its body.
fn router(units: usize) -> (Router, mpsc::UnboundedReceiver<Share>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let hold = post(move |Extension(share): Extension<Share>| async move {
        sender.send(share).unwrap();
        sender.closed().await;
    });
    let read = post(|body: Result<RawBody, Problem>| async { body.map(|RawBody(bytes)| bytes.len().to_string()) });
    let limits = Limits::new(units * UNIT, DEADLINE);
    let router = Router::new().route("/hold", limits.bound(hold, LARGEST)).route("/read", limits.bound(read, LARGEST));
    (router.route("/health", post(|| async { "ok" })), receiver)
}

async fn send(router: &Router, path: &str, body: impl Into<Body>) -> (u16, Option<String>) {
    let request = Request::post(path).body(body.into()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), retry_after)
}

fn endless() -> Body {
    Body::from_stream(
        stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"x")) }).chain(stream::pending()),
    )
}

#[tokio::test]
async fn beyond_the_bound_it_is_503_with_retry_after_and_health_answers() {
    let (router, mut held) = router(6);
    let refused = (503, Some("1".to_owned()));
    let mut large = Box::pin(send(&router, "/hold", vec![b'x'; LARGEST]));
    assert!((&mut large).now_or_never().is_none(), "it is in work");
    let mut small = Box::pin(send(&router, "/hold", ""));
    assert!((&mut small).now_or_never().is_none(), "so is this one");
    // One unit is left.
    assert_eq!(send(&router, "/read", vec![b'x'; UNIT + 1]).await, refused);
    assert_eq!(send(&router, "/read", Body::from_stream(stream::iter([Ok::<_, std::io::Error>("x")]))).await, refused);
    assert_eq!(send(&router, "/read", vec![b'x'; UNIT]).await, (200, None));
    let mut last = Box::pin(send(&router, "/hold", ""));
    assert!((&mut last).now_or_never().is_none());
    assert_eq!(send(&router, "/read", "").await, refused);
    assert_eq!(send(&router, "/health", "").await, (200, None));

    // A client that goes gives nothing back while its work goes on.
    drop(large);
    assert_eq!(send(&router, "/read", vec![b'x'; UNIT]).await, refused);
    drop(held.recv().await.unwrap());
    assert_eq!(send(&router, "/read", vec![b'x'; LARGEST]).await, (200, None));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_is_408_and_a_handler_that_does_not_is_503() {
    let (router, _held) = router(6);
    let started = tokio::time::Instant::now();
    assert_eq!(send(&router, "/read", endless()).await, (408, None));
    assert_eq!(started.elapsed().as_secs(), BODY_TIMEOUT.as_secs());
    assert_eq!(send(&router, "/hold", "").await, (503, Some("1".to_owned())));
    assert_eq!(started.elapsed().as_secs(), (BODY_TIMEOUT + DEADLINE).as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_refused_body_is_read_to_its_end_but_not_for_ever() {
    let (router, _held) = router(1);
    let mut holding = Box::pin(send(&router, "/hold", ""));
    assert!((&mut holding).now_or_never().is_none());
    let (sent, mut pieces) = mpsc::unbounded_channel();
    let body = stream::iter(0..3).map(move |piece| {
        sent.send(piece).unwrap();
        Ok::<_, std::io::Error>("x")
    });
    assert_eq!(send(&router, "/read", Body::from_stream(body)).await.0, 503);
    assert_eq!((pieces.recv().await, pieces.recv().await, pieces.recv().await), (Some(0), Some(1), Some(2)));
    assert_eq!(send(&router, "/read", endless()).await.0, 503);
}
