//! Formats commands as shell input.

use super::Cmd;
use crate::readiness::redact::{MASK, Redactor, is_secret_name, is_secret_option};

/// Returns `word` quoted for a shell.
pub(crate) fn quote(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), Into::into)
}

/// Formats the command as shell input, including its environment; values of variables with secret names are masked.
impl std::fmt::Display for Cmd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut follows_option = false;
        let words = self.argv.iter().map(|word| {
            let word = word.to_string_lossy().into_owned();
            let is_option = word.starts_with('-');
            let is_secret = std::mem::replace(&mut follows_option, is_option && is_secret_option(&word)) && !is_option;
            if is_secret { MASK.to_owned() } else { Redactor::global().text(&word).into_owned() }
        });
        let env = self.env.iter().map(|(name, value)| match name.to_string_lossy() {
            name if is_secret_name(&name) => format!("{name}={}", quote(MASK)),
            // A quoted name would be parsed as the name of a program.
            name => format!("{name}={}", quote(&value.to_string_lossy())),
        });
        let quoted: Vec<_> = env.chain(words.map(|word| quote(&word))).collect();
        f.write_str(&quoted.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_without_what_is_secret_by_its_name() {
        let cmd = Cmd::new("psql", ["--password", "hunter2222", "--token=abc", "-c", "select 1"]);
        let cmd = cmd.env("PGPASSWORD", "hunter2222").env("PGHOST", "db");
        let shown = "PGPASSWORD='***' PGHOST=db psql --password '***' '--token=***' -c 'select 1'";
        assert_eq!(cmd.to_string(), shown);
    }
}
