//! How long a new test process takes to have an environment that another one has brought up.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::host::Host;

const TIMES: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a cluster: just bench-attach"]
async fn attach() -> Result<()> {
    let host = Host::look().await?;
    let mut times = Vec::new();
    // The first brings it up. It ends with cargo, which started all of them.
    for _ in 0..=TIMES {
        let specimen = host.specimen("pass")?.env("KIND_HARNESS_SHARE", "runner");
        let began = Instant::now();
        let ended = tokio::task::spawn_blocking(move || specimen.run()).await??;
        ensure!(ended.status.success(), "{}:\n{}", ended.status, std::fs::read_to_string(host.said())?);
        times.push(began.elapsed().as_millis());
    }
    println!("brought up in {} ms", times.remove(0));
    times.sort_unstable();
    println!(
        "attached, from the start of a process to its end: p50 {} ms, p95 {} ms, max {} ms, n = {TIMES}",
        times[TIMES / 2],
        times[TIMES * 95 / 100],
        times[TIMES - 1]
    );
    Ok(())
}
