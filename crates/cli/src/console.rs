//! The console of a run: a board on a terminal, plain lines elsewhere.

use std::io::IsTerminal;

use ::console::Term;
use kind_harness::report::console::{Console, PlainConsole, QuietConsole};

use super::board::{Board, Size};

/// The board on a terminal, plain lines elsewhere; `NO_COLOR` and `TERM=dumb` are respected.
pub(crate) fn detect(quiet: bool) -> Box<dyn Console> {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if quiet {
        Box::new(QuietConsole)
    } else if std::io::stderr().is_terminal() && !dumb {
        let color = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Box::new(Board::new(std::io::stderr(), size, color))
    } else {
        Box::<PlainConsole>::default()
    }
}

/// Returns the width and height of the terminal, which change when its window does.
fn size() -> Size {
    let (height, width) = Term::stderr().size();
    (width.into(), height.into())
}
