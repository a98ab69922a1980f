//! A reset that fails in the middle.

use anyhow::{Result, ensure};

use crate::TURN;
use crate::host::Host;

/// Makes etcd refuse the copy that a reset returns to.
const DAMAGE: &str = "truncate -s 100 /kind/reset/etcd/member/snap/db";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_plane_that_does_not_come_up_again_is_told_and_taken_down() -> Result<()> {
    let _turn = TURN.lock().await;
    let host = Host::look().await?;
    let run = |command: &str| -> Result<(Option<i32>, String)> {
        let ended = tokio::task::block_in_place(|| host.cli(command).run())?;
        Ok((ended.status.code(), std::fs::read_to_string(host.said())?))
    };
    let up = run("up")?;
    host.in_node(DAMAGE).await?;
    let reset = run("reset")?;
    let again = run("up")?;
    let down = run("down")?;
    ensure!(up.0 == Some(0), "{}", up.1);
    let told = "its API server does not answer any more; `kind-harness down`";
    ensure!(reset.0 == Some(5) && reset.1.contains(told), "{reset:?}");
    ensure!(again.0 != Some(0), "a cluster without a control plane is up: {}", again.1);
    ensure!(down.0 == Some(0), "{}", down.1);
    let (_, left) = host.until_clean().await?;
    ensure!(left.is_empty(), "left {left}");
    Ok(())
}
