//! The kill matrix: every way to end a run, at random moments of up, specs and down.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use duct::{Expression, Handle, cmd};
use rustix::process::{Pid, Signal, kill_process};

use crate::ending::{Ending, VARIABLE};
use crate::host::Host;
use crate::pause;

/// How often each way is tried that comes from outside, unless `TIMES` says otherwise; the others, which have but one
/// moment, half as often.
const TIMES: usize = 17;

/// Where in its life a run is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Up,
    Specs,
    Down,
}

/// One entry of the matrix.
struct Case {
    ending: Ending,
    stage: Stage,
    /// From the stage's beginning.
    after: Duration,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "100 clusters, 30 minutes: just kill-matrix"]
async fn kill_matrix() -> Result<()> {
    // What ignores a signal has children that do, unless they say otherwise; tests do not.
    let ignored = procfs::process::Process::myself()?.status()?.sigign;
    ensure!(ignored & 1 == 0, "SIGHUP is ignored here (by nohup?), and could end no test");
    let host = Host::look().await?;
    let (up, down) = lengths(&host).await?;
    println!("undisturbed: up {:.1} s, down {:.1} s", up.as_secs_f64(), down.as_secs_f64());
    let cases = cases(up, down);
    let (mut going, mut leaks) = (Vec::new(), 0);
    for (number, case) in cases.iter().enumerate() {
        let ended = run(&host, case).await?;
        let (gone, left) = host.until_clean().await?;
        let verdict = if left.is_empty() {
            format!("all gone after {:.1} s", gone.as_secs_f64())
        } else {
            format!("LEFT: {left}")
        };
        println!(
            "{:3}/{}: {:15} {:?} after {:4.1} s ({ended}): {verdict}",
            number + 1,
            cases.len(),
            case.ending,
            case.stage,
            case.after.as_secs_f64()
        );
        leaks += u32::from(!left.is_empty());
        going.push(gone);
    }
    going.sort();
    let at = |percent: usize| going[(going.len() * percent).div_ceil(100).saturating_sub(1)].as_secs_f64();
    println!(
        "kill matrix: {leaks} leaks, n = {}; all gone after p50 {:.1} s, p95 {:.1} s, max {:.1} s",
        going.len(),
        at(50),
        at(95),
        at(100)
    );
    ensure!(leaks == 0, "{leaks} runs left something behind");
    lengths(&host).await.context("after all that")?;
    Ok(())
}

/// How long up and down take when nobody disturbs them.
async fn lengths(host: &Host) -> Result<(Duration, Duration)> {
    let began = Instant::now();
    finish(host.cli("up").start()?).await?;
    let up = began.elapsed();
    let began = Instant::now();
    finish(host.cli("down").start()?).await?;
    let (_, left) = host.until_clean().await?;
    ensure!(left.is_empty(), "left by an undisturbed run: {left}");
    Ok((up, began.elapsed()))
}

fn cases(up: Duration, down: Duration) -> Vec<Case> {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut cases = Vec::new();
    let times = std::env::var("TIMES").ok().and_then(|times| times.parse().ok()).unwrap_or(TIMES);
    for turn in 0..times {
        for ending in Ending::ALL {
            let (stage, length) = match turn % 6 {
                turn if !ending.is_from_outside() && turn % 2 == 1 => continue,
                _ if !ending.is_from_outside() => (Stage::Specs, Duration::ZERO),
                // `up` has the most states to be ended in.
                0 | 2 | 3 | 5 => (Stage::Up, up),
                1 => (Stage::Down, down),
                _ => (Stage::Specs, Duration::from_secs(1)),
            };
            cases.push(Case { ending, stage, after: length.mul_f64(random.f64()) });
        }
    }
    cases
}

/// Ends a run as the case says, and waits until it has ended. Returns how.
async fn run(host: &Host, case: &Case) -> Result<String> {
    if case.stage == Stage::Down {
        finish(host.cli("up").start()?).await?;
    }
    let begin = match case.stage {
        Stage::Up => host.cli("up"),
        Stage::Down => host.cli("down"),
        Stage::Specs => host.specimen(case.ending.told())?,
    };
    let handle = if case.ending == Ending::Terminal { on_a_terminal(host, case)?.start()? } else { begin.start()? };
    match case.stage {
        Stage::Up => {}
        Stage::Specs => host.until_told("up", &handle).await?,
        Stage::Down => host.until_taken(&handle).await?,
    }
    pause(case.after).await;
    match case.ending {
        Ending::Signal(signal) => send(&handle, signal),
        // With it goes the terminal's other end.
        Ending::Terminal => send(&handle, Signal::KILL),
        Ending::Panic | Ending::Fail | Ending::Exit => {}
    }
    let ended = wait(handle).await?;
    if case.stage == Stage::Up && ended.contains("exit status: 0") {
        // It was faster than its end: what is up was meant to stay.
        finish(host.cli("down").start()?).await?;
    }
    Ok(ended)
}

/// The same on a terminal of its own.
fn on_a_terminal(host: &Host, case: &Case) -> Result<Expression> {
    let line = match case.stage {
        Stage::Up => host.line("up"),
        Stage::Down => host.line("down"),
        Stage::Specs => host.specimen_line()?,
    };
    let script = cmd!("script", "--quiet", "--flush", "--command", line, "/dev/null");
    Ok(host.at_home(script).env(VARIABLE, case.ending.told()))
}

fn send(handle: &Handle, signal: Signal) {
    for pid in handle.pids().into_iter().filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}

async fn wait(handle: Handle) -> Result<String> {
    let handle = Arc::new(handle);
    let waiting = handle.clone();
    let ended = tokio::task::spawn_blocking(move || waiting.wait().map(|output| output.status));
    let Ok(ended) = tokio::time::timeout(Duration::from_secs(120), ended).await else {
        handle.kill()?;
        bail!("it did not end within two minutes");
    };
    Ok(ended??.to_string())
}

async fn finish(handle: Handle) -> Result<()> {
    let ended = wait(handle).await?;
    ensure!(ended.contains("exit status: 0"), "an undisturbed run failed: {ended}");
    Ok(())
}
