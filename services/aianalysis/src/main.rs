//! The AIAnalysis controller. `aianalysis crd` prints the CustomResourceDefinition instead of running.

use std::io::Write;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        None => aianalysis::run().await,
        Some("crd") => Ok(std::io::stdout().write_all(aianalysis::api::crd_yaml()?.as_bytes())?),
        Some(other) => anyhow::bail!("unknown argument {other}; there is `crd`, and nothing"),
    }
}
