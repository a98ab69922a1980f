//! Components that answer, fail and hang, asked through an API server in memory.

use std::net::TcpListener as Silent;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Instant;

use fake_api::{Refusal, Server};
use kind_harness::host::folders::Folders;
use kind_harness::readiness::redact::Redactor;
use kind_harness::readiness::{Expectation, Place, Probe, Settings};
use kind_harness::report::BreakerState;
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

use super::*;
use crate::outputs::ServiceState;

pub(crate) const QUICK: Schedule = Schedule {
    every: Duration::from_millis(20),
    limit: Duration::from_millis(250),
    cool_down: Duration::from_millis(300),
};

/// A component that answers every request with a status that can be changed.
pub(crate) struct Answering {
    pub(crate) at: std::net::SocketAddr,
    pub(crate) status: Arc<AtomicU16>,
}

pub(crate) async fn answering() -> Answering {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let status = Arc::new(AtomicU16::new(200));
    let answered = status.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let status = answered.load(Ordering::SeqCst);
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 1024]).await;
                let body = "told by plant-in-the-health";
                let head = format!("HTTP/1.1 {status} Told\r\ncontent-length: {}", body.len());
                let answer = format!("{head}\r\n\r\n{body}");
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    Answering { at, status }
}

/// A component that accepts connections, and never answers. It hangs until this is dropped.
pub(crate) fn hanging() -> (Silent, std::net::SocketAddr) {
    let listener = Silent::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    (listener, at)
}

/// Returns what is asked: components with a check by HTTP each.
pub(crate) fn target(server: &Server, components: &[(&str, std::net::SocketAddr)]) -> Target {
    let expectation = |(name, at): &(&str, std::net::SocketAddr)| {
        let probe = Probe::Http { at: Place::Host(*at), path: "/ready".into(), status: 200, contains: None };
        Expectation { component: (*name).to_owned(), objects: Vec::new(), probes: vec![probe] }
    };
    let expectations = components.iter().map(expectation).collect();
    Target::of(&server.client(), "shop".into(), expectations, Settings::default())
}

pub(crate) fn board(components: &[(&str, &[&str])], schedule: &Schedule) -> Board {
    let owned = |needs: &[&str]| needs.iter().map(|need| (*need).to_owned()).collect();
    Board::of(components.iter().map(|(name, needs)| ((*name).to_owned(), owned(needs))), schedule)
}

pub(crate) fn live(board: Board) -> Live {
    Live::new(board, "shop", "shop-1", Past::default(), true)
}

