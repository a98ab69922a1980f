//! The commands, as they are typed.

use std::path::PathBuf;

use clap::Subcommand;
use kind_harness::host::setup::yes_or_no;

use super::{bench, compare, dev, health, history, init, lifecycle, runs, serve, soak, test, verdict};

/// A command, and what it is told.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write a first e2e.yaml, with a test and what it needs, from the charts, kustomizations, manifests and Dockerfiles of a folder
    ///
    /// Says why each component was chosen, and never overwrites a file. Exit code 2 when e2e.yaml exists, or when nothing
    /// that can be deployed was found.
    Init(#[command(flatten)] init::Request),
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
    /// Return the cluster to the state in which it booted, and bring the environment up in it again
    ///
    /// Takes a few seconds instead of a new cluster: its kubeconfig, host ports and images stay. Folders of the node
    /// itself that pods have written into (`hostPath`) stay too. Only for a cluster of one node that kind-harness has made.
    Reset {
        /// Write the timing report to FILE, as JSON
        #[arg(long, env = "KIND_HARNESS_REPORT", value_name = "FILE")]
        report: Option<PathBuf>,
    },
    /// Bring the environment up, and again whenever a file of its images or manifests changes, until Ctrl-C
    ///
    /// Prints one line for each change: how long it took until everything was ready, or why it is not. The environment
    /// stays; `down` removes it. Files that a program reads are not known, but for those beside the program itself.
    Dev(#[command(flatten)] dev::Request),
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
    /// Ask every component once, all at the same time, and show which are up and how fast they answer
    ///
    /// Healthy: all are up. Degraded: only components that no other component needs are down. Unhealthy: a component that
    /// another one needs is down, or the API server does not answer. Exit code 0 when healthy, 7 otherwise.
    Health(#[command(flatten)] health::Request),
    /// Serve the health of the running cluster over HTTP until Ctrl-C: a page, /health, /metrics, /report and /stats
    ///
    /// Each component is asked every 5 s, for 3 s at most; requests are answered with the last answers. /health has status
    /// 200 when healthy or degraded, 503 when unhealthy and before the first answers.
    Serve(#[command(flatten)] serve::Request),
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
    /// Run the tests by nextest, or a shard of them, shared out among several clusters
    Test(#[command(flatten)] test::Test),
    /// List our clusters on this host: owner, age, state, and how long each stays
    Ps,
    /// Remove the clusters whose owners are gone, whatever ended them
    Gc {
        /// Only say what would be removed
        #[arg(long)]
        dry_run: bool,
    },
    /// List the runs that are kept: of `up` and of tests, by hand and in CI
    Runs,
    /// Measure how long the suite takes to come up, by strategy and by kubectl, on a cluster of the bench's own
    ///
    /// The ways are measured in turn. Failures are counted, never dropped; Ctrl-C keeps what was measured.
    Bench(#[command(flatten)] bench::Bench),
    /// Run the tests again and again, and tell which of them fail now and then
    ///
    /// Goes on where it was interrupted. Exit code 10 when a round failed.
    Soak(#[command(flatten)] soak::Soak),
    /// Show how start-ups went over time, and which tests failed in which part of the runs
    History(#[command(flatten)] history::History),
    /// Compare runs with others: whether deploy and ready take longer, and which phase or component it is
    ///
    /// Runs of the same kind (with a new cluster, or on one that was there) and the same class of host are compared by
    /// their ranks, and only when there are five on each side. Exit code 11 when they take longer, 12 when there are too
    /// few.
    Compare(#[command(flatten)] compare::Compare),
    /// Print the report of a past run, made again from its events: where the time went
    Report(#[command(flatten)] runs::Report),
    /// Print the path of the cluster's kubeconfig, as in `export KUBECONFIG=$(kind-harness kubeconfig)`
    Kubeconfig,
}
