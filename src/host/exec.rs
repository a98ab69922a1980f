//! The only way to run another program: quoted, streamed, with a deadline, and killed with its children when its result
//! is no longer awaited.

mod cancelled;
mod display;
mod error;
mod orphans;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use duct::Expression;

use crate::readiness::redact::Redactor;
use crate::suite::config::Switches;

use cancelled::{EndOnDrop, OnDrop};
pub(crate) use display::quote;
pub use error::ExecError;
pub(crate) use orphans::{RUN, end_programs, run_id, settle};

/// Lines of output quoted in an error.
const TAIL: usize = 20;

/// The default deadline of a program: every program has one.
const DEADLINE: Duration = Duration::from_secs(10 * 60);

/// Whether commands are printed. An invalid value is reported where the switches are checked.
static DEBUG: LazyLock<bool> = LazyLock::new(|| Switches::from_env().is_ok_and(|switches| switches.debug));

/// A program and its arguments, not yet started.
#[derive(Debug, Clone)]
pub struct Cmd {
    argv: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    without: Vec<OsString>,
    dir: Option<PathBuf>,
    input: Option<Cow<'static, str>>,
    foreground: bool,
    on_drop: OnDrop,
    deadline: Duration,
}

impl Cmd {
    /// Returns the command `program` with `args`.
    pub fn new<A: Into<OsString>>(program: impl Into<OsString>, args: impl IntoIterator<Item = A>) -> Cmd {
        let argv = std::iter::once(program.into()).chain(args.into_iter().map(Into::into)).collect();
        Cmd {
            argv,
            env: Vec::new(),
            without: Vec::new(),
            dir: None,
            input: None,
            foreground: false,
            on_drop: OnDrop::End,
            deadline: DEADLINE,
        }
    }

    /// Returns the command `words`, run in `folder`, where a program with a relative path is too.
    #[must_use]
    pub fn in_folder(folder: &Path, words: &[String]) -> Cmd {
        // Joined with an absolute path, `folder` has no effect.
        let program = words.first().map(|it| if it.contains('/') { folder.join(it) } else { it.into() });
        Cmd::new(program.unwrap_or_default(), words.iter().skip(1)).dir(folder)
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

    /// Removes the environment variables for which `unwanted` returns true.
    #[must_use]
    pub fn without_env(mut self, unwanted: impl Fn(&str) -> bool) -> Cmd {
        self.without.extend(std::env::vars_os().map(|(name, _)| name).filter(|name| unwanted(&name.to_string_lossy())));
        self
    }

    /// Sets its working directory.
    #[must_use]
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Cmd {
        self.dir = Some(dir.as_ref().into());
        self
    }

    /// Gives it the terminal, so that it can ask for a password. Ctrl-C then reaches it directly; a deadline ends the
    /// wait for it, not the program.
    #[must_use]
    pub fn foreground(mut self) -> Cmd {
        self.foreground = true;
        self
    }

    /// Lets engine calls that it has started finish on cancellation, before they are ended too.
    #[must_use]
    pub(crate) fn sparing_children(mut self) -> Cmd {
        self.on_drop = OnDrop::SpareChildren;
        self
    }

    /// Lets it finish on cancellation, since it makes something that nobody would find half made.
    #[must_use]
    pub(crate) fn finishing(mut self) -> Cmd {
        self.on_drop = OnDrop::Finish;
        self
    }

    /// Sets its deadline, ten minutes by default. Then it is ended, with everything that it started.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Cmd {
        self.deadline = deadline;
        self
    }

    /// Gives it a standard input for [`output`](Cmd::output), such as a script that would be unreadable as an argument.
    #[must_use]
    pub(crate) fn input(mut self, input: impl Into<Cow<'static, str>>) -> Cmd {
        self.input = Some(input.into());
        self
    }

