//! The task of [`Readiness`](super::Readiness): the expected components, their state, and the waits for them.
//!
//! Everything happens in one loop: read all inputs that have arrived, judge what they may have changed, answer the
//! waits that can be answered, sleep until the next input or the end of a grace.

mod asker;
mod changed;
mod component;
mod expected;
mod needs;
mod replayed;
mod wait;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::command::{Command, Needs};
use super::health::{Health, observed};
use super::journal::{Journal, Recorder};
use super::moments::Moments;
use super::view::Key;
use super::watch::Update;
use super::watches::Watches;
use super::world::World;
use super::{Probe, Settings};
use crate::object::Applied;
use crate::progress::{Observer, Progress};
use asker::{Answer, Asker};
use component::Component;
use expected::Judging;
use wait::Wait;

/// Maximum number of updates read before the next judgement.
const BATCH: usize = 512;

/// The whole state, and the waits. Time is a parameter, so that a replay can use its own.
pub(crate) struct Tracker {
    observer: Arc<dyn Observer>,
    settings: Settings,
    health: Health,
    watches: Watches,
    world: World,
    components: Vec<Component>,
    waits: Vec<Wait>,
    /// `None` in a replay, in which results are part of the recording.
    asker: Option<Asker>,
    /// `None` in a replay, whose clock is not that of the objects.
    moments: Option<Moments>,
    journal: Journal,
    rounds: u64,
    needs: Needs,
    /// When a component was last expected, which may have created what is missing, if needs are not declared.
    expected: Instant,
}

impl Tracker {
    /// Returns a tracker for a cluster, or, without a client, for a replay.
    pub(crate) fn new(
        client: Option<kube::Client>,
        namespace: &str,
        observer: Arc<dyn Observer>,
        settings: Settings,
        recorder: Option<Recorder>,
        now: Instant,
    ) -> Tracker {
        let moments = client.is_some().then(|| Moments::new(Timestamp::now()));
        let (client, health) = client.map(observed).unzip();
        let mut watches = Watches::new(client);
        if !namespace.is_empty() {
            watches.start_namespace(namespace);
        }
        Tracker {
            journal: Journal::new(recorder, namespace, &settings, now),
            observer,
            settings,
            health: health.unwrap_or_default(),
            watches,
            world: World::default(),
            components: Vec::new(),
            waits: Vec::new(),
            asker: None,
            moments,
            rounds: 0,
            needs: Needs::new(),
            expected: now,
        }
    }

