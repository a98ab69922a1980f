//! The reference suite: what the five components promise, asked of the real system in a real cluster.
//!
//! The first spec that runs brings the environment up; the end of the process takes it down. README.md says how to
//! keep it, and how to choose another strategy. Specs run side by side, each in a namespace of its own; those that
//! disturb components do so with copies of their own, or while no spec runs that uses these.

mod audit;
mod environment;
mod errors;
mod full_flow;
mod health;
mod helpers;
mod manifests;
mod metrics;
mod recovery;
mod removal;
mod resilience;
mod shutdown;
mod startup;
mod support;

use std::os::unix::process::CommandExt;
use std::process::Command;

/// The variable that tells libtest how many tests to run at once.
const THREADS: &str = "RUST_TEST_THREADS";
/// How many specs run at once by default. They wait much longer than they compute.
const AT_ONCE: &str = "8";

/// Runs before `main`. libtest takes as many as there are processors, unless a variable says otherwise. To change those of a
/// running process is unsafe, so the program replaces itself.
#[dtor::dtor(unsafe, method = linker, link_section = ".init_array")]
#[expect(clippy::disallowed_methods, reason = "it is no child: it replaces this process")]
fn before_main() {
    let mut arguments = std::env::args_os();
    if std::env::var_os(THREADS).is_some() || arguments.next().is_none() {
        return;
    }
    // If it fails, fewer run at once.
    let _ = std::env::current_exe().map(|program| Command::new(program).args(arguments).env(THREADS, AT_ONCE).exec());
}
