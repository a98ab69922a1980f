//! `dev`: the environment follows the files that it is made of.

mod watch;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use futures::FutureExt as _;
use jiff::Zoned;
use kind_harness::images;
use kind_harness::report::Reporter;
use kind_harness::report::console::{Console, QuietConsole, write};
use kind_harness::run::protocol::{Interrupts as _, OnFailure, Part, Run};

use self::watch::{Files, Watch};
use super::interrupts::Interrupts;
use super::{Cli, Exit, Failure, why};

/// The options of `dev`.
#[derive(Debug, clap::Args)]
pub(crate) struct Request {
    /// Install what is missing on this host without asking
    #[arg(long)]
    yes: bool,
}

/// How a round ended.
struct Round {
    /// One line, or why it failed.
    text: String,
    interrupted: bool,
}

impl Cli {
    /// Brings the environment up whenever a file of it has changed.
    pub(super) async fn dev(&self, request: &Request) -> Result<Exit, Failure> {
        let mut interrupts = Interrupts::listen();
        let mut console = self.console();
        // Before anything is read, so that no change is missed.
        let known = match self.inputs().await {
            Ok(known) => known,
            // At least the file with the mistake.
            Err(_) => std::path::absolute(&self.file).into_iter().collect(),
        };
        let mut files = Files::of(known);
        let mut why = "begun".to_owned();
        loop {
            let mut watch = Watch::start(&files.paths()).map_err(|error| Failure::told(Exit::Internal, error))?;
            let round = self.round(request, &why, console, &mut interrupts).await;
            write(&format!("{}\n", round.text));
            if round.interrupted {
                return Ok(Exit::Interrupted);
            }
            // What is interesting in the first round is known by now.
            console = Box::new(QuietConsole);
            let mut is_quiet = false;
            let (changed, now) = loop {
                let changed = files.changed(self.inputs().await.ok());
                let wait = match changed {
                    Some(changed) if is_quiet && !watch.has_heard() => break changed,
                    Some(_) => watch.quiet().left_future(),
                    None => watch.event().right_future(),
                };
                tokio::select! {
                    () = wait => is_quiet = true,
                    _ = interrupts.next() => {
                        write("the environment stays; `kind-harness down` removes it\n");
                        return Ok(Exit::Interrupted);
                    }
                }
            };
            why = self.told(&changed);
            files = now;
        }
    }

    /// Returns every file that decides what the environment is.
    async fn inputs(&self) -> Result<BTreeSet<PathBuf>, Failure> {
        let plan = self.plan()?;
        let mut all = plan.inputs().map_err(|error| Failure::new(Exit::Usage, &error))?;
        all.extend(images::inputs(&plan).await.map_err(|error| Failure::new(Exit::Images, &error))?);
        Ok(all)
    }

    /// Brings the environment up once.
    async fn round(
        &self,
        request: &Request,
        why: &str,
        console: Box<dyn Console>,
        interrupts: &mut Interrupts,
    ) -> Round {
        let (began, at) = (Instant::now(), Zoned::now().strftime("%H:%M:%S").to_string());
        let (events, reporter) = Reporter::start(console);
        let session = match self.session(events, request.yes) {
            Ok(session) => session,
            Err(failure) => return Round { text: format!("{at} {why}: {failure}"), interrupted: false },
        };
        let mut run = Run::new(session, reporter);
        let ended = run.up(Part::All, OnFailure::Keep, interrupts).await;
        let failure = ended.as_ref().err().map(|failed| why::tell(&run, failed));
        run.finish().await;
        let took = began.elapsed().as_secs_f64();
        let text = match (&ended, &failure) {
            (Ok(running), _) if running.unchanged => format!("{at} {why}: nothing to deploy ({took:.1} s)"),
            (_, Some(failure)) => format!("{at} {why}: not ready after {took:.1} s\n{failure}"),
            _ => format!("{at} {why}: ready after {took:.1} s"),
        };
        Round { text, interrupted: failure.is_some_and(|failure| failure.exit == Exit::Interrupted) }
    }

    /// Names the changed files: one, or one and the number of the others.
    fn told(&self, changed: &BTreeSet<PathBuf>) -> String {
        let folder = std::path::absolute(&self.file).ok().and_then(|file| file.parent().map(Path::to_owned));
        let short = |path: &Path| {
            let inside = folder.as_ref().and_then(|folder| path.strip_prefix(folder).ok());
            inside.unwrap_or(path).display().to_string()
        };
        match (changed.first(), changed.len()) {
            (Some(first), 1) => format!("{} changed", short(first)),
            (Some(first), count) => format!("{} and {} more changed", short(first), count - 1),
            (None, _) => "something changed".to_owned(),
        }
    }
}
