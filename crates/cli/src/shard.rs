//! How tests are divided: among the jobs of CI (`--shard`), and among the clusters of one of them (`--clusters`).

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use kind_harness::host::folders::Folders;
use kind_harness::report::{Outcome, Phase, RecordedRun, junit};

use super::selection::select;
use super::{Exit, Failure};

/// One of several shares of the tests: `2/5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shard {
    /// Its number, from 1.
    pub(super) number: usize,
    /// How many there are.
    pub(super) of: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let (number, of) = text.split_once('/').ok_or("write it like 2/5")?;
        let parse = |text: &str| text.parse::<usize>().map_err(|_| format!("{text:?} is not a number"));
        let shard = Shard { number: parse(number)?, of: parse(of)? };
        let is_one = (1..=shard.of).contains(&shard.number) && shard.of <= 1000;
        is_one.then_some(shard).ok_or_else(|| "the first number is from 1 to the second, which is 1000 at most".into())
    }
}

/// The time of each test, by its name. Tests of the same name in several targets count together.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Times(BTreeMap<String, Duration>);

impl Times {
    /// Reads the times of a JUnit report, or the medians of the runs that `text` selects as for `compare`.
    pub(super) fn read(folders: &Folders, text: &str) -> Result<Times, Failure> {
        let path = Path::new(text);
        let times = if path.extension().is_some_and(|extension| extension == "xml") {
            let report = fs_err::read_to_string(path).map_err(|error| Failure::new(Exit::Usage, &error))?;
            let times = junit::times(&report).map_err(|error| unreadable(path, &error))?;
            let mut sums = BTreeMap::<String, Duration>::new();
            times.into_iter().for_each(|test| *sums.entry(test.name).or_default() += test.time);
            Times(sums)
        } else {
            Times::of_runs(&select(folders, text)?)
        };
        if times.0.is_empty() {
            return Err(Failure::told(Exit::Usage, format!("{text} has no times of tests")));
        }
        Ok(times)
    }

    fn of_runs(runs: &[RecordedRun]) -> Times {
        let mut times = BTreeMap::<String, Vec<Duration>>::new();
        for span in runs.iter().flat_map(|run| run.timeline().spans) {
            if span.phase == Phase::Specs && span.outcome == Outcome::Done {
                let time = span.duration();
                times.entry(span.step).or_default().push(time);
            }
        }
        let median = |mut times: Vec<Duration>| {
            times.sort_unstable();
            times.get(times.len() / 2).copied().unwrap_or_default()
        };
        Times(times.into_iter().map(|(name, times)| (name, median(times))).collect())
    }

    /// Divides the tests into `parts` that take about as long: the longest first, each into the part that takes least so
    /// far. The result depends on names and times alone.
    pub(super) fn divide(&self, parts: usize) -> Division {
        let mut tests: Vec<(&String, &Duration)> = self.0.iter().collect();
        // Of equal times the name decides, by which they are sorted already.
        tests.sort_by_key(|(_, time)| std::cmp::Reverse(**time));
        let mut divided = vec![(Duration::ZERO, Vec::new()); parts.max(1)];
        for (name, time) in tests {
            if let Some((total, names)) = divided.iter_mut().min_by_key(|(total, _)| *total) {
                *total += *time;
                names.push(name.clone());
            }
        }
        let least = (0..divided.len()).min_by_key(|part| divided[*part].0).unwrap_or_default();
        Division { parts: divided.into_iter().map(|(_, names)| names).collect(), rest: least }
    }
}

/// Says that a JUnit report cannot be read.
pub(super) fn unreadable(path: &Path, error: &junit::JunitError) -> Failure {
    Failure::told(Exit::Usage, format!("{}: {}", path.display(), kind_harness::readiness::errors::chain(error)))
}

/// Tests in parts.
#[derive(Debug, PartialEq)]
pub(super) struct Division {
    parts: Vec<Vec<String>>,
    /// The part that also has all tests whose time is not known, such as new ones.
    rest: usize,
}

