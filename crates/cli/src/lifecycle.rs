//! `setup`, `up`, `down`: what changes the world.

use std::path::PathBuf;
use std::sync::Mutex;

use clap::{Args, ValueEnum};

use super::ci::CiReports;
use super::compare::{Comparison, THRESHOLD};
use super::consent::consent;
use super::inspect::print_json;
use super::interrupts::Interrupts;
use super::selection::{Selected, kept};
use super::statistics::Change;
use super::{Cli, Exit, Failure, Output, otlp, outputs, production, why};
use kind_harness::environment::Environment;
use kind_harness::host::folders::Folders;
use kind_harness::host::setup::{self, Host, SetupError, yes_or_no};
use kind_harness::readiness::Recorder;
use kind_harness::report::console::write;
use kind_harness::report::{Alert, Events, Reporter, RunHeader, StartupMetrics, Timeline, to_json, to_table};
use kind_harness::run::failed_run::FailureCause;
use kind_harness::run::protocol::{Interrupts as _, OnFailure, Part, Run};
use kind_harness::run::session::{LeaseOptions, LooksLikeProduction, Session, UpError};
use kind_harness::suite::config::Keep;
use kind_harness::teardown::{Undo, UnfinishedReports};

/// The alert from which `up` fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// Longer than `warn`
    Warn,
    /// Longer than `critical`
    Critical,
}

/// What `up` is told.
#[derive(Debug, Default, Args)]
pub(super) struct Up {
    /// Do not ask before installing what the host lacks
    #[arg(short, long, env = "KIND_HARNESS_YES", value_parser = yes_or_no)]
    yes: bool,
    /// Keep the cluster if `up` fails
    #[arg(long)]
    keep: bool,
    /// Write the timing report to FILE, as JSON
    #[arg(long, env = "KIND_HARNESS_REPORT", value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write the components' results to FILE, as JUnit XML
    #[arg(long, env = "KIND_HARNESS_JUNIT", value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Record what the watches bring into FILE, for `replay`; Secrets' contents are never in it
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// End with exit code 11 when deploy and ready took longer than the suite's `alert` says
    #[arg(long, value_enum, value_name = "ALERT")]
    fail_on: Option<FailOn>,
    /// End with exit code 11 when deploy and ready take longer than in the runs of before the suite changed, as `compare` finds
    #[arg(long)]
    gate: bool,
    /// Deploy only this component again, into the environment that is up; may be given more than once
    #[arg(long, value_name = "COMPONENT", conflicts_with_all = ["keep", "record"])]
    only: Vec<String>,
    /// Whether the cluster is reset first, which is a command of its own
    #[arg(skip)]
    reset: bool,
}

impl Up {
    /// Returns what `reset` is told.
    pub(super) fn reset(report: Option<PathBuf>) -> Up {
        Up { reset: true, report, ..Up::default() }
    }
}

impl From<FailOn> for Alert {
    fn from(least: FailOn) -> Alert {
        match least {
            FailOn::Warn => Alert::Warn,
            FailOn::Critical => Alert::Critical,
        }
    }
}

impl Cli {
    pub(super) async fn setup(&self, yes: bool) -> Result<Exit, Failure> {
        let folders = self.folders()?;
        let (events, reporter) = Reporter::start(self.console());
        let mut interrupts = Interrupts::listen();
        let host = tokio::select! {
            host = self.install(&folders, yes, &events) => Some(host),
            _ = interrupts.next() => None,
        };
        reporter.finish().await;
        match host {
            Some(Ok(host)) => {
                write(&format!("this host is ready: kind on {}\n", host.engine.kind.name()));
                Ok(Exit::Done)
            }
            Some(Err(error)) => Err(Failure::new(Exit::Host, &error)),
            None => Ok(Exit::Interrupted),
        }
    }

