//! A cluster of several nodes.

use anyhow::{Result, ensure};
use duct::cmd;

use crate::TURN;
use crate::host::{Host, PROGRAM};

const SUITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lifecycle/several/e2e.yaml");

/// Each pod reaches every pod by its address, and the Service by its name; the pods are on two nodes.
const REACH: &str = r#"
pods() { kubectl --kubeconfig /etc/kubernetes/admin.conf --namespace several "$@"; }
[ "$(pods get pods -o jsonpath='{range .items[*]}{.spec.nodeName}{"\n"}{end}' | sort -u | wc -l)" = 2 ] || exit 1
reach='IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1], Timeout => 3) or die "@ARGV: $@"'
for pod in $(pods get pods -o name); do
  for address in $(pods get pods -o jsonpath='{.items[*].status.podIP}'); do
    pods exec "$pod" -- perl -MIO::Socket::INET -e "$reach" "$address" 5000 || exit 1
  done
  pods exec "$pod" -- perl -MIO::Socket::INET -e "$reach" web 80 || exit 1
done"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_come_into_all_nodes_and_pods_of_all_nodes_reach_each_other() -> Result<()> {
    let _turn = TURN.lock().await;
    let host = Host::look().await?;
    let run = |command: &str| -> Result<String> {
        let program = host.at_home(cmd!(PROGRAM, command, "--file", SUITE));
        let ended = tokio::task::block_in_place(|| program.run())?;
        let said = std::fs::read_to_string(host.said())?;
        ensure!(ended.status.success(), "{command}: {said}");
        Ok(said)
    };
    run("up")?;
    host.in_node(REACH).await?;
    let again = run("up")?;
    ensure!(again.contains("unchanged"), "{again}");
    run("down")?;
    let (_, left) = host.until_clean().await?;
    ensure!(left.is_empty(), "left {left}");
    Ok(())
}
