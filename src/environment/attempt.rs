//! Runs a test's body on a runtime and thread of its own, so that its end is observed in every case.

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use futures::FutureExt;
use tokio::runtime::{Builder, Runtime};

use super::returned::TestResult;

/// How long a body may take to reach its next `await` after its time-out.
const GRACE: Duration = Duration::from_secs(1);

/// Options of running a test's body.
#[derive(Debug, Clone, Default)]
pub(super) struct Limits {
    /// Name of the thread: the test's.
    pub(super) name: String,
    /// How long the body may take.
    pub(super) timeout: Option<Duration>,
    /// Whether the runtime is multi-threaded.
    pub(super) multi_thread: bool,
}

/// Why a test failed.
pub(super) enum Cause {
    /// It returned an error, or could not start.
    Error(String),
    /// It panicked. The panic's message has been printed.
    Panic(Box<dyn Any + Send>),
    /// It exceeded its time-out.
    Timeout {
        limit: Duration,
        /// Whether it blocked its thread instead of awaiting.
        blocked: bool,
    },
}

/// Formats the cause as a sentence.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Error(text) => f.write_str(text),
            Cause::Panic(payload) => {
                let text = payload.downcast_ref::<&str>().copied();
                let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
                write!(f, "the test panicked: {}", text.unwrap_or("without a message"))
            }
            Cause::Timeout { limit, blocked } => {
                write!(f, "the test did not end within {limit:?}")?;
                let text = ", and blocks its thread: what blocks belongs in `tokio::task::spawn_blocking`";
                if *blocked { f.write_str(text) } else { Ok(()) }
            }
        }
    }
}

enum Moment {
    /// The body starts, and with it the time-out.
    Begins,
    Ended(Result<(), Cause>),
}

/// Runs `prepare`, then `body` with its result, to completion. `enter` is called on every thread of the runtime. The
/// time-out covers only the body.
pub(super) fn attempt<P, T, F, R>(
    limits: &Limits,
    enter: impl Fn() + Clone + Send + Sync + 'static,
    prepare: impl FnOnce() -> P + Send + 'static,
    body: F,
) -> Result<(), Cause>
where
    P: Future<Output = Result<T, String>>,
    F: FnOnce(T) -> R + Send + 'static,
    R: Future,
    R::Output: TestResult,
{
    let (tell, told) = channel();
    let (name, timeout, multi_thread) = (limits.name.clone(), limits.timeout, limits.multi_thread);
    let thread = std::thread::Builder::new().name(name.clone()).spawn(move || {
        enter();
        let runtime = match runtime(name, multi_thread, enter) {
            Ok(runtime) => runtime,
            Err(error) => {
                return drop(tell.send(Moment::Ended(Err(Cause::Error(format!("no async runtime: {error}"))))));
            }
        };
        let ended = runtime.block_on(lived(prepare, body, timeout, &tell));
        match ended {
            // Tasks that do not end must not block the test's end.
            Err(Cause::Timeout { .. }) => runtime.shutdown_background(),
            _ => drop(runtime),
        }
        drop(tell.send(Moment::Ended(ended)));
    });
    let thread = thread.map_err(|error| Cause::Error(format!("no thread for the test: {error}")))?;
    let mut limit = None;
    loop {
        let moment = match limit {
            None => told.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(limit) => told.recv_timeout(limit + GRACE),
        };
        match moment {
            Ok(Moment::Begins) => limit = timeout,
            Ok(Moment::Ended(ended)) => return ended,
            Err(RecvTimeoutError::Timeout) => {
                return Err(Cause::Timeout { limit: limit.unwrap_or_default(), blocked: true });
            }
            // A value left behind by the body panicked on drop.
            Err(RecvTimeoutError::Disconnected) => return thread.join().map_err(Cause::Panic),
        }
    }
}