    /// Installs what clusters need, and the tools of the suite if there is one.
    async fn install(&self, folders: &Folders, yes: bool, events: &Events) -> Result<Host, SetupError> {
        // The engine says whether registries can be reached, so it is there first.
        let told = self.source(None).await.source;
        let mut host = setup::ensure(folders, told, consent(yes), events).await?;
        let source = self.source(Some(&host.engine)).await.source;
        if source != told {
            host = setup::ensure(folders, source, consent(yes), events).await?;
        }
        for tool in self.suites_tools() {
            setup::ensure_tool(tool, folders, consent(yes), events).await?;
        }
        Ok(host)
    }

    /// Brings the environment up, or deploys the components in `only` again, and waits until they are ready.
    pub(super) async fn up(&self, up: &Up) -> Result<Exit, Failure> {
        // What cannot be written is better known now than when the cluster is there.
        let recorder = up.record.as_deref().map(Recorder::create).transpose();
        let recorder = recorder.map_err(|error| Failure::new(Exit::Usage, &error))?;
        let (events, reporter) = Reporter::start(self.console());
        let ci = CiReports::of(up.junit.as_deref(), &self.file)?;
        let session =
            Session { record: Mutex::new(recorder), reports: ci.unfinished(), ..self.session(events, up.yes)? };
        up.only.iter().try_for_each(|component| self.known(&session.plan, Some(component)))?;
        let mut run = Run::new(session, reporter);
        let header = run.header.clone();
        ci.begin(&header);
        let part = match (up.reset, up.only.as_slice()) {
            (true, _) => Part::Reset,
            (false, []) => Part::All,
            (false, only) => Part::Only(only),
        };
        let on_failure = if up.keep { OnFailure::Keep } else { OnFailure::Undo };
        let ended = run.up(part, on_failure, &mut Interrupts::listen()).await.map_err(|failed| {
            let failure = why::tell(&run, &failed);
            (failed, failure)
        });
        let timeline = run.finish().await;
        otlp::export(&timeline, &header).await;
        let written = up.report.as_deref().map_or(Ok(()), |path| {
            kind_harness::host::folders::write_output(path, &format!("{}\n", to_json(&timeline, &header)))
        });
        let in_ci = ci.end(&timeline, &header, ended.as_ref().map(|running| running.unchanged).map_err(|(_, why)| why));
        let written = written.map_err(|error| Failure::new(Exit::Internal, &error)).and(in_ci);
        let environment = match ended {
            Ok(running) => Environment::from(running),
            Err((failed, mut failure)) => {
                if self.output == Output::Json && matches!(failed.cause, FailureCause::Error(_)) {
                    print_json(&outputs::Why {
                        diagnosis: failed.seen.diagnosis.as_ref(),
                        error: failure.text.lines().next(),
                        exit: Some(failure.exit as u8),
                        bundle: failed.seen.bundle.as_deref(),
                        ..outputs::Why::default()
                    });
                }
                // A report that cannot be written does not hide why the run failed.
                if let Err(unwritten) = written {
                    failure.text.push_str(&format!("\n{unwritten}"));
                }
                return Err(failure);
            }
        };
        written?;
        if up.only.is_empty() || self.output == Output::Json {
            self.tell(&environment, &timeline, &header);
        } else {
            let table = if self.quiet { String::new() } else { format!("\n{}\n", to_table(&timeline, &header)) };
            write(&format!("{table}{} ready again in cluster {}\n", up.only.join(", "), environment.name()));
        }
        self.judge_time(up, &timeline, &header)
    }

    /// Says whether the start-up took longer than `up` was told to accept.
    fn judge_time(&self, up: &Up, timeline: &Timeline, header: &RunHeader) -> Result<Exit, Failure> {
        let metrics = StartupMetrics::of(timeline, header);
        if let (Some(least), Some(metrics)) = (up.fail_on, metrics)
            && let Some(alert) = metrics.alert.filter(|alert| *alert >= least.into())
        {
            let limit = if alert == Alert::Critical { header.limits.critical } else { header.limits.warn };
            let (took, name) = (metrics.total, alert.name());
            let text = format!("deploy and ready took {took:.1} s, longer than `alert.{name}`, {limit} s; all is up");
            return Err(Failure::told(Exit::Slower, text));
        }
        if up.gate { self.gate(header) } else { Ok(Exit::Done) }
    }

