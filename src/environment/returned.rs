//! Return types of tests.

use std::convert::Infallible;
use std::fmt::Debug;
use std::process::ExitCode;

/// A return type of tests: `()`, or a result whose error implements `Debug`, as with `#[test]`.
#[diagnostic::on_unimplemented(
    message = "a test cannot return `{Self}`",
    note = "a test returns nothing, or a `Result` whose error implements `Debug`"
)]
pub trait TestResult {
    /// Returns why the test failed; `None` if it passed.
    fn failure(self) -> Option<String>;
}

impl TestResult for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl TestResult for Infallible {
    fn failure(self) -> Option<String> {
        match self {}
    }
}

impl TestResult for ExitCode {
    fn failure(self) -> Option<String> {
        (self != ExitCode::SUCCESS).then(|| format!("the test returned {self:?}"))
    }
}

impl<T: TestResult, E: Debug> TestResult for Result<T, E> {
    fn failure(self) -> Option<String> {
        match self {
            Ok(value) => value.failure(),
            Err(error) => Some(format!("{error:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_failures_with_all_their_causes() {
        let error = anyhow::anyhow!("no route").context("the API is away");
        let told = Err::<(), _>(error).failure().unwrap();
        assert!(told.starts_with("the API is away\n\nCaused by:\n    no route"), "{told}");
        assert_eq!(Ok::<(), String>(()).failure(), None);
        assert_eq!(().failure(), None);
        assert_eq!(ExitCode::SUCCESS.failure(), None);
        assert!(Ok::<_, String>(ExitCode::FAILURE).failure().is_some());
    }
}
