//! `bench`: how long the suite takes to come up, by strategy, on a cluster of the bench's own.
//!
//! Ways are measured in turn, and every second round in reverse, so that a host that grows slower is slower for all.

mod kubectl;
mod result;
mod usage;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use futures::future::join_all;
use kind_harness::cluster::Record;
use kind_harness::environment::Environment;
use kind_harness::host::folders::write_output;
use kind_harness::readiness::{Place, Probe};
use kind_harness::report::console::{QuietConsole, write};
use kind_harness::report::{Events, Reporter, StartupMetrics, StartupUsage};
use kind_harness::run::past_runs::host_class;
use kind_harness::run::protocol::{Interrupts as _, OnFailure, Part, Run, Uninterrupted};
use kind_harness::run::session::{LeaseOptions, Session};
use kind_harness::suite::config::{Overrides, Strategy};
use kind_harness::suite::plan::Plan;
use kind_harness::teardown::RemoveOptions;

use super::flags::Order;
use super::inspect::{print, print_json};
use super::interrupts::Interrupts;
use super::{Cli, Exit, Failure, Output, outputs};
use result::Measured;

/// How long the cluster stays when the bench was killed. Each measurement begins it anew.
const STAYS: Duration = Duration::from_secs(3600);

/// What `bench` is told.
#[derive(Debug, Args)]
pub(super) struct Bench {
    /// How often each way is measured; a first round, which is not counted, comes on top
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    runs: u16,
    /// The strategies to measure
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Order::Parallel, Order::Sequential])]
    strategies: Vec<Order>,
    /// Measure the strategy `sequential` too, whatever `--strategies` says
    #[arg(long)]
    compare_sequential: bool,
    /// Measure kubectl too, on the same objects: `kubectl apply` and `kubectl wait`, of all at once and one by one
    #[arg(long, conflicts_with = "fresh")]
    compare_kubectl: bool,
    /// Create a new cluster for each measurement, and measure from nothing to ready
    #[arg(long)]
    fresh: bool,
    /// Write the table to FILE, as Markdown: between the lines `<!-- bench -->` and `<!-- /bench -->` (with `--fresh`,
    /// `<!-- bench --fresh -->` and so on) if it has them
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Draw every measurement into FILE, as SVG
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Do not ask before installing what the host lacks
    #[arg(short, long, env = "KIND_HARNESS_YES", value_parser = kind_harness::host::setup::yes_or_no)]
    yes: bool,
}

/// A way to bring the suite up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// `up` with this strategy.
    Harness(Strategy),
    /// kubectl: everything applied at once, one `kubectl wait` for each workload at the same time.
    KubectlAtOnce,
    /// kubectl: component by component, each waited for.
    KubectlOneByOne,
}

impl Way {
    pub(super) fn name(self) -> &'static str {
        match self {
            Way::Harness(strategy) => strategy.name(),
            Way::KubectlAtOnce => "kubectl, at once",
            Way::KubectlOneByOne => "kubectl, one by one",
        }
    }
}

/// A measurement.
struct Sample {
    seconds: f64,
    /// Whether every port of the host answered as soon as it was over.
    answered: bool,
    /// What it used; `None` of kubectl, which nobody measures.
    usage: Option<StartupUsage>,
}

impl Cli {
    /// Measures every way in turn. An interrupt ends it; what was measured is told all the same.
    pub(super) async fn bench(&self, bench: &Bench) -> Result<Exit, Failure> {
        let plan = self.bench_plan(Strategy::default())?;
        let mut ways: Vec<Way> = bench.strategies.iter().map(|order| Way::Harness((*order).into())).collect();
        let sequential = Way::Harness(Strategy::Sequential);
        if bench.compare_sequential && !ways.contains(&sequential) {
            ways.push(sequential);
        }
        if bench.compare_kubectl {
            kubectl::is_there().await?;
            ways.extend([Way::KubectlAtOnce, Way::KubectlOneByOne]);
        }
        let mut measured = Measured::new(&plan, host_class(), bench.fresh, &ways);
        let mut interrupts = Interrupts::listen();
        let ended = tokio::select! {
            ended = self.measure(bench, &ways, &mut measured) => ended.map(|()| Exit::Done),
            _ = interrupts.next() => {
                write("interrupted; what was measured until now is told, and the cluster removed\n");
                Ok(Exit::Interrupted)
            }
        };
        let session = self.bench_session(bench, Strategy::default())?;
        let removed = session.down(&RemoveOptions::default()).await;
        let told = measured.told();
        if self.output == Output::Json {
            print_json(&told);
        } else {
            print(&measured.markdown());
        }
        if let Some(file) = &bench.to {
            measured.write_table(file).map_err(|error| Failure::new(Exit::Internal, &error))?;
        }
        if let Some(file) = &bench.plot {
            write_output(file, &measured.plot()).map_err(|error| Failure::new(Exit::Internal, &error))?;
        }
        removed.map_err(|error| Failure::new(Exit::Teardown, &error))?;
        ended
    }

