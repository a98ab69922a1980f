//! The `kind-harness` command: parse, run, exit code.

mod bundle;
mod component;
mod consent;
mod console;
mod exit;
mod flags;
mod inspect;
mod interrupts;
mod lifecycle;
mod logs;
mod outputs;
mod production;
mod ps_gc;
mod render;
mod replay;
mod status;
mod test;
mod verdict;
mod why;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use kind_harness::host::folders::Folders;
use kind_harness::host::setup::yes_or_no;
use kind_harness::readiness::redact::Redactor;
use kind_harness::report::console::Console;
use kind_harness::suite::config::{self, Loaded, Switches};
use kind_harness::suite::plan::Plan;

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

#[derive(Debug, Subcommand)]
enum Command {
    /// Install what this host lacks; does nothing when nothing is missing
    Setup {
        /// Do not ask before installing
        #[arg(short, long, env = "KIND_HARNESS_YES", value_parser = yes_or_no)]
        yes: bool,
    },
    /// Look at this host: what is there, what is missing, and what mends it
    Doctor,
    /// Print what `up` would do, without doing anything
    Plan {
        /// As a graph for Graphviz
        #[arg(long, conflicts_with = "json")]
        dot: bool,
        /// As JSON; the same as `-o json`
        #[arg(long)]
        json: bool,
    },
    /// Print the objects that `up` would apply, with the overlay's patches in them; of Secrets only the keys
    Render {
        /// Only this component
        component: Option<String>,
    },
    /// Bring the environment up; does nothing when it is up and nothing changed
    Up(#[command(flatten)] lifecycle::Up),
    /// Show each component's state, restarts and age, and why it is not ready
    ///
    /// The state is what is true now, as far as that shows: a component that the last run left ready and that has failed
    /// since is shown as failed. States are pending, starting, ready, failed, timeout, killing and killed.
    Status {
        /// As JSON; the same as `-o json`
        #[arg(long)]
        json: bool,
        /// Say why: root causes, events, logs, and the next command; of all components, or of one
        #[arg(long, value_name = "COMPONENT", num_args = 0..=1, conflicts_with = "json")]
        why: Option<Option<String>>,
    },
    /// Judge saved objects (`-f FILE`, or `-f -` for standard input): YAML or JSON, documents or lists
    ///
    /// Prints, for each object in order, apiVersion, kind, namespace, name, verdict and reason; with `-o json` also the
    /// message and a hint. Events among the objects, and pods and ReplicaSets by their owner references, tell more
    /// about the others. Exit code 0 when all are ready, 7 when one has failed, 8 when one is still waiting.
    Verdict(#[command(flatten)] verdict::Request),
    /// Judge a recording of `up --record` again: the same verdicts at the same moments, without waiting
    ///
    /// Exit code 0 when the last wait ended with all ready, 7 when something failed, 8 at a deadline.
    Replay {
        /// The recording
        recording: PathBuf,
    },
    /// Take the environment down, and leave nothing behind
    Down {
        /// Take away only this component, and keep the cluster; may be given more than once
        #[arg(long, value_name = "COMPONENT", conflicts_with = "keep_cluster")]
        component: Vec<String>,
        /// Take away every component, and keep the cluster
        #[arg(long)]
        keep_cluster: bool,
        /// Remove finalizers that keep an object from being deleted
        #[arg(long)]
        force: bool,
    },
    /// Print the components' logs, each line with its component, pod and container
    Logs {
        /// Only this component
        component: Option<String>,
        /// Go on as new lines come
        #[arg(long)]
        follow: bool,
        /// The previous containers' logs, after a restart
        #[arg(long)]
        previous: bool,
        /// Only the last N lines of each container
        #[arg(long, value_name = "N")]
        tail: Option<i64>,
    },
    /// Write everything that there is to see of the cluster into a folder: objects, events, logs, no secrets
    Bundle {
        /// Put the folder below DIR instead of the user's state folder
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
    /// Run the tests by nextest, shared out among several clusters
    Test {
        /// How many clusters; each runs a part of the tests
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
        clusters: u8,
        /// What else nextest is told, such as `-- --test e2e`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// List our clusters on this host: owner, age, state, and how long each stays
    Ps,
    /// Remove the clusters whose owners are gone, whatever ended them
    Gc {
        /// Only say what would be removed
        #[arg(long)]
        dry_run: bool,
    },
    /// Print the path of the cluster's kubeconfig, as in `export KUBECONFIG=$(kind-harness kubeconfig)`
    Kubeconfig,
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
            Command::Setup { yes } => self.setup(*yes).await,
            Command::Doctor => self.doctor().await,
            Command::Plan { dot, json } => self.plan_command(*dot, *json),
            Command::Render { component } => self.render(component.as_deref()),
            Command::Up(up) => self.up(up).await,
            Command::Status { why: None, json } => self.status(*json).await,
            Command::Status { why: Some(component), .. } => self.why(component.as_deref()).await,
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
            Command::Test { clusters, args } => self.test(usize::from(*clusters), args).await,
            Command::Ps => self.ps().await,
            Command::Gc { dry_run } => self.gc(*dry_run).await,
            Command::Kubeconfig => self.kubeconfig(),
        }
    }

    fn plan(&self) -> Result<Plan, Failure> {
        let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        let mut overrides = self.flags.overrides();
        self.switches()?.complete(&mut overrides);
        let loaded: Loaded = config::load(&self.file, &overrides).map_err(|error| Failure {
            exit: Exit::Usage,
            text: error.render(color),
            rendered: true,
        })?;
        let plan = Plan::new(loaded).map_err(|error| Failure::new(Exit::Usage, &error))?;
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
