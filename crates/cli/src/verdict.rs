//! `verdict`: judges saved objects.

use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;

use super::inspect::{print, print_json};
use super::{Cli, Exit, Failure, Output};
use kind_harness::readiness::{Judgement, Settings, Verdict, judge_saved};
use kind_harness::suite::config;

/// What `verdict` is told, besides the objects.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Request {
    /// Saved events about the objects; events among the objects count too
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// A suite whose graces and rules for custom kinds apply
    #[arg(long, value_name = "FILE")]
    suite: Option<PathBuf>,
    /// When the objects were saved, such as 2026-01-31T12:00:00Z: graces count up to then, instead of up to now
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
}

impl Cli {
    pub(super) fn verdict(&self, wanted: &Request) -> Result<Exit, Failure> {
        let objects = read(&self.file)?;
        if let [only] = objects.as_slice()
            && only.get("kind").is_none()
            && only.get("suite").is_some()
        {
            let path = self.file.display();
            let text = format!("{path} is a suite; name a file of objects: kind-harness verdict -f objects.yaml");
            return Err(Failure::told(Exit::Usage, text));
        }
        let events = wanted.events.as_deref().map(read).transpose()?.unwrap_or_default();
        let settings = match &wanted.suite {
            Some(path) => {
                let loaded = config::load(path, &self.flags.overrides());
                Settings::from(&loaded.map_err(|error| Failure::new(Exit::Usage, &error))?.suite.ready)
            }
            None => Settings::default(),
        };
        let judged = judge_saved(objects, events, &settings, wanted.at.unwrap_or_else(Timestamp::now));
        match self.output {
            Output::Json => print_json(&judged),
            Output::Text => print(&table(&judged)),
        }
        Ok(exit(judged.iter().map(|judgement| &judgement.verdict)))
    }
}

/// Ready, failed, or neither: as a wait for all of them would end.
pub(super) fn exit<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>) -> Exit {
    let mut exit = Exit::Done;
    for verdict in verdicts {
        match verdict {
            Verdict::Failed { .. } => return Exit::NotReady,
            Verdict::Waiting { .. } => exit = Exit::Deadline,
            Verdict::Ready => {}
        }
    }
    exit
}

/// The documents of a file, or of standard input for `-`.
fn read(path: &Path) -> Result<Vec<Value>, Failure> {
    let failed = |why: String| Failure::told(Exit::Usage, format!("{}: {why}", path.display()));
    let mut bytes = Vec::new();
    let result = match path.to_str() {
        Some("-") => std::io::stdin().lock().read_to_end(&mut bytes),
        _ => std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)),
    };
    result.map_err(|error| failed(error.to_string()))?;
    let documents = kind_harness::suite::yaml::values(&String::from_utf8_lossy(&bytes)).map_err(failed)?;
    if let Some(at) = documents.iter().position(|document| !document.is_object() && !document.is_array()) {
        return Err(failed(format!("document {} is no object", at + 1)));
    }
    Ok(documents)
}

fn table(judged: &[Judgement]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["APIVERSION", "KIND", "NAMESPACE", "NAME", "VERDICT", "REASON", "MESSAGE"]);
    for judgement in judged {
        let Judgement { object, verdict, .. } = judgement;
        let message = judgement.message().unwrap_or_default();
        let cell = |text: &str| if text.is_empty() { "-".to_owned() } else { text.replace(char::is_control, " ") };
        let namespace = object.namespace.as_deref().unwrap_or_default();
        let cells = [&object.api_version, &object.kind, namespace, &object.name, verdict.name(), verdict.reason()];
        table.add_row(cells.into_iter().map(cell).chain([message.replace(char::is_control, " ")]));
    }
    table.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n")
}