    async fn measure(&self, bench: &Bench, ways: &[Way], measured: &mut Measured) -> Result<(), Failure> {
        if !bench.fresh {
            write("the first round creates the cluster and builds what is missing; it is not counted\n");
        }
        for round in 0..=usize::from(bench.runs) {
            let mut order: Vec<Way> = ways.to_vec();
            if round % 2 == 1 {
                order.reverse();
            }
            for way in order {
                let sample = match way {
                    Way::Harness(strategy) => self.measure_harness(bench, strategy).await?,
                    _ => self.measure_kubectl(bench, way).await?,
                };
                let text = match &sample {
                    Ok(Sample { seconds, answered: true, .. }) => format!("{seconds:.2} s"),
                    Ok(Sample { seconds, answered: false, .. }) => {
                        format!("{seconds:.2} s, but not every port answered")
                    }
                    Err(why) => format!("failed: {why}"),
                };
                let counted = if round == 0 { "not counted".into() } else { format!("{round} of {}", bench.runs) };
                write(&format!("{:<20} {counted:<12} {text}\n", way.name()));
                if round > 0 {
                    measured.add(way, sample);
                }
            }
        }
        Ok(())
    }

    /// Measures one `up`: from the first component applied to the last one ready, or with `--fresh` from nothing.
    async fn measure_harness(&self, bench: &Bench, strategy: Strategy) -> Result<Result<Sample, String>, Failure> {
        self.clear(bench).await?;
        let (events, reporter) = Reporter::start(QuietConsole);
        let session = Session { events, ..self.bench_session(bench, strategy)? };
        let mut run = Run::new(session, reporter);
        let up = run.up(Part::All, OnFailure::Undo, &mut Uninterrupted).await;
        let answered = match &up {
            Ok(running) => all_answer(&host_probes(&running.cluster.record)).await,
            Err(_) => false,
        };
        let header = run.header.clone();
        let timeline = run.finish().await;
        Ok(match (up, StartupMetrics::of(&timeline, &header)) {
            (Ok(_), Some(metrics)) => {
                let seconds = if bench.fresh { timeline.wall().as_secs_f64() } else { metrics.total };
                Ok(Sample { seconds, answered, usage: metrics.usage })
            }
            (Ok(_), None) => Err("nothing was deployed".into()),
            (Err(failed), _) => Err(failed.to_string().lines().next().unwrap_or_default().to_owned()),
        })
    }

    /// Measures kubectl, in the cluster in which the last `up` left the images.
    async fn measure_kubectl(&self, bench: &Bench, way: Way) -> Result<Result<Sample, String>, Failure> {
        let environment = self.bring_up(bench).await?;
        let record = environment.record().clone();
        let session = self.bench_session(bench, Strategy::default())?;
        let objects = kubectl::Objects::of(&session.plan, &record, environment.kubeconfig())?;
        self.clear(bench).await?;
        objects.prepare().await?;
        let began = std::time::Instant::now();
        let applied = match way {
            Way::KubectlOneByOne => objects.one_by_one().await,
            _ => objects.at_once().await,
        };
        let seconds = began.elapsed().as_secs_f64();
        let answered = applied.is_ok() && all_answer(&host_probes(&record)).await;
        objects.remove().await?;
        Ok(applied.map(|()| Sample { seconds, answered, usage: None }).map_err(|error| error.brief()))
    }

    /// Returns the environment, brought up if it is not.
    async fn bring_up(&self, bench: &Bench) -> Result<Environment, Failure> {
        let (events, reporter) = Reporter::start(QuietConsole);
        let mut session = Session { events, ..self.bench_session(bench, Strategy::default())? };
        let up = session.up().await;
        session.undo.keep();
        reporter.finish().await;
        up.map(Environment::from).map_err(Failure::from)
    }

    /// Removes what the last measurement left: the components, or with `--fresh` the cluster.
    async fn clear(&self, bench: &Bench) -> Result<(), Failure> {
        let session = self.bench_session(bench, Strategy::default())?;
        let cluster = session.folders.cluster(session.plan.cluster_name());
        let cleared = if bench.fresh {
            session.down(&RemoveOptions::default()).await.map(drop)
        } else if cluster.exists() {
            session.kill(&[], &RemoveOptions::default()).await
        } else {
            Ok(())
        };
        cleared.map_err(Failure::from)
    }

    fn bench_session(&self, bench: &Bench, strategy: Strategy) -> Result<Session, Failure> {
        let session = self.session(Events::discard(), bench.yes)?;
        let terms = LeaseOptions { ttl: session.terms.ttl.or(Some(STAYS)), ..session.terms.clone() };
        Ok(Session { plan: self.bench_plan(strategy)?, terms, ..session })
    }

    /// Returns the plan for a cluster of the bench's own, beside whatever runs on this host.
    fn bench_plan(&self, strategy: Strategy) -> Result<Plan, Failure> {
        let plan = self.plan()?;
        let name = plan.cluster_name().with_suffix("bench").map_err(|error| Failure::new(Exit::Usage, &error))?;
        let mine =
            Overrides { name: Some(name.into()), strategy: Some(strategy), auto_ports: true, ..self.overrides()? };
        self.plan_with(&mine)
    }
}

/// Returns the probes of this host's ports, which are asked when a way says that everything is ready.
fn host_probes(record: &Record) -> Vec<Probe> {
    let probes = record.deployment.iter().flat_map(|deployment| deployment.probes.values().flatten());
    let is_of_host =
        |probe: &&Probe| matches!(probe, Probe::Tcp(Place::Host(_)) | Probe::Http { at: Place::Host(_), .. });
    probes.filter(is_of_host).cloned().collect()
}

/// Asks every probe once, at the same time.
async fn all_answer(probes: &[Probe]) -> bool {
    join_all(probes.iter().map(|probe| probe.run(None))).await.iter().all(Result::is_ok)
}
