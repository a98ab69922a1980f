//! Secrets in a JUnit report: masked in every text, before characters are escaped for XML.

use std::borrow::Cow;

use quick_junit::{Property, Report, TestCase, TestCaseStatus, TestRerun, XmlString};

use crate::readiness::redact::Redactor;

/// Masks every text of the report, also those that were written before a secret became known.
pub(super) fn mask(report: &mut Report) {
    for suite in &mut report.test_suites {
        suite.properties.iter_mut().for_each(property);
        [&mut suite.system_out, &mut suite.system_err].into_iter().flatten().for_each(text);
        suite.test_cases.iter_mut().for_each(case);
    }
}

fn case(case: &mut TestCase) {
    case.properties.iter_mut().for_each(property);
    [&mut case.system_out, &mut case.system_err].into_iter().flatten().for_each(text);
    match &mut case.status {
        TestCaseStatus::Success { flaky_runs } => flaky_runs.iter_mut().for_each(rerun),
        TestCaseStatus::NonSuccess { message, description, reruns, .. } => {
            [message, description].into_iter().flatten().for_each(text);
            reruns.runs.iter_mut().for_each(rerun);
        }
        TestCaseStatus::Skipped { message, description, .. } => {
            [message, description].into_iter().flatten().for_each(text);
        }
    }
}

fn rerun(run: &mut TestRerun) {
    let texts =
        [&mut run.message, &mut run.description, &mut run.stack_trace, &mut run.system_out, &mut run.system_err];
    texts.into_iter().flatten().for_each(text);
}

fn property(property: &mut Property) {
    text(&mut property.value);
}

fn text(text: &mut XmlString) {
    if let Cow::Owned(masked) = Redactor::global().text(text.as_str()) {
        *text = XmlString::new(masked);
    }
}
