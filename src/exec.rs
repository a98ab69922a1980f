//! The one way to run another program: quoted, streamed, and killed with its children when nobody wants the result.

mod orphans;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use duct::{Expression, ReaderHandle};
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process_group};
use thiserror::Error;

pub(crate) use orphans::{end_programs, wait};

/// Lines of output that an error quotes.
const TAIL: usize = 20;

/// How long a program that is no longer wanted may take to clean up before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// A program and its arguments, not yet started.
#[derive(Debug, Clone)]
pub struct Cmd {
    argv: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    without: Vec<OsString>,
    dir: Option<PathBuf>,
    foreground: bool,
}

/// A program that could not be run, or that failed.
#[derive(Debug, Error)]
pub enum ExecError {
    /// It could not be started.
    #[error("cannot run `{command}`")]
    Start {
        /// The command, as one would type it into a shell.
        command: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It ran and failed.
    #[error("`{command}` failed ({status}){}", quote_tail(.tail))]
    Failed {
        /// The command, as one would type it into a shell.
        command: String,
        /// Exit status or signal.
        status: std::process::ExitStatus,
        /// The last lines of its output.
        tail: String,
    },
}

impl ExecError {
    /// The one line that says most: the last of the program's output.
    #[must_use]
    pub fn brief(&self) -> String {
        match self {
            ExecError::Start { command, source } => format!("cannot run `{command}`: {source}"),
            ExecError::Failed { command, status, tail } => match tail.lines().last() {
                Some(line) => line.trim().to_owned(),
                None => format!("`{command}` failed ({status})"),
            },
        }
    }
}

/// `word` as one would type it into a shell.
pub(crate) fn quote(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), Into::into)
}

/// The variable by which every program that a run started, and all that those start, can be found again.
pub(crate) const RUN: &str = "KIND_HARNESS_RUN";

/// Names this process's run.
pub(crate) fn run_id() -> &'static str {
    static NAME: LazyLock<String> =
        LazyLock::new(|| format!("{}-{}", Timestamp::now().strftime("%Y%m%dT%H%M%S%3f"), std::process::id()));
    &NAME
}

fn quote_tail(tail: &str) -> String {
    if tail.is_empty() { String::new() } else { format!("; its last output:\n{}", indent(tail)) }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  | {line}")).collect::<Vec<_>>().join("\n")
}

impl Cmd {
    /// `program` with `args`.
    pub fn new<A: Into<OsString>>(program: impl Into<OsString>, args: impl IntoIterator<Item = A>) -> Cmd {
        let argv = std::iter::once(program.into()).chain(args.into_iter().map(Into::into)).collect();
        Cmd { argv, env: Vec::new(), without: Vec::new(), dir: None, foreground: false }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Cmd {
        self.argv.push(arg.into());
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Cmd {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Takes the variables out of its environment for which `unwanted` says so.
    #[must_use]
    pub fn without_env(mut self, unwanted: impl Fn(&str) -> bool) -> Cmd {
        self.without.extend(std::env::vars_os().map(|(name, _)| name).filter(|name| unwanted(&name.to_string_lossy())));
        self
    }

    /// Runs it in `dir`.
    #[must_use]
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Cmd {
        self.dir = Some(dir.as_ref().into());
        self
    }

    /// Leaves it the terminal, so that it can ask for a password. Ctrl-C then reaches it directly.
    #[must_use]
    pub fn foreground(mut self) -> Cmd {
        self.foreground = true;
        self
    }

    /// Runs it and returns what it wrote to standard output, without trailing white space.
    ///
    /// # Errors
    /// When it cannot be started or fails. Dropping the future ends the program.
    pub async fn output(&self) -> Result<String, ExecError> {
        let (stdout, outcome) = run(self.tracked().stderr_capture(), self.to_string(), |_| ()).await?;
        outcome.map(|()| stdout)
    }

    /// Whether it ends with success; its output is discarded.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn succeeds(&self) -> Result<bool, ExecError> {
        Ok(run(self.tracked().stdin_null().stderr_capture(), self.to_string(), |_| ()).await?.1.is_ok())
    }

    /// Runs it and hands every line of its output, standard error included, to `on_line` as it comes.
    ///
    /// # Errors
    /// When it cannot be started or fails. Dropping the future ends the program.
    pub async fn stream(&self, on_line: impl FnMut(&str) + Send + 'static) -> Result<(), ExecError> {
        let expression = if self.foreground { self.tracked() } else { self.tracked().stdin_null() };
        run(expression.stderr_to_stdout(), self.to_string(), on_line).await?.1
    }

    /// Runs `self | reader`, with nothing stored between them.
    ///
    /// # Errors
    /// When either cannot be started or fails.
    pub async fn pipe(&self, reader: &Cmd) -> Result<(), ExecError> {
        let both = self.tracked().stdin_null().pipe(reader.tracked().stderr_to_stdout());
        run(both.stderr_capture(), format!("{self} | {reader}"), |_| ()).await?.1
    }

    /// Starts it, to live on when we end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn detach(&self) -> Result<(), ExecError> {
        let start = |source| ExecError::Start { command: self.to_string(), source };
        let detached = self.expression().env_remove(RUN).stdin_null().stdout_null().stderr_null();
        detached.unchecked().start().map(drop).map_err(start)
    }

    /// The program as part of this run.
    fn tracked(&self) -> Expression {
        // Of several settings of one variable duct takes the innermost: a command's own wins.
        self.expression().env(RUN, run_id())
    }

    fn expression(&self) -> Expression {
        let mut expression = duct::cmd(&self.argv[0], &self.argv[1..]);
        for name in &self.without {
            expression = expression.env_remove(name);
        }
        for (name, value) in &self.env {
            expression = expression.env(name, value);
        }
        if let Some(dir) = &self.dir {
            expression = expression.dir(dir);
        }
        if self.foreground {
            return expression;
        }
        // A process group of its own: the terminal's Ctrl-C is ours to handle, and we can end grandchildren too.
        expression.before_spawn(|command| {
            command.process_group(0);
            Ok(())
        })
    }
}

/// As one would type it into a shell, environment included.
impl std::fmt::Display for Cmd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = self.argv.iter().map(|word| word.to_string_lossy().into_owned());
        let env = self.env.iter().map(|(name, value)| format!("{}={}", name.display(), value.display()));
        let quoted: Vec<_> = env.chain(words).map(|word| quote(&word)).collect();
        f.write_str(&quoted.join(" "))
    }
}