    /// Compares the runs of the suite as it is with those of before it changed.
    pub(super) fn gate(&self, header: &RunHeader) -> Result<Exit, Failure> {
        let mut runs = kept(&self.folders()?)?;
        runs.retain(|run| {
            let other = &run.header;
            (&other.suite, &other.strategy, &other.host) == (&header.suite, &header.strategy, &header.host)
        });
        let (new, base): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| run.header.source == header.source);
        let comparison = Comparison::of(&Selected::from(base), &Selected::from(new), THRESHOLD)?;
        write(&format!("{}\n", comparison.text()));
        // A suite that has just changed has too few runs, which is not its fault.
        Ok(if comparison.change() == Change::Regressed { Exit::Slower } else { Exit::Done })
    }

    pub(super) async fn down(&self, force: bool) -> Result<Exit, Failure> {
        let kill = self.how_to_kill(force)?;
        let (events, reporter) = Reporter::start(self.console());
        let session = self.session(events, true)?;
        let removed = session.down(&kill).await;
        reporter.finish().await;
        let name = session.plan.cluster_name();
        match removed {
            Ok(true) => write(&format!("environment {name} is gone, and everything that was made with it\n")),
            Ok(false) => write(&format!("there is no cluster {name} of ours; nothing to do\n")),
            Err(UpError::Cluster(error @ kind_harness::cluster::ClusterError::Busy { .. })) => {
                return Err(Failure::new(Exit::Cluster, &error));
            }
            Err(error) => return Err(Failure::new(Exit::Teardown, &error)),
        }
        Ok(Exit::Done)
    }

    pub(super) fn session(&self, events: Events, yes: bool) -> Result<Session, Failure> {
        let confirm = if yes { |_: &LooksLikeProduction| true } else { production::ask };
        Ok(Session {
            plan: self.plan()?,
            folders: self.folders()?,
            events,
            undo: Undo::default(),
            // What `up` brought up stays until `down`.
            terms: LeaseOptions { keep: Keep::Always, ttl: self.flags.ttl, ..LeaseOptions::default() },
            record: Mutex::default(),
            reports: UnfinishedReports::default(),
            agree: consent(yes),
            confirm,
        })
    }

    pub(super) fn tell(&self, environment: &Environment, timeline: &Timeline, header: &RunHeader) {
        let record = environment.record();
        if self.output == Output::Json {
            return print_json(&outputs::Up {
                cluster: &record.name,
                namespace: &record.namespace,
                kubeconfig: environment.kubeconfig(),
                endpoints: &record.ports,
                unchanged: environment.was_unchanged(),
                report: to_json(timeline, header),
            });
        }
        if environment.was_unchanged() {
            let wall = timeline.wall().as_secs_f64();
            write(&format!("environment {} is up and unchanged ({wall:.1} s)\n", record.name));
            return;
        }
        if !self.quiet {
            write(&format!("\n{}", to_table(timeline, header)));
        }
        write(&format!("\nenvironment {} is up: every component is ready and answers\n", record.name));
        let ports =
            record.ports.0.iter().flat_map(|(component, ports)| ports.iter().map(move |port| (component, port)));
        let names: Vec<_> = ports.map(|(component, (port, at))| (format!("{component} {port}"), at)).collect();
        let width = names.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, address) in names {
            write(&format!("  {name:<width$}  http://{address}\n"));
        }
        write(&format!("  export KUBECONFIG={}\n", environment.kubeconfig().display()));
        let name = if self.flags.name.is_some() { format!(" --name {}", record.name) } else { String::new() };
        write(&format!("  kind-harness down{name}    # removes it\n"));
    }
}
