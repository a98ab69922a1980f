//! The command line.

use std::process::ExitCode;

use clap::Parser;
use kind_harness::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    Cli::parse().run().await
}