    pub(crate) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let (sender, mut answers) = mpsc::unbounded_channel();
        self.asker = Some(Asker::new(self.watches.client(), sender));
        let mut wake = None;
        loop {
            let (mut command, mut update, mut answer) = (None, None, None);
            tokio::select! {
                next = commands.recv() => match next {
                    Some(next) => command = Some(next),
                    None => return,
                },
                next = self.watches.next() => update = Some(next),
                Some(next) = answers.recv() => answer = Some(next),
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
            }
            // Reads everything that has arrived: one judgement for all of it, at one time.
            let now = Instant::now();
            while let Some(next) = command.take().or_else(|| commands.try_recv().ok()) {
                self.command(next, now);
            }
            for _ in 0..BATCH {
                let Some((id, update)) = update.take().or_else(|| self.watches.ready()) else { break };
                self.update(id, update, now);
            }
            while let Some(next) = answer.take().or_else(|| answers.try_recv().ok()) {
                self.answer(next, now);
            }
            wake = self.evaluate(now);
        }
    }

    pub(crate) fn command(&mut self, command: Command, now: Instant) {
        self.journal.command(&command, now);
        match command {
            Command::Expect { component, applied, probes, at } => self.expect(component, applied, probes, at, now),
            Command::Plan { needs } => self.needs = needs,
            Command::Wait { names, deadline, reply } => {
                let wait = Wait::new(names, deadline, reply, now);
                self.waits.retain(|known| !known.is_replaced_by(&wait));
                self.waits.push(wait);
            }
        }
    }

    fn expect(&mut self, name: String, applied: Vec<Applied>, probes: Vec<Probe>, at: Instant, now: Instant) {
        for namespace in applied.iter().filter_map(|applied| applied.object.namespace.clone()).collect::<BTreeSet<_>>()
        {
            self.watches.start_namespace(&namespace);
        }
        for applied in &applied {
            self.watches.start_for(&applied.object, true, &self.world, now);
            if applied.object.kind == "PersistentVolumeClaim" {
                self.watches.start_classes();
            }
        }
        self.expected = self.expected.max(at);
        let known = self.components.iter().position(|component| component.name == name);
        if !known.is_some_and(|at| self.components[at].open) {
            self.observer.progress(&name, Progress::Expected);
        }
        let component = Component::new(name, applied, probes, at);
        match known {
            Some(at) => self.components[at] = component,
            None => self.components.push(component),
        }
    }

    pub(crate) fn update(&mut self, id: usize, update: Update, now: Instant) {
        self.journal.update(|| self.watches.name(id), &update, now);
        if let (Some(moments), Update::Put(view)) = (&mut self.moments, &update) {
            moments.observe(view, self.watches.is_first_list(id), &self.world, (now, Timestamp::now()));
        }
        let (concerned, warning) = self.watches.feed(id, update, &mut self.world, now);
        if let Some(warning) = warning {
            self.observer.warning(warning);
        }
        if concerned.iter().any(|key| key.kind == "CustomResourceDefinition") {
            self.watches.start_defined(&self.world, now);
        }
        changed::mark(&mut self.components, &concerned);
    }

    fn answer(&mut self, (round, index, answer): Answer, now: Instant) {
        if let Some(component) = self.components.iter().find(|component| component.round() == Some(round)) {
            self.journal.answer(&component.name, index, &answer, now);
        }
        for component in &mut self.components {
            component.answered(round, index, &answer);
        }
    }

    /// Judges what has changed, reports it, answers waits. Returns when to do so again at the latest.
    pub(crate) fn evaluate(&mut self, now: Instant) -> Option<Instant> {
        self.watches.start_defined(&self.world, now);
        let judging = Judging { world: &self.world, watches: &self.watches, settings: &self.settings, now };
        let missing: Vec<_> = self.components.iter_mut().flat_map(|component| component.judge(&judging)).collect();
        for object in missing {
            if let ("Service", Some(namespace)) = (object.kind.as_str(), &object.namespace) {
                self.watches.start_namespace(namespace);
            }
            self.watches.start_for(&object, false, &self.world, now);
        }
        for key in self.components.iter().flat_map(Component::unserved) {
            if let Some(definition) = self.world.get(key) {
                self.watches.start_kind_of(definition);
            }
        }
        for at in 0..self.components.len() {
            if self.components[at].wants_to_ask() {
                self.ask(at, now);
            }
        }
        self.report_moments();
        needs::set_graces(&self.needs, &mut self.components, self.expected, now);
        for component in &mut self.components {
            component.report(&*self.observer, now);
            if self.journal.wants_verdicts() {
                let changed = component.changes(now);
                self.journal.verdicts(&component.name, changed, now);
            }
        }
        self.journal.api(self.health.since(), now);
        let health = self.health.unreachable(now);
        let refused = self.watches.refused(now);
        let state = wait::State {
            components: &self.components,
            health: health.as_ref(),
            refused: refused.as_ref(),
            settings: &self.settings,
            now,
        };
        let mut wake = self.components.iter().filter_map(|component| component.wake(now)).min();
        let (mut missed, mut answered) = (BTreeMap::new(), Vec::new());
        let waits = std::mem::take(&mut self.waits);
        for mut wait in waits.into_iter().filter(Wait::is_open) {
            match wait.answer(&state) {
                Some(Err(why)) => {
                    self.journal.ended(wait.names(), Err(&why), now);
                    let members = wait.members(&self.components).map(|component| component.name.clone());
                    missed.extend(members.map(|name| (name.clone(), why.missed(&name))));
                    answered.push((wait, Err(why)));
                }
                Some(Ok(all)) => {
                    self.journal.ended(wait.names(), Ok(&all), now);
                    answered.push((wait, Ok(all)));
                }
                None => {
                    wake = wake.into_iter().chain(wait.wake(&state)).min();
                    self.waits.push(wait);
                }
            }
        }
        for component in &mut self.components {
            if let Some(how) = missed.get(&component.name) {
                component.miss(*how, &*self.observer, now);
            }
        }
        self.journal.judged(now);
        // Results are sent after the recording has been written.
        for (wait, answer) in answered {
            wait.reply(answer);
        }
        wake.into_iter().chain(self.watches.wake()).min()
    }

    /// Reports the moments of components whose objects are known by now.
    fn report_moments(&mut self) {
        let Some(moments) = &mut self.moments else { return };
        let component_of = |key: &Key| {
            let concerned = self.world.concerned(key);
            let owns = |component: &&Component| component.objects.iter().any(|object| concerned.contains(&object.key));
            self.components.iter().find(owns).map(|component| component.name.clone())
        };
        for (component, moment) in moments.take(component_of) {
            self.observer.moment(&component, moment);
        }
    }

    fn ask(&mut self, at: usize, now: Instant) {
        self.rounds += 1;
        let (round, component) = (self.rounds, &mut self.components[at]);
        let probes = component.probes_to_ask(&self.world);
        let asked: Vec<usize> = probes.iter().map(|(index, _)| *index).collect();
        match self.asker.as_mut().map(|asker| asker.ask(round, probes)) {
            Some(tasks) => component.asking(round, &asked, tasks, now),
            None => component.asking(round, &asked, Vec::new(), now),
        }
    }
}
