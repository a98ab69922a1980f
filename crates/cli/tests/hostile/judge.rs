//! The judge of every row: the world before and after.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::row::Row;
use crate::world::{World, file_key};

/// What a row says about things that are ours.
pub(crate) enum Fate {
    /// They are there before, and gone afterwards. A key, or its beginning.
    Gone(String),
    /// They may change, come or go. A key, or its beginning.
    Ours(String),
}

impl Fate {
    pub(crate) fn container_gone(id: &str) -> Fate {
        Fate::Gone(format!("container {id}"))
    }

    pub(crate) fn file_gone(path: &Path) -> Fate {
        Fate::Gone(file_key(path))
    }

    pub(crate) fn file_ours(path: &Path) -> Fate {
        Fate::Ours(file_key(path))
    }
}

/// The world before a row acts.
pub(crate) struct Picture(World);

impl Row {
    /// The world as it is now, as far as this row may touch it.
    ///
    /// # Errors
    /// When the engine does not list what it has.
    pub(crate) fn picture(&self) -> Result<Picture> {
        Ok(Picture(self.world()?))
    }

    fn world(&self) -> Result<World> {
        let files = World::of_files(self.root());
        let home = std::env::var_os("HOME").map(std::path::PathBuf::from).unwrap_or_default();
        let files = files.and(World::of_files(&home.join(".kube/config")));
        let on_engine = self.bench.map_or_else(|| Ok(World::default()), |bench| bench.picture())?;
        let in_cluster = self.house.map_or_else(|| Ok(World::default()), |house| house.picture(&self.name))?;
        Ok(files.and(on_engine).and(in_cluster))
    }

    /// Fails unless everything of `before` is as it was, but for what `fates` name, and unless what they name as gone is
    /// gone.
    ///
    /// # Errors
    /// The differences.
    pub(crate) fn judge(&self, before: &Picture, fates: &[Fate]) -> Result<()> {
        self.settle();
        self.compare(before, fates)
    }

    fn compare(&self, before: &Picture, fates: &[Fate]) -> Result<()> {
        let (before, after) = (&before.0, self.world()?);
        let mut wrong = Vec::new();
        for (key, value) in &before.0 {
            let now = after.0.get(key);
            if names(fates, key, |fate| matches!(fate, Fate::Gone(_))) {
                if now.is_some() {
                    wrong.push(format!("still there: {key} {value}"));
                }
            } else if now != Some(value)
                && !names(fates, key, |_| true)
                && !self.is_harmless(key)
                && self.is_ours_to_answer_for(key, value, before, &after)
            {
                let now = now.map_or_else(|| "GONE".to_owned(), |now| format!("now {now}"));
                wrong.push(format!("NOT OURS: {key} {value}: {now}"));
            }
        }
        for (key, value) in after.0.iter().filter(|(key, _)| !before.0.contains_key(*key)) {
            let of_the_row =
                key.starts_with(&file_key(self.root())) || key.contains(&self.name) || value.contains(&self.name);
            if of_the_row && !names(fates, key, |_| true) && !self.is_harmless(key) {
                wrong.push(format!("left: {key} {value}"));
            }
        }
        let calls = self.calls();
        let removals: Vec<&str> = calls.lines().filter(|call| call.contains(" rm ")).collect();
        ensure!(wrong.is_empty(), "{}\nasked of the engine: {removals:#?}", wrong.join("\n"));
        Ok(())
    }

    /// The same, once what a reaper does has been done.
    ///
    /// # Errors
    /// The differences that are still there at the deadline.
    pub(crate) fn judge_within(&self, deadline: Duration, before: &Picture, fates: &[Fate]) -> Result<()> {
        let began = Instant::now();
        loop {
            match self.compare(before, fates) {
                Err(_) if began.elapsed() < deadline => std::thread::park_timeout(Duration::from_millis(250)),
                judged => return judged,
            }
        }
    }

    /// What every command may write: its locks, its temporary files, the files of runs, the list of calls. The mode of the state folder may be
    /// tightened.
    fn is_harmless(&self, key: &str) -> bool {
        let exact = [self.state(""), self.path("tmp"), self.path("cache"), self.path("state")];
        let written = [
            self.path("calls"),
            self.state("locks"),
            self.state("nodes.lock"),
            self.state(".runs"),
            self.path("cache/kind-harness"),
        ];
        let below = |path: &std::path::PathBuf| key.starts_with(&file_key(path));
        // Files that a row puts there itself are judged.
        let is_planted = key.contains("planted");
        !is_planted && (exact.iter().any(|path| key == file_key(path)) || written.iter().any(below))
    }

    /// Whether a change is to be judged. Other programs on this host may remove what is theirs meanwhile: what neither a row
    /// nor the bench has made counts when the engine was asked for it here, and what no engine lists (interfaces, network
    /// namespaces, rules) when no foreign container came or went.
    fn is_ours_to_answer_for(&self, key: &str, value: &str, before: &World, after: &World) -> bool {
        let is_mentioned = |part: &str| key.contains(part) || value.contains(part);
        let ours = self.bench.is_some_and(|bench| bench.bystanders.iter().any(|part| is_mentioned(part)));
        if ours || key.starts_with("file ") || is_mentioned(&self.name) {
            return true;
        }
        if key.starts_with("object ") {
            // Earlier guests' objects go when they go.
            return !key.contains(&format!("h{}-", std::process::id()));
        }
        let foreign = |world: &World| {
            let containers = world.0.iter().filter(|(key, value)| {
                (key.starts_with("container ") || key.starts_with("network ")) && !value.contains(&self.name)
            });
            containers.map(|(key, value)| (key.clone(), value.clone())).collect::<Vec<_>>()
        };
        let id = key.rsplit(' ').next().unwrap_or_default();
        let short = id.get(..12).unwrap_or(id);
        let name = value.split(' ').next().unwrap_or_default();
        let is_asked_for =
            |line: &str| line.contains(" rm ") && line.split(' ').any(|word| word.starts_with(short) || word == name);
        if self.calls().lines().any(is_asked_for) {
            return true;
        }
        let listed = ["container ", "volume ", "network "].iter().any(|kind| key.starts_with(kind));
        let passing = key.contains("/veth");
        !(listed || passing) && foreign(before) == foreign(after)
    }
}

fn names(fates: &[Fate], key: &str, which: impl Fn(&Fate) -> bool) -> bool {
    fates.iter().filter(|fate| which(fate)).any(|fate| match fate {
        Fate::Gone(start) | Fate::Ours(start) => key.starts_with(start.as_str()),
    })
}
