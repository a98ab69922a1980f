//! Asking whether something may be installed.

use std::io::IsTerminal;

use kind_harness::host::setup::{Consent, Finding, consent_of_environment};
use kind_harness::report::console::write;

/// How consent is obtained: `--yes` gives it without a question.
pub(super) fn consent(yes: bool) -> fn(&[Finding]) -> Consent {
    if yes { |_| Consent::Given } else { ask }
}

/// What the environment answers, or else the person at the terminal.
fn ask(findings: &[Finding]) -> Consent {
    if consent_of_environment(findings) == Consent::Given {
        return Consent::Given;
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Consent::Unasked;
    }
    write("This host lacks:\n");
    for finding in findings {
        write(&format!("  {}: {}\n", finding.name, finding.remedy_text()));
    }
    write("Install it now? [Y/n] ");
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    let yes = read.is_ok_and(|length| length > 0) && matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes");
    if yes { Consent::Given } else { Consent::Refused }
}
