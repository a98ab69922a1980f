//! The `kind-harness` command: parse, run, exit code.

mod bench;
mod board;
mod bundle;
mod ci;
mod command;
mod compare;
mod component;
mod consent;
mod console;
mod dev;
mod exit;
mod flags;
mod formats;
mod health;
mod history;
mod init;
mod inspect;
mod interrupts;
mod lifecycle;
mod logs;
mod otlp;
mod outputs;
mod production;
mod ps_gc;
mod render;
mod replay;
mod runs;
mod selection;
mod serve;
mod shard;
mod soak;
mod statistics;
mod status;
mod test;
mod verdict;
mod why;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use kind_harness::cluster::InventoryFile;
use kind_harness::host::folders::Folders;
use kind_harness::readiness::redact::Redactor;
use kind_harness::report::console::Console;
use kind_harness::sources;
use kind_harness::suite::config::{self, Loaded, Overrides, Switches};
use kind_harness::suite::plan::Plan;

use command::Command;
use exit::{Exit, Failure};

/// A real Kubernetes environment for your tests
///
/// kind-harness reads a suite from e2e.yaml, creates a kind cluster, deploys the suite's components concurrently,
/// waits once until all of them are ready, and tells where the time went.
#[derive(Debug, Parser)]
#[command(name = "kind-harness", version, after_long_help = exit::HELP)]
struct Cli {
    /// The suite; for `verdict`, the saved objects
    #[arg(short, long, env = "KIND_HARNESS_FILE", value_name = "FILE", default_value = "e2e.yaml", global = true)]
    file: PathBuf,
    /// Form of what is printed to standard output
    #[arg(short, long, value_enum, default_value_t = Output::Text, global = true)]
    output: Output,
    /// Show nothing but warnings and errors while working
    #[arg(short, long, env = "KIND_HARNESS_QUIET", global = true)]
    quiet: bool,
    #[command(flatten)]
    flags: flags::Flags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For scripts.
    Json,
}

#[tokio::main]
async fn main() -> ExitCode {
    Cli::parse().run().await
}

impl Cli {
    /// Runs the command and says how it ended.
    async fn run(self) -> ExitCode {
        match self.dispatch().await {
            Ok(exit) => exit.into(),
            Err(failure) => {
                kind_harness::report::console::write(&format!("{failure}\n"));
                failure.exit.into()
            }
        }
    }

    async fn dispatch(&self) -> Result<Exit, Failure> {
        match &self.command {
            Command::Init(request) => self.init(request).await,
            Command::Setup { yes } => self.setup(*yes).await,
            Command::Doctor => self.doctor().await,
            Command::Plan { dot, json } => self.plan_command(*dot, *json).await,
            Command::Render { component } => self.render(component.as_deref()).await,
            Command::Up(up) => self.up(up).await,
            Command::Reset { report } => self.up(&lifecycle::Up::reset(report.clone())).await,
            Command::Dev(request) => self.dev(request).await,
            Command::Status { why: None, json } => self.status(*json).await,
            Command::Status { why: Some(component), .. } => self.why(component.as_deref()).await,
            Command::Health(wanted) => self.health(wanted).await,
            Command::Serve(wanted) => self.serve(wanted).await,
            Command::Verdict(wanted) => self.verdict(wanted),
            Command::Replay { recording } => self.replay(recording),
            Command::Down { component, keep_cluster, force } if *keep_cluster || !component.is_empty() => {
                self.kill(component, *force).await
            }
            Command::Down { force, .. } => self.down(*force).await,
            Command::Logs { component, follow, previous, tail } => {
                let wanted = logs::Request { follow: *follow, previous: *previous, tail: *tail };
                self.logs(component.as_deref(), &wanted).await
            }
            Command::Bundle { to } => self.bundle(to.as_deref()).await,
            Command::Test(test) => self.test(test).await,
            Command::Ps => self.ps().await,
            Command::Gc { dry_run } => self.gc(*dry_run).await,
            Command::Runs => self.runs(),
            Command::Bench(bench) => self.bench(bench).await,
            Command::Soak(soak) => self.soak(soak).await,
            Command::History(history) => self.history(history),
            Command::Compare(compare) => self.compare(compare),
            Command::Report(report) => self.report(report),
            Command::Kubeconfig => self.kubeconfig(),
        }
    }

    fn plan(&self) -> Result<Plan, Failure> {
        self.plan_with(&self.overrides()?)
    }

    /// Returns what variables and flags replace of the suite.
    fn overrides(&self) -> Result<Overrides, Failure> {
        let mut overrides = self.flags.overrides();
        self.switches()?.complete(&mut overrides);
        Ok(overrides)
    }

    fn plan_with(&self, overrides: &Overrides) -> Result<Plan, Failure> {
        let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        let loaded: Loaded = config::load(&self.file, overrides).map_err(|error| Failure {
            exit: Exit::Usage,
            text: error.render(color),
            rendered: true,
        })?;
        let (plan, folders) = (Plan::new(loaded).map_err(|error| Failure::new(Exit::Usage, &error))?, self.folders()?);
        let run = plan.is_per_run().then(|| InventoryFile::run_in(&folders.cluster(plan.cluster_name()))).flatten();
        let plan = match run {
            Some(run) => plan.with_run(&run),
            None => plan,
        };
        // What earlier commands rendered is known without running anything.
        let rendered = sources::recall(&plan, &folders);
        let plan = plan.with_rendered(rendered);
        plan.teach(Redactor::global());
        Ok(plan)
    }

    fn switches(&self) -> Result<Switches, Failure> {
        Switches::from_env().map_err(|error| Failure::new(Exit::Usage, &error))
    }

    fn folders(&self) -> Result<Folders, Failure> {
        Folders::of_user().map_err(|error| Failure::new(Exit::Host, &error))
    }

    fn console(&self) -> Box<dyn Console> {
        console::detect(self.quiet)
    }
}
