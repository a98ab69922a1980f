//! The server on a port of the loopback interface.

use std::sync::atomic::Ordering;
use std::time::Instant;

use fake_api::Server;
use jsonschema::Validator;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::*;
use crate::health::tests::{QUICK, answering, board, hanging, live, target, until};
use crate::outputs::HealthStatus;

/// An answer: its status, its head in lower case, and its body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        assert!(self.head.contains("content-type: application/json"), "{}", self.head);
        serde_json::from_str(&self.body).unwrap()
    }
}

async fn request(at: SocketAddr, method: &str, path: &str) -> Answer {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

async fn get(at: SocketAddr, path: &str) -> Answer {
    request(at, "GET", path).await
}

/// Serves until the test ends.
async fn serve(live: Arc<Live>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(answer(listener, live, std::future::pending::<()>()));
    at
}

fn validator(name: &str) -> Validator {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema").join(name);
    let schema: Value = serde_json::from_str(&fs_err::read_to_string(file).unwrap()).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

#[tokio::test]
async fn the_status_of_an_answer_follows_the_health() {
    let (db, api) = (answering().await, answering().await);
    let target = target(&Server::default(), &[("db", db.at), ("api", api.at)]);
    let live = Arc::new(live(board(&[("db", &[]), ("api", &["db"])], &QUICK)));
    let at = serve(live.clone()).await;
    let schema = validator("health.json");
    let told = async || {
        let answer = get(at, "/health").await;
        let json = answer.json();
        schema.validate(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
        (answer.status, json["status"].as_str().unwrap().to_owned())
    };
    assert_eq!(told().await, (503, "starting".into()));
    live.board.ask_all(&target, QUICK.limit).await;
    assert_eq!(told().await, (200, "healthy".into()));
    api.status.store(500, Ordering::SeqCst);
    live.board.ask_all(&target, QUICK.limit).await;
    assert_eq!(told().await, (200, "degraded".into()));
    db.status.store(500, Ordering::SeqCst);
    live.board.ask_all(&target, QUICK.limit).await;
    assert_eq!(told().await, (503, "unhealthy".into()));
}

#[tokio::test]
async fn every_path_answers_in_its_form() {
    let one = answering().await;
    let live = Arc::new(live(board(&[("web", &[])], &QUICK)));
    live.board.ask_all(&target(&Server::default(), &[("web", one.at)]), QUICK.limit).await;
    let at = serve(live).await;

    let stats = get(at, "/stats").await.json();
    validator("stats.json").validate(&stats).unwrap();
    assert_eq!((&stats["components"]["web"]["asks"], &stats["components"]["web"]["failures"]), (&1.into(), &0.into()));

    let metrics = get(at, "/metrics").await;
    assert!(metrics.head.contains("content-type: text/plain; version=0.0.4"), "{}", metrics.head);
    let labels = "{suite=\"shop\",cluster=\"shop-1\",component=\"web\"}";
    assert!(metrics.body.contains(&format!("kind_harness_component_up{labels} 1\n")), "{}", metrics.body);
    assert!(metrics.body.contains(&format!("kind_harness_component_response_seconds{labels} 0.")), "{}", metrics.body);
    let is_figure = |line: &str| {
        line.starts_with("# ") || line.rsplit_once(' ').is_some_and(|(_, value)| value.parse::<f64>().is_ok())
    };
    assert!(metrics.body.lines().all(is_figure), "{}", metrics.body);

    let report = get(at, "/report").await;
    assert_eq!(report.status, 404);
    assert!(report.json()["error"].as_str().unwrap().contains("no run is kept"));

    let unknown = get(at, "/nothing?here").await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.json()["error"].as_str().unwrap().starts_with("there is no /nothing;"));
    for path in ["/", "/health", "/metrics", "/report", "/stats"] {
        let refused = request(at, "POST", path).await;
        assert_eq!(refused.status, 405, "{path}");
        assert!(refused.json()["error"].as_str().unwrap().contains("only by GET"));
        assert!(refused.head.contains("allow: get,head"), "{}", refused.head);
    }
}

#[tokio::test]
async fn the_page_needs_nothing_else() {
    let at = serve(Arc::new(live(board(&[], &QUICK)))).await;
    let page = get(at, "/").await;
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-security-policy: default-src 'none'"), "{}", page.head);
    assert!(page.body.contains("prefers-color-scheme:dark") && page.body.contains("role=\"status\""));
    for other in ["src=", "@import", "url(", "http://", "https://", "innerHTML"] {
        assert!(!page.body.contains(other), "{other}");
    }
}

/// Answers do not wait for components: 1,000 requests, ten at a time, while a component hangs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_quick_while_a_component_hangs() {
    let (quick, (_silent, silent)) = (answering().await, hanging());
    let target = target(&Server::default(), &[("quick", quick.at), ("hanging", silent)]);
    let live = Arc::new(live(board(&[("quick", &[]), ("hanging", &[])], &QUICK)));
    let (_sender, target) = watch::channel(Arc::new(target));
    let _asking = live.board.keep_asking(&target, QUICK);
    until(&live, |health| health.status == HealthStatus::Degraded).await;
    let at = serve(live).await;
    let client = || async move {
        let mut times = Vec::new();
        for _ in 0..100 {
            let began = Instant::now();
            assert_eq!(get(at, "/health").await.status, 200);
            times.push(began.elapsed());
        }
        times
    };
    let clients = futures::future::join_all((0..10).map(|_| tokio::spawn(client()))).await;
    let mut times: Vec<Duration> = clients.into_iter().flat_map(Result::unwrap).collect();
    times.sort_unstable();
    assert_eq!(times.len(), 1000);
    let (median, p99) = (times[499], times[989]);
    println!("GET /health: median {median:?}, p99 {p99:?}, max {:?}", times[999]);
    assert!(p99 < Duration::from_millis(200), "p99 {p99:?}");
}

#[tokio::test]
async fn it_stops_in_time_although_a_client_keeps_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(answer(listener, Arc::new(live(board(&[], &QUICK))), stopped));
    let mut half = TcpStream::connect(at).await.unwrap();
    half.write_all(b"GET /health HTTP/1.1\r\n").await.unwrap();
    assert_eq!(get(at, "/health").await.status, 200);
    stop.send(()).unwrap();
    timeout(GRACE * 3, serving).await.expect("stopped").unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(at).await.is_err(), "it does not listen any more");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = listen(taken.local_addr().unwrap()).await.unwrap_err();
    assert_eq!(refused.exit, Exit::Usage);
    assert!(refused.text.contains("`--listen 127.0.0.1:0` takes a free port"), "{}", refused.text);
}

#[test]
fn only_addresses_of_this_host_are_loopback() {
    for (ip, expected) in
        [("127.0.0.1", true), ("::1", true), ("::ffff:127.0.0.1", true), ("0.0.0.0", false), ("::", false)]
    {
        assert_eq!(is_loopback(ip.parse().unwrap()), expected, "{ip}");
    }
}
