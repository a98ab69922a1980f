//! What is read from a Dockerfile, and written into a copy of it: the images that its stages begin from, and the line at
//! which a build failed.

use std::collections::VecDeque;
use std::path::Path;

use crate::suite::config::BuildSpec;

/// How many lines of a build's output are looked at for where it failed.
const SEEN: usize = 40;

/// Returns the images that a Dockerfile begins from.
pub(super) fn bases(root: &Path, build: &BuildSpec) -> Vec<String> {
    let file = build.file(&root.join(&build.context));
    let text = file.and_then(|file| fs_err::read_to_string(file).ok()).unwrap_or_default();
    text.lines().filter_map(base).map(str::to_owned).collect()
}

/// Returns the image that a line of a Dockerfile begins a stage from.
fn base(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let is_from = words.next()?.eq_ignore_ascii_case("from");
    words.find(|word| is_from && !word.starts_with("--"))
}

/// Returns a Dockerfile that begins its stages from the references of `bases`. No option of an engine does the same in
/// all of them.
pub(super) fn with_bases(dockerfile: &str, bases: &[(&str, String)]) -> String {
    let line = |line: &str| {
        let found = base(line).and_then(|name| bases.iter().find(|(known, _)| *known == name));
        found.map_or_else(|| line.to_owned(), |(name, reference)| line.replacen(name, reference, 1))
    };
    dockerfile.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

/// What a build says about where in its Dockerfile it is.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The last instruction that podman or docker's old builder began: `STEP 2/3: RUN make`, `Step 2/3 : RUN make`; or
    /// the one that failed, by an older BuildKit: `> [2/3] RUN make:`.
    instruction: Option<String>,
    /// The last lines, among which a newer BuildKit tells the line itself: `Dockerfile:3`.
    last: VecDeque<String>,
}

impl Place {
    /// Takes note of a line of the build's output.
    pub(super) fn note(&mut self, line: &str) {
        let step = ["STEP ", "Step "].iter().find_map(|word| line.split_once(word));
        let is_number = |(number, _): &(&str, &str)| {
            let parts = number.trim().split_once('/');
            parts.is_some_and(|(of, all)| [of, all].iter().all(|part| part.parse::<u32>().is_ok()))
        };
        let numbered = step.and_then(|(_, step)| step.split_once(": ")).filter(is_number);
        if let Some((_, instruction)) = numbered {
            self.instruction = Some(words(instruction));
        }
        let failed = line.trim().strip_prefix("> [").and_then(|step| step.split_once("] "));
        if let Some(instruction) = failed.and_then(|(_, instruction)| instruction.strip_suffix(':')) {
            self.instruction = Some(words(instruction));
        }
        if self.last.len() == SEEN {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
    }

    /// Returns the line, from 1, of the Dockerfile `text` at which the build failed. `None` when the build has not said it,
    /// or several instructions are alike.
    pub(super) fn line(&self, file: &Path, text: &str) -> Option<usize> {
        let name = file.file_name()?.to_str()?;
        let told = |line: &String| line.trim().strip_prefix(name)?.strip_prefix(':')?.parse().ok();
        if let Some(line) = self.last.iter().rev().find_map(told) {
            return Some(line);
        }
        let wanted = self.instruction.as_ref()?;
        let mut alike = instructions(text).into_iter().filter(|(_, instruction)| instruction == wanted);
        let (line, _) = alike.next()?;
        alike.next().is_none().then_some(line)
    }
}

/// Returns the instructions of a Dockerfile, each in one line, with the number of its first.
fn instructions(text: &str) -> Vec<(usize, String)> {
    let mut all: Vec<(usize, String)> = Vec::new();
    let mut continues = false;
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim_start().starts_with('#'));
    for (line, number) in lines.filter(|(line, _)| !line.trim().is_empty()) {
        let part = line.trim_end();
        let (part, goes_on) = part.strip_suffix('\\').map_or((part, false), |part| (part, true));
        match all.last_mut().filter(|_| continues) {
            Some((_, instruction)) => *instruction = words(&format!("{instruction} {part}")),
            None => all.push((number, words(part))),
        }
        continues = goes_on;
    }
    all
}

/// Returns `text` with one space between its words: engines write instructions of several lines in one.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "FROM scratch AS a\n# tools\nCOPY . /\nRUN echo one && \\\n    # why\n    make   all\nFROM a\nCOPY . /\nRUN [\"/x\"]\n";

    #[test]
    fn the_line_of_the_instruction_that_failed() {
        let line = |said: &[&str]| {
            let mut place = Place::default();
            said.iter().for_each(|line| place.note(line));
            place.line(Path::new("/app/Dockerfile"), FILE)
        };
        let last = "Error: building at STEP \"RUN echo one &&     make   all\": while running runtime: exit status 2";
        assert_eq!(line(&["STEP 3/3: RUN echo one &&     make   all", "one", last]), Some(4), "podman");
        let last = "The command '/bin/sh -c echo one &&     make   all' returned a non-zero code: 2";
        assert_eq!(
            line(&["Step 3/5 : RUN echo one &&     make   all", " ---> Running in 8f", last]),
            Some(4),
            "docker"
        );
        let buildkit =
            ["------", "Dockerfile:4", "--------------------", "   3 |     COPY . /", "   4 | >>> RUN echo one && \\"];
        assert_eq!(line(&buildkit), Some(4), "BuildKit");
        let buildkit =
            ["#5 [2/2] RUN [\"/x\"]", "#5 ERROR: executor failed", "------", " > [2/2] RUN [\"/x\"]:", "------"];
        assert_eq!(line(&buildkit), Some(9), "docker's own BuildKit of 2020");
        assert_eq!(line(&["[2/2] STEP 2/2: FROM a"]), Some(7), "a stage");
        let last = "Error: building at STEP \"RUN /x\": while running runtime: exit status 1";
        assert_eq!(line(&["STEP 4/4: RUN [\"/x\"]", last]), Some(9), "podman's last line has it without brackets");
        assert_eq!(line(&["STEP 2/3: COPY . /"]), None, "two are alike");
        assert_eq!(line(&["no space left on device"]), None);
    }

    #[test]
    fn stages_begin_from_the_images_that_are_there() {
        let dockerfile = "FROM --platform=linux/amd64 shop/api AS a\nFROM shop/api-tools\nCOPY --from=a /shop/api /\n";
        let bases = [("shop/api", "localhost/kind-harness/api:1".to_owned())];
        let expected = "FROM --platform=linux/amd64 localhost/kind-harness/api:1 AS a\nFROM shop/api-tools\nCOPY --from=a /shop/api /\n";
        assert_eq!(with_bases(dockerfile, &bases), expected);
    }
}