impl Division {
    /// Returns nextest's filterset of a part, counted from 0. Every test is in exactly one part, also one that is not
    /// known here.
    pub(super) fn filterset(&self, part: usize) -> String {
        let any = |names: Vec<&String>| match names.is_empty() {
            true => "none()".to_owned(),
            false => names.iter().map(|name| format!("test(={})", escaped(name))).collect::<Vec<_>>().join(" | "),
        };
        if part != self.rest {
            return any(self.parts.get(part).into_iter().flatten().collect());
        }
        let others = self.parts.iter().enumerate().filter(|(other, _)| *other != part).flat_map(|(_, names)| names);
        format!("not ({})", any(others.collect()))
    }
}

/// Escapes a name for nextest's filtersets.
fn escaped(name: &str) -> String {
    name.replace('\\', "\\\\").replace(')', "\\)").replace(',', "\\,")
}

/// Returns nextest's arguments without filtersets, and these.
pub(super) fn without_filtersets(args: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut rest, mut filtersets) = (Vec::new(), Vec::new());
    let mut words = args.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            // What follows are names, and options of the test program.
            rest.push(word.clone());
            rest.extend(words.cloned());
            break;
        }
        let long = ["--filterset", "--filter-expr"].iter().find_map(|option| word.strip_prefix(option));
        match (long, word.strip_prefix("-E")) {
            (Some(""), _) | (_, Some("")) => filtersets.extend(words.next().cloned()),
            (Some(value), _) if value.starts_with('=') => filtersets.push(value[1..].to_owned()),
            (None, Some(value)) => filtersets.push(value.strip_prefix('=').unwrap_or(value).to_owned()),
            _ => rest.push(word.clone()),
        }
    }
    (rest, filtersets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(tests: &[(&str, u64)]) -> Times {
        Times(tests.iter().map(|(name, seconds)| ((*name).to_owned(), Duration::from_secs(*seconds))).collect())
    }

    #[test]
    fn a_shard_is_written_as_a_fraction() {
        assert_eq!("2/5".parse(), Ok(Shard { number: 2, of: 5 }));
        for wrong in ["", "2", "0/5", "6/5", "a/b", "1/0", "-1/2", "1/1001"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn parts_take_about_as_long_and_each_test_is_in_one() {
        let tests = [("a", 9), ("b", 1), ("c", 5), ("d", 4), ("e", 3), ("f", 2)];
        let divided = times(&tests).divide(2);
        let totals: Vec<u64> = divided
            .parts
            .iter()
            .map(|part| tests.iter().filter(|(name, _)| part.contains(&(*name).to_owned())).map(|(_, time)| time).sum())
            .collect();
        assert_eq!(totals, [12, 12], "{divided:?}");
        assert_eq!(divided, times(&tests).divide(2), "it is the same for every job");
        assert_eq!(times(&tests[..1]).divide(3).parts.iter().map(Vec::len).sum::<usize>(), 1);
    }

    #[test]
    fn a_test_without_a_time_is_in_the_shortest_part() {
        let divided = times(&[("a", 9), ("it(1,2)", 3), ("c", 1)]).divide(2);
        assert_eq!(divided.filterset(0), "test(=a)");
        assert_eq!(divided.filterset(1), "not (test(=a))");
        let alone = times(&[("it(1,2)", 3), ("b", 1), ("c", 1)]).divide(2);
        assert_eq!(alone.filterset(1), "not (test(=it(1\\,2\\)))");
        assert_eq!(times(&[("a", 9)]).divide(3).filterset(2), "none()");
        assert_eq!(times(&[("a", 9)]).divide(1).filterset(0), "not (none())");
    }

    #[test]
    fn filtersets_are_told_apart_from_other_arguments() {
        let args = ["-E", "test(a)", "--test", "e2e", "--filterset=test(b)", "-Etest(c)", "--", "-E", "x"];
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let (rest, filtersets) = without_filtersets(&args);
        assert_eq!(rest, ["--test", "e2e", "--", "-E", "x"]);
        assert_eq!(filtersets, ["test(a)", "test(b)", "test(c)"]);
    }
}
