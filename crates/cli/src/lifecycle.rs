//! `setup`, `up`, `down`: what changes the world.

use std::path::Path;
use std::sync::Mutex;

use super::consent::consent;
use super::interrupts::Interrupts;
use super::{Cli, Exit, Failure, Output, production, why};
use kind_harness::environment::Environment;
use kind_harness::host::setup;
use kind_harness::readiness::Recorder;
use kind_harness::report::console::write;
use kind_harness::report::{Events, Phase, Reporter, Timeline, to_json, to_table};
use kind_harness::run::failure_report::FailureReport;
use kind_harness::run::session::{LeaseOptions, LooksLikeProduction, Session, UpError};
use kind_harness::suite::config::{Keep, ProviderKind};
use kind_harness::teardown::Undo;

impl Cli {
    pub(super) async fn setup(&self, yes: bool) -> Result<Exit, Failure> {
        let folders = self.folders()?;
        // Without a suite, prepare for what this host would do by itself.
        let wanted = self.flags.images().unwrap_or_default();
        let source = kind_harness::images::decide(wanted).await.source;
        let (events, reporter) = Reporter::start(self.console());
        let mut interrupts = Interrupts::listen();
        let host = tokio::select! {
            host = setup::ensure(&folders, source, consent(yes), &events) => Some(host),
            () = interrupts.next() => None,
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

    pub(super) async fn up(
        &self,
        yes: bool,
        keep: bool,
        report: Option<&Path>,
        record: Option<&Path>,
    ) -> Result<Exit, Failure> {
        // What cannot be written is better known now than when the cluster is there.
        let recorder = record.map(Recorder::create).transpose().map_err(|error| Failure::new(Exit::Usage, &error))?;
        let (events, reporter) = Reporter::start(self.console());
        let session = Session { record: Mutex::new(recorder), ..self.session(events, yes)? };
        let strategy = format!("{:?}", session.plan.suite().strategy).to_lowercase();
        let mut interrupts = Interrupts::listen();
        let result = tokio::select! {
            result = session.up() => Some(result),
            () = interrupts.next() => None,
        };
        let outcome = match result {
            Some(Ok(running)) => {
                session.undo.keep();
                Ok(Environment::from(running))
            }
            Some(Err(error)) => {
                // Before anything is taken away.
                let timeline = to_json(&reporter.so_far().await, &strategy);
                let look = FailureReport::of_up(&session.plan, &session.folders, &session.events, &error, timeline);
                let aftermath = tokio::select! {
                    aftermath = look => aftermath,
                    () = interrupts.next() => FailureReport::default(),
                };
                let failure = why::tell(&aftermath, error);
                if self.output == Output::Json {
                    super::inspect::print_json(&why::to_json(&aftermath, &failure));
                }
                Err(self.give_up(&session, keep, failure, interrupts).await)
            }
            None => {
                let failure = Failure::told(Exit::Interrupted, "interrupted");
                session.events.note(Phase::Teardown, "interrupted; removing what was begun");
                Err(self.give_up(&session, false, failure, interrupts).await)
            }
        };
        let timeline = reporter.finish().await;
        if let Some(path) = report {
            let text = format!("{}\n", to_json(&timeline, &strategy));
            kind_harness::host::folders::write_output(path, &text)
                .map_err(|error| Failure::new(Exit::Internal, &error))?;
        }
        self.keep_states(&session, &timeline);
        let environment = outcome?;
        let kept = session.folders.cluster(&environment.record().name).join(super::REPORT);
        // A bundle without it is a bundle all the same.
        let _ = kind_harness::host::folders::publish(&kept, &format!("{}\n", to_json(&timeline, &strategy)));
        self.tell(&environment, &timeline, &strategy);
        Ok(Exit::Done)
    }

    /// Keeps what became of the components beside the cluster, for `status`.
    pub(super) fn keep_states(&self, session: &Session, timeline: &Timeline) {
        let folder = session.folders.cluster(session.plan.cluster_name());
        // A status without it is a status all the same.
        let _ = timeline.lives.clone().keep(&folder);
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
            terms: LeaseOptions { runner: None, keep: Keep::Always, ttl: self.flags.ttl },
            record: Mutex::default(),
            agree: consent(yes),
            confirm,
        })
    }

    /// Undoes an unfinished run, unless it shall be looked at. A second interrupt hurries; the third
    /// leaves the rest, to the reaper where there is one.
    async fn give_up(
        &self,
        session: &Session,
        keep: bool,
        mut failure: Failure,
        mut interrupts: Interrupts,
    ) -> Failure {
        let name = session.plan.cluster_name();
        if keep {
            let kept = "what was made is kept: look with `kind-harness status`, remove it with `kind-harness down`";
            let told = session.keep().await.map_or_else(|error| error.to_string(), |()| kept.into());
            failure.text = format!("{}\n{told}", failure.text);
            return failure;
        }
        let undone = tokio::select! {
            undone = session.undo() => undone.map_err(|error| error.to_string()),
            () = interrupts.third(&session.undo, &session.events) => Err(left(session, name)),
        };
        match undone {
            Ok(()) if failure.exit == Exit::Interrupted => failure.text.push_str("; what was begun has been undone"),
            Ok(()) if matches!(failure.exit, Exit::NotReady | Exit::Deadline) => {
                failure.text.push_str("\nwhat was made is gone again; `kind-harness up --keep` leaves it for a look");
            }
            Ok(()) => {}
            Err(remains) => failure.text = format!("{}\n{remains}", failure.text),
        }
        failure
    }

    pub(super) fn tell(&self, environment: &Environment, timeline: &Timeline, strategy: &str) {
        let record = environment.record();
        if self.output == Output::Json {
            let told = serde_json::json!({
                "cluster": record.name,
                "namespace": record.namespace,
                "kubeconfig": environment.kubeconfig(),
                "endpoints": record.ports,
                "unchanged": environment.was_unchanged(),
                "report": to_json(timeline, strategy),
            });
            return super::inspect::print_json(&told);
        }
        if environment.was_unchanged() {
            let wall = timeline.wall().as_secs_f64();
            write(&format!("environment {} is up and unchanged ({wall:.1} s)\n", record.name));
            return;
        }
        if !self.quiet {
            write(&format!("\n{}", to_table(timeline)));
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

/// What remains when the undo stack is left unfinished.
fn left(session: &Session, name: &str) -> String {
    let removes = format!("`kind-harness down --name {name}` removes");
    match session.plan.suite().cluster.provider {
        ProviderKind::Kind => format!(
            "left before cluster {name} was removed; its reaper goes on with it, and `kind-harness ps` tells whether it is \
             gone. {removes} it too"
        ),
        ProviderKind::Existing => {
            let namespace = &session.plan.suite().namespace;
            format!("left before everything was taken out of namespace {namespace}. {removes} the rest")
        }
    }
}