async fn lived<P, T, R>(
    prepare: impl FnOnce() -> P,
    body: impl FnOnce(T) -> R,
    timeout: Option<Duration>,
    tell: &Sender<Moment>,
) -> Result<(), Cause>
where
    P: Future<Output = Result<T, String>>,
    R: Future,
    R::Output: TestResult,
{
    let given = prepare().await.map_err(Cause::Error)?;
    let _ = tell.send(Moment::Begins);
    let body = AssertUnwindSafe(async move { body(given).await.failure() }).catch_unwind();
    let ended = match timeout {
        Some(limit) => {
            let ended = tokio::time::timeout(limit, body).await;
            ended.map_err(|_| Cause::Timeout { limit, blocked: false })?
        }
        None => body.await,
    };
    match ended {
        Ok(None) => Ok(()),
        Ok(Some(text)) => Err(Cause::Error(text)),
        Err(payload) => Err(Cause::Panic(payload)),
    }
}

fn runtime(name: String, multi_thread: bool, enter: impl Fn() + Send + Sync + 'static) -> std::io::Result<Runtime> {
    let mut builder = if multi_thread { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    builder.enable_all().thread_name(name).on_thread_start(enter).build()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rstest::rstest;

    use super::*;

    fn try_it<R>(timeout: Option<u64>, body: impl FnOnce(()) -> R + Send + 'static) -> Result<(), String>
    where
        R: Future,
        R::Output: TestResult,
    {
        let timeout = timeout.map(Duration::from_millis);
        let limits = Limits { name: "it".into(), timeout, multi_thread: false };
        attempt(&limits, || {}, async || Ok(()), body).map_err(|cause| cause.to_string())
    }

    #[test]
    fn every_way_to_fail_is_seen() {
        assert_eq!(try_it(None, async |()| {}), Ok(()));
        assert_eq!(try_it(Some(60_000), async |()| Ok::<(), String>(())), Ok(()));
        let error = try_it(None, async |()| Err::<(), _>(std::fmt::Error));
        assert_eq!(error, Err("Error".into()));
        let panic = try_it(None, async |()| panics(3));
        assert_eq!(panic, Err("the test panicked: 3 of them".into()));
        let late = try_it(Some(10), async |()| std::future::pending::<()>().await);
        assert_eq!(late, Err("the test did not end within 10ms".into()));
        let blocked = try_it(Some(10), async |()| blocks());
        assert!(blocked.unwrap_err().starts_with("the test did not end within 10ms, and blocks its thread"));
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("when dropped");
            }
        }
        let dropped = try_it(None, async |()| {
            tokio::spawn(async {
                let _bomb = Bomb;
                std::future::pending::<()>().await
            });
            tokio::task::yield_now().await;
        });
        // Tokio catches it, as it does in every task.
        assert_eq!(dropped, Ok(()));
    }

    fn panics(number: i32) {
        panic!("{number} of them");
    }

    fn blocks() {
        loop {
            std::thread::park();
        }
    }

    #[rstest]
    #[case(false)]
    #[case(true)]
    fn each_thread_of_the_runtime_enters_the_test_and_has_its_name(#[case] multi_thread: bool) {
        let entered = std::sync::Arc::new(AtomicUsize::new(0));
        let counted = entered.clone();
        let limits = Limits { name: "mod::it".into(), timeout: None, multi_thread };
        let enter = move || {
            counted.fetch_add(1, Ordering::SeqCst);
        };
        let ended = attempt(
            &limits,
            enter,
            async || Ok(7),
            async |given| {
                let name =
                    tokio::task::spawn_blocking(|| std::thread::current().name().map(str::to_owned)).await.unwrap();
                assert_eq!((given, name.as_deref()), (7, Some("mod::it")));
            },
        );
        assert!(ended.is_ok());
        assert!(entered.load(Ordering::SeqCst) >= 2);
    }

    #[test]
    fn what_cannot_be_prepared_is_an_error_and_has_no_limit() {
        let limits = Limits { timeout: Some(Duration::from_nanos(1)), ..Limits::default() };
        let prepare = async || Err::<(), _>("no namespace".to_owned());
        let ended = attempt(&limits, || {}, prepare, async |()| {});
        assert_eq!(ended.map_err(|cause| cause.to_string()), Err("no namespace".into()));
    }
}
