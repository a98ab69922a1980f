//! The HolmesGPT-API service.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    holmesgpt_api::run().await
}
