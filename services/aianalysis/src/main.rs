//! The AIAnalysis controller. `aianalysis crd` prints the CustomResourceDefinition instead of running.

use std::{io::Write, time::Duration};

fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        None => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let ended = runtime.block_on(aianalysis::run());
            // Not a drop, which would wait for a policy that does not end.
            runtime.shutdown_timeout(Duration::from_millis(100));
            ended
        }
        Some("crd") => Ok(std::io::stdout().write_all(aianalysis::api::crd_yaml()?.as_bytes())?),
        Some(other) => anyhow::bail!("unknown argument {other}; there is `crd`, and nothing"),
    }
}
