//! The console of a terminal: a live line for each step that is under way.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use kind_harness::readiness::redact::Redactor;
use kind_harness::report::console::{Console, PlainConsole, QuietConsole, lines, printable};
use kind_harness::report::{Event, EventKind, Phase};

/// Live lines on a terminal, plain lines elsewhere; `NO_COLOR` and `TERM=dumb` are respected.
pub(crate) fn detect(quiet: bool) -> Box<dyn Console> {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if quiet {
        Box::new(QuietConsole)
    } else if std::io::stderr().is_terminal() && !dumb {
        let color = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Box::new(LiveConsole { bars: MultiProgress::new(), color, running: BTreeMap::new() })
    } else {
        Box::<PlainConsole>::default()
    }
}

/// A live line for each step, with what it says now: of a component that is not ready, its slowest object and the reason.
struct LiveConsole {
    bars: MultiProgress,
    color: bool,
    running: BTreeMap<(Phase, String), (Duration, ProgressBar)>,
}

impl Console for LiveConsole {
    fn show(&mut self, event: &Event) {
        let key = (event.phase, event.step.clone());
        let mut took = Duration::ZERO;
        match &event.kind {
            EventKind::Started => {
                self.running.insert(key, (event.at, self.bars.add(bar(event, self.color))));
            }
            EventKind::Progress(message) => {
                if let Some((_, bar)) = self.running.get(&key) {
                    bar.set_message(printable(message));
                }
            }
            EventKind::Finished(_) => {
                let Some((began, bar)) = self.running.remove(&key) else { return };
                bar.finish_and_clear();
                took = event.at.saturating_sub(began);
            }
            _ => {}
        }
        for line in lines(event, took) {
            let _ = self.bars.println(Redactor::global().text(&line));
        }
    }

    fn close(&mut self) {
        std::mem::take(&mut self.running).into_values().for_each(|(_, bar)| bar.finish_and_clear());
    }
}

fn bar(event: &Event, color: bool) -> ProgressBar {
    let template = if color {
        "{spinner:.cyan} {elapsed:>6}  {prefix:.bold}  {wide_msg:.dim}"
    } else {
        "{spinner} {elapsed:>6}  {prefix}  {wide_msg}"
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = ProgressBar::new_spinner().with_style(style);
    bar.set_prefix(format!("{:<8} {:<16}", event.phase, event.step));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
