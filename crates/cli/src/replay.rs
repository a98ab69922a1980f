//! `replay`: a recorded wait, once more.

use std::io::BufReader;
use std::path::Path;

use super::inspect::{print, print_json};
use super::{Cli, Exit, Failure, Output};
use kind_harness::readiness::{Change, Ended, Replay, replay};

impl Cli {
    pub(super) fn replay(&self, recording: &Path) -> Result<Exit, Failure> {
        let file = fs_err::File::open(recording).map_err(|error| Failure::new(Exit::Usage, &error))?;
        let replayed = replay(BufReader::new(file)).map_err(|error| {
            let why = kind_harness::readiness::errors::chain(&error);
            Failure::told(Exit::Usage, format!("{} cannot be replayed: {why}", recording.display()))
        })?;
        match self.output {
            Output::Json => print_json(&replayed),
            Output::Text => tell(&replayed),
        }
        Ok(exit(&replayed))
    }
}

fn tell(replayed: &Replay) {
    let mut waits = replayed.waits.iter().peekable();
    for change in &replayed.verdicts {
        while let Some(wait) = waits.next_if(|wait| wait.at < change.at) {
            print(&ended(wait));
        }
        print(&line(change));
    }
    waits.for_each(|wait| print(&ended(wait)));
}

fn line(Change { at, component, object, judgement }: &Change) -> String {
    let object = object.as_ref().map_or_else(|| "all of it".to_owned(), ToString::to_string);
    let message = judgement.message().map(|message| format!(": {message}")).unwrap_or_default();
    let verdict = judgement.verdict.name();
    let reason = if judgement.verdict.is_ready() { String::new() } else { format!(" {}", judgement.verdict.reason()) };
    let text = format!("{:8.3} s  {component}: {object}: {verdict}{reason}{message}", at.as_secs_f64());
    text.replace(char::is_control, " ")
}

fn ended(wait: &Ended) -> String {
    let of = wait.components.as_ref().map_or_else(|| "all components".to_owned(), |names| names.join(", "));
    let why = wait.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("{:8.3} s  the wait for {of} ended: {}{why}", wait.at.as_secs_f64(), wait.how)
}

fn exit(replayed: &Replay) -> Exit {
    match replayed.waits.last().map(|wait| wait.how) {
        Some("ready") => Exit::Done,
        Some("failed") => Exit::NotReady,
        Some("gone" | "forbidden") => Exit::Cluster,
        _ => Exit::Deadline,
    }
}
