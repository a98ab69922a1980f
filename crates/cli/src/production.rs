//! The question before something is deployed into a cluster that people may depend on.

use std::io::IsTerminal;

use kind_harness::report::console::write;
use kind_harness::run::session::LooksLikeProduction;

/// Asks at the terminal; without one, the answer is no.
pub(super) fn ask(question: &LooksLikeProduction) -> bool {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return false;
    }
    write(&format!("{question}.\nDeploy into it? [y/N] "));
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.is_ok_and(|length| length > 0) && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}
