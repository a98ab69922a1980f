//! Hostile situations: labels, records, files, users, engines and clusters that are not ours, or not what they seem.
//!
//! Each row is made for real, then the command line is run, and one judge compares the world before and after: nothing
//! that is not ours may differ, and what is ours is gone or kept as the row says. A row that this host cannot make says
//! why, and counts as ignored.

#![expect(clippy::disallowed_methods, reason = "these programs are the tests' own, not the harness's")]
#![expect(clippy::unwrap_used, reason = "in the stand-ins of the target `cli`")]

mod bench;
mod cluster;
mod judge;
mod row;
mod rows;
#[expect(dead_code, reason = "shared with the target `cli`")]
#[path = "../cli/support.rs"]
mod support;
#[path = "../world/mod.rs"]
mod world;

use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// Why this host cannot make a row.
#[derive(Debug)]
pub(crate) struct NotHere(pub(crate) String);

impl std::fmt::Display for NotHere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not run: {}", self.0)
    }
}

impl std::error::Error for NotHere {}

/// One hostile situation: its name, and what makes it, acts and judges.
pub(crate) struct Situation {
    pub(crate) name: String,
    pub(crate) test: Box<dyn FnOnce() -> Result<()> + Send>,
}

/// A situation called `name`.
pub(crate) fn situation(name: impl Into<String>, test: impl FnOnce() -> Result<()> + Send + 'static) -> Situation {
    Situation { name: name.into(), test: Box::new(test) }
}

fn main() -> ExitCode {
    if let Some(code) = rows::names::specimen() {
        return code;
    }
    let trials = rows::all().into_iter().map(|Situation { name, test }| {
        Trial::ignorable_test(name, || match test() {
            Ok(()) => Ok(Completion::Completed),
            Err(error) => match error.downcast_ref::<NotHere>() {
                Some(not_here) => Ok(Completion::ignored_with(not_here)),
                None => Err(Failed::from(format!("{error:#}"))),
            },
        })
    });
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials.collect());
    cluster::close();
    bench::close();
    conclusion.exit_code()
}