    /// Runs it and returns its standard output, without trailing white space. Its standard input is empty, unless it was
    /// given one: reading from the terminal would stop it, because it is not in the terminal's foreground.
    ///
    /// # Errors
    /// When it cannot be started, fails or hangs. Dropping the future ends the program.
    pub async fn output(&self) -> Result<String, ExecError> {
        let expression = match &self.input {
            Some(input) => self.tracked().stdin_bytes(input.as_bytes()),
            None => self.tracked().stdin_null(),
        };
        let (stdout, outcome) = self.run(expression.stderr_capture(), |_| ()).await?;
        outcome.map(|()| stdout)
    }

    /// Returns whether it exits successfully; its output is discarded.
    ///
    /// # Errors
    /// When it cannot be started, or hangs.
    pub async fn succeeds(&self) -> Result<bool, ExecError> {
        Ok(self.run(self.tracked().stdin_null().stderr_capture(), |_| ()).await?.1.is_ok())
    }

    /// Runs it and passes each line of its output, including standard error, to `on_line` as it arrives.
    ///
    /// # Errors
    /// When it cannot be started, fails or hangs. Dropping the future ends the program.
    pub async fn stream(&self, on_line: impl FnMut(&str) + Send + 'static) -> Result<(), ExecError> {
        let expression = if self.foreground { self.tracked() } else { self.tracked().stdin_null() };
        self.run(expression.stderr_to_stdout(), on_line).await?.1
    }

    /// Runs `self | reader`, without storing the data in between. Both have the longer of their deadlines.
    ///
    /// # Errors
    /// When either cannot be started, fails or hangs.
    pub async fn pipe(&self, reader: &Cmd) -> Result<(), ExecError> {
        let both = self.tracked().stdin_null().pipe(reader.tracked().stderr_to_stdout());
        let deadline = self.deadline.max(reader.deadline);
        run(both.stderr_capture(), format!("{self} | {reader}"), deadline, OnDrop::End, |_| ()).await?.1
    }

    /// Starts it so that it outlives this process.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn detach(&self) -> Result<(), ExecError> {
        let start = |source| ExecError::Start { command: self.to_string(), source };
        let detached = self.expression().env_remove(RUN).stdin_null().stdout_null().stderr_null();
        detached.unchecked().start().map(drop).map_err(start)
    }

    /// Returns the program with the variable that marks it as part of this run.
    fn tracked(&self) -> Expression {
        // If a variable is set twice, duct uses the innermost setting: the command's own takes precedence.
        self.expression().env(RUN, run_id())
    }

    async fn run(&self, expression: Expression, on_line: impl FnMut(&str) + Send + 'static) -> Ran {
        run(expression, self.to_string(), self.deadline, self.on_drop, on_line).await
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
        // A process group of its own: this process handles the terminal's Ctrl-C, and can end grandchildren too.
        expression.before_spawn(|command| {
            command.process_group(0);
            Ok(())
        })
    }
}

/// Standard output and the exit; an error when it did not run to completion.
type Ran = Result<(String, Result<(), ExecError>), ExecError>;

async fn run(
    expression: Expression,
    command: String,
    deadline: Duration,
    on_drop: OnDrop,
    mut on_line: impl FnMut(&str) + Send + 'static,
) -> Ran {
    let start = |source| ExecError::Start { command: command.clone(), source };
    if *DEBUG {
        crate::report::console::write(&format!("+ {command}\n"));
    }
    let handle = Arc::new(expression.unchecked().reader().map_err(start)?);
    let guard = EndOnDrop::new(handle.clone(), on_drop);
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
    let (stdout, mut tail, output) = match tokio::time::timeout(deadline, reading).await {
        Ok(Ok(result)) => result.map_err(start)?,
        Ok(Err(panic)) => return Err(start(std::io::Error::other(panic))),
        Err(_) => return Err(ExecError::Hung { command, after: deadline }),
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
    let mut tail = Vec::from(tail).join("\n").trim().to_owned();
    Redactor::global().mask(&mut tail);
    Ok((stdout, Err(ExecError::Failed { command, status, tail })))
}

fn push_tail(tail: &mut VecDeque<String>, line: String) {
    if tail.len() == TAIL {
        tail.pop_front();
    }
    tail.push_back(line);
}

#[cfg(test)]
mod tests;