/// Waits until the health is as it should be, for at most 5 s.
pub(crate) async fn until(live: &Live, is: impl Fn(&crate::outputs::Health) -> bool) -> crate::outputs::Health {
    let mut answers = live.board.answers();
    let waiting = async {
        loop {
            let health = live.health();
            if is(&health) {
                return health;
            }
            answers.changed().await.unwrap();
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(5), waiting).await;
    waited.unwrap_or_else(|_| panic!("still {:#?}", live.health()))
}

/// `db` is needed by `api`, which no component needs.
#[rstest]
#[case(200, 200, HealthStatus::Healthy)]
#[case(200, 503, HealthStatus::Degraded)]
#[case(503, 200, HealthStatus::Unhealthy)]
#[case(503, 503, HealthStatus::Unhealthy)]
#[tokio::test]
async fn what_is_needed_decides(#[case] db: u16, #[case] api: u16, #[case] status: HealthStatus) {
    let components = [answering().await, answering().await];
    components[0].status.store(db, Ordering::SeqCst);
    components[1].status.store(api, Ordering::SeqCst);
    let target = target(&Server::default(), &[("db", components[0].at), ("api", components[1].at)]);
    // In both orders: the worst counts, whichever comes first.
    for order in [[("db", &[][..]), ("api", &["db"][..])], [("api", &["db"]), ("db", &[])]] {
        let live = live(board(&order, &QUICK));
        assert_eq!(live.health().status, HealthStatus::Starting);
        live.board.ask_all(&target, QUICK.limit).await;
        assert_eq!(live.health().status, status);
    }
}

#[tokio::test]
async fn all_are_asked_at_once_and_for_no_longer_than_the_limit() {
    let silent: Vec<_> = (0..5).map(|_| hanging()).collect();
    let names = ["a", "b", "c", "d", "e"];
    let components: Vec<_> = names.iter().zip(&silent).map(|(name, (_, at))| (*name, *at)).collect();
    let live = live(board(&names.map(|name| (name, &[][..])), &QUICK));
    let (began, server) = (Instant::now(), Server::default());
    live.board.ask_all(&target(&server, &components), QUICK.limit).await;
    let pods = server.requests().iter().filter(|asked| asked.path.ends_with("/pods")).count();
    assert_eq!(pods, 1, "their objects are listed once for all");
    assert!(began.elapsed() < QUICK.limit * 3, "one after the other: {:?}", began.elapsed());
    let health = live.health();
    let service = &health.infrastructure.services["c"];
    assert_eq!((service.state, service.reason.as_deref()), (ServiceState::Down, Some("CheckFailed")));
    assert!(service.message.as_deref().unwrap().ends_with("does not answer in time"), "{service:?}");
    assert!(service.response_time_ms.is_some_and(|time| time >= 200.0), "{service:?}");
}

#[tokio::test]
async fn one_that_hangs_does_not_delay_another() {
    let (quick, (_silent, at)) = (answering().await, hanging());
    let target = target(&Server::default(), &[("quick", quick.at), ("hanging", at)]);
    let schedule = Schedule { limit: Duration::from_secs(1), ..QUICK };
    let live = Arc::new(live(board(&[("quick", &[]), ("hanging", &[])], &schedule)));
    let (_sender, target) = watch::channel(Arc::new(target));
    let _asking = live.board.keep_asking(&target, schedule);
    // Before the limit of the one that hangs has passed for the first time.
    let began = Instant::now();
    until(&live, |_| live.stats().components["quick"].asks >= 3).await;
    assert!(began.elapsed() < schedule.limit, "{:?}", began.elapsed());
    assert_eq!(live.health().status, HealthStatus::Starting);
    let health = until(&live, |health| health.status == HealthStatus::Degraded).await;
    assert_eq!(health.infrastructure.services["quick"].state, ServiceState::Up);
    until(&live, |_| live.stats().components["hanging"].asks >= 2).await;
    let stats = live.stats().components;
    assert!(stats["quick"].asks > 2 * stats["hanging"].asks, "{stats:?}");
}

#[tokio::test]
async fn an_open_circuit_keeps_the_last_answer_and_closes_after_a_good_one() {
    let one = answering().await;
    one.status.store(503, Ordering::SeqCst);
    let target = target(&Server::default(), &[("db", one.at)]);
    let live = Arc::new(live(board(&[("db", &[])], &QUICK)));
    let (_sender, target) = watch::channel(Arc::new(target));
    let _asking = live.board.keep_asking(&target, QUICK);
    let breaker =
        |health: &crate::outputs::Health| health.infrastructure.circuit_breakers.clone().unwrap()["db"].clone();
    let health = until(&live, |health| breaker(health).state == BreakerState::Open).await;
    assert_eq!(breaker(&health).failures, 3);
    assert_eq!(live.stats().components["db"].asks, 3);
    let service = &health.infrastructure.services["db"];
    assert!(service.message.as_deref().unwrap().contains("answers 503"), "{service:?}");
    one.status.store(200, Ordering::SeqCst);
    let health = until(&live, |health| health.status == HealthStatus::Healthy).await;
    assert_eq!((breaker(&health).state, breaker(&health).failures), (BreakerState::Closed, 0));
    let stats = &live.stats().components["db"];
    assert!(stats.skipped > 0 && stats.asks == 4, "it was asked while its circuit was open: {stats:?}");
}

#[rstest]
#[case(Refusal::Unreachable, "ApiServerUnreachable", "does not answer")]
#[case(Refusal::Silence, "ApiServerLate", "within 250ms")]
#[case(Refusal::Status(403, "Forbidden"), "ApiServerRefused", "Forbidden")]
#[tokio::test]
async fn without_the_api_server_nothing_is_known(#[case] how: Refusal, #[case] reason: &str, #[case] says: &str) {
    let (one, server) = (answering().await, Server::default());
    server.put(serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "shop"}}));
    server.refuse(Some(how));
    let live = live(board(&[("web", &[])], &QUICK));
    live.board.ask_all(&target(&server, &[("web", one.at)]), QUICK.limit).await;
    let health = live.health();
    // A component that no other one needs would make it only degraded if it were down.
    assert_eq!(health.status, HealthStatus::Unhealthy);
    let service = &health.infrastructure.services["web"];
    assert_eq!((service.state, service.reason.as_deref()), (ServiceState::Unknown, Some(reason)));
    assert!(service.message.as_deref().unwrap().contains(says), "{service:?}");
}

