//! The DataStorage service.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    data_storage::run().await
}