async fn run(
    expression: Expression,
    command: String,
    mut on_line: impl FnMut(&str) + Send + 'static,
) -> Result<(String, Result<(), ExecError>), ExecError> {
    let start = |source| ExecError::Start { command: command.clone(), source };
    let handle = Arc::new(expression.unchecked().reader().map_err(start)?);
    let guard = EndOnDrop(Some(handle.clone()));
    let reading = tokio::task::spawn_blocking(move || {
        let (mut stdout, mut tail) = (String::new(), VecDeque::with_capacity(TAIL));
        for line in BufReader::new(&*handle).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).trim_end_matches('\r').to_owned();
            on_line(&line);
            stdout.push_str(&line);
            stdout.push('\n');
            push_tail(&mut tail, line);
        }
        let output = handle.try_wait()?.map(|output| (output.status, output.stderr.clone()));
        Ok::<_, std::io::Error>((stdout, tail, output))
    });
    let (stdout, mut tail, output) = match reading.await {
        Ok(result) => result.map_err(start)?,
        Err(panic) => return Err(start(std::io::Error::other(panic))),
    };
    guard.disarm();
    let Some((status, stderr)) = output else {
        return Err(start(std::io::Error::other("it closed its output without ending")));
    };
    if status.success() {
        return Ok((stdout.trim_end().to_owned(), Ok(())));
    }
    for line in String::from_utf8_lossy(&stderr).lines() {
        push_tail(&mut tail, line.to_owned());
    }
    let tail = Vec::from(tail).join("\n").trim().to_owned();
    Ok((stdout, Err(ExecError::Failed { command, status, tail })))
}

fn push_tail(tail: &mut VecDeque<String>, line: String) {
    if tail.len() == TAIL {
        tail.pop_front();
    }
    tail.push_back(line);
}

/// Ends a program and everything it started when its result is no longer awaited: politely, then by force.
struct EndOnDrop(Option<Arc<ReaderHandle>>);

impl EndOnDrop {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        let Some(handle) = self.0.take() else { return };
        let groups: Vec<Pid> =
            handle.pids().into_iter().filter_map(|pid| i32::try_from(pid).ok().and_then(Pid::from_raw)).collect();
        signal(&groups, Signal::TERM);
        // The thread that reads its output sees the end; this one only makes sure that there is one.
        std::thread::spawn(move || {
            std::thread::park_timeout(GRACE);
            signal(&groups, Signal::KILL);
        });
    }
}

fn signal(groups: &[Pid], signal: Signal) {
    for group in groups {
        // It may have ended by itself: that is what we want.
        let _ = kill_process_group(*group, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Cmd {
        Cmd::new("sh", ["-c", script])
    }

    #[tokio::test]
    async fn returns_standard_output_only() {
        assert_eq!(sh("echo out; echo err >&2").output().await.unwrap(), "out");
    }

    #[tokio::test]
    async fn an_error_pastes_into_a_shell_and_quotes_the_last_output() {
        let error = sh("echo 'no space left' >&2; exit 3").env("A", "b c").output().await.unwrap_err().to_string();
        assert_eq!(
            error,
            "`'A=b c' sh -c \"echo 'no space left' >&2; exit 3\"` failed (exit status: 3); its last output:\n  | no space left"
        );
    }

    #[tokio::test]
    async fn a_program_that_does_not_exist_is_named() {
        let error = Cmd::new("no-such-program", ["x"]).output().await.unwrap_err().to_string();
        assert_eq!(error, "cannot run `no-such-program x`");
    }

    #[tokio::test]
    async fn either_end_of_a_pipe_may_fail() {
        sh("echo 1").pipe(&sh("read x; test $x = 1")).await.unwrap();
        assert!(sh("exit 4").pipe(&sh("cat >/dev/null")).await.unwrap_err().to_string().contains("exit status: 4"));
        assert!(sh("echo 1").pipe(&sh("cat >/dev/null; exit 5")).await.is_err());
    }

    #[tokio::test]
    async fn dropping_the_future_ends_grandchildren_too() {
        let folder = tempfile::tempdir().unwrap();
        let marker = folder.path().join("ended");
        let script = format!("trap 'touch {}; exit' TERM; sleep 60 & echo up; wait", marker.display());
        let (up, is_up) = tokio::sync::oneshot::channel();
        let mut up = Some(up);
        let command = sh(&script);
        let running = command.stream(move |_| {
            up.take().map(|up| up.send(()));
        });
        tokio::select! {
            result = running => panic!("it ended by itself: {result:?}"),
            _ = is_up => {}
        }
        let deadline = std::time::Instant::now() + Duration::from_secs(4);
        while !marker.exists() {
            assert!(std::time::Instant::now() < deadline, "the trap never ran");
            tokio::task::yield_now().await;
        }
    }
}