#[tokio::test]
async fn a_secret_that_is_known_later_is_masked_in_what_is_told() {
    let one = answering().await;
    one.status.store(503, Ordering::SeqCst);
    let live = live(board(&[("db", &[])], &QUICK));
    live.board.ask_all(&target(&Server::default(), &[("db", one.at)]), QUICK.limit).await;
    let health = live.health();
    assert!(crate::inspect::json_line(&health).contains(": told by plant-in-the-health"));
    Redactor::global().learn(["plant-in-the-health"]);
    let told = crate::inspect::json_line(&health);
    assert!(told.contains(": told by ***\""), "{told}");
}

/// Returns folders with one run: of the cluster `one`, with these lines of its file.
fn kept(home: &std::path::Path, lines: usize) -> Folders {
    let folders = Folders { cache: home.into(), state: home.into() };
    fs_err::create_dir_all(folders.runs()).unwrap();
    let text = include_str!("../formats/warm.jsonl").lines().take(lines).collect::<Vec<_>>().join("\n");
    fs_err::write(folders.runs().join("20260101T000000.000000-reference-1.jsonl"), text).unwrap();
    folders
}

#[test]
fn figures_are_of_the_last_start_up_or_null() {
    let home = tempfile::tempdir().unwrap();
    let of = |lines, suite: &str, cluster: &str| Past::read(&kept(home.path(), lines), suite, cluster);
    let header = kind_harness::report::RecordedRun::read(std::path::Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/formats/warm.jsonl"
    )));
    let header = header.unwrap().header;
    let (suite, cluster) = (header.suite.as_str(), header.cluster.as_str());
    for none in [of(usize::MAX, suite, "other"), of(usize::MAX, "other", cluster), of(3, suite, cluster)] {
        assert!(none.start_up().is_none());
        assert_eq!(none.optimization(), crate::outputs::StartupOptimization::default());
    }
    let past = of(usize::MAX, suite, cluster);
    let (last, optimization) = (past.start_up().unwrap(), past.optimization());
    assert_eq!((last.outcome, last.components), ("ready", header.components.len()));
    assert_eq!(optimization.parallel_initialization, Some(true));
    assert!(optimization.performance_grade.is_some());
    let busy = past.last.as_ref().and_then(|last| last.metrics.usage.as_ref()?.busy_efficiency).unwrap();
    assert!(optimization.efficiency_percent.is_some_and(|percent| (percent - 100.0 * busy).abs() < 0.06));
    assert_eq!(optimization.speed_up, None, "there is no sequential run");
}

#[test]
fn a_run_that_ended_meanwhile_is_read() {
    let home = tempfile::tempdir().unwrap();
    let header = |past: &Past| past.start_up().map(|last| last.run);
    let none = Past::read(&kept(home.path(), 3), "reference", "reference-f2af6c09");
    let newer = |past: &Past, lines| past.newer(&kept(home.path(), lines), "reference", "reference-f2af6c09");
    assert!(newer(&none, 3).is_none(), "it has not ended");
    let newest = newer(&none, usize::MAX).unwrap();
    assert!(header(&none).is_none() && header(&newest).is_some());
    assert!(newer(&newest, usize::MAX).is_none(), "it is known");
}
