//! The task behind [`Readiness`](super::Readiness): what is expected, how far it is, and who waits for it.
//!
//! Everything happens in one loop: take in whatever has arrived, judge what that may have changed, answer the waits
//! that can be answered, sleep until something arrives or a grace ends.

mod component;
mod wait;

use std::collections::HashSet;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::health::{Health, observed};
use super::view::Key;
use super::watch::Update;
use super::watches::Watches;
use super::world::World;
use super::{AllReady, NotReady, Probe, Settings, probe};
use crate::object::Applied;
use crate::report::{Events, Phase};
use component::{Component, Judging};
use wait::Wait;

/// Updates taken in before the next judgement.
const BATCH: usize = 512;

/// What the handle asks of the task.
pub(crate) enum Command {
    Expect { component: String, applied: Vec<Applied>, probes: Vec<Probe>, at: Instant },
    Wait { names: Option<Vec<String>>, deadline: Instant, reply: oneshot::Sender<Result<AllReady, NotReady>> },
}

/// What a probe was answered: of which round of asking, which probe, what.
type Answer = (u64, usize, Result<(), String>);

pub(crate) struct Tracker {
    events: Events,
    settings: Settings,
    health: Health,
    watches: Watches,
    world: World,
    components: Vec<Component>,
    waits: Vec<Wait>,
    commands: mpsc::UnboundedReceiver<Command>,
    asking: JoinSet<()>,
    answers: (mpsc::UnboundedSender<Answer>, mpsc::UnboundedReceiver<Answer>),
    http: Option<reqwest::Client>,
    rounds: u64,
    /// When a component was expected last: what is missing may have come with it.
    expected: Instant,
}

impl Tracker {
    pub(crate) fn new(
        client: kube::Client,
        namespace: &str,
        events: Events,
        settings: Settings,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Tracker {
        let (client, health) = observed(client);
        let mut watches = Watches::new(client);
        watches.start_namespace(namespace);
        Tracker {
            events,
            settings,
            health,
            watches,
            world: World::default(),
            components: Vec::new(),
            waits: Vec::new(),
            commands,
            asking: JoinSet::new(),
            answers: mpsc::unbounded_channel(),
            http: None,
            rounds: 0,
            expected: Instant::now(),
        }
    }

    pub(crate) async fn run(mut self) {
        let mut wake = None;
        loop {
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => return,
                },
                (id, update) = self.watches.next() => self.update(id, update),
                Some(answer) = self.answers.1.recv() => self.answer(answer),
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
            }
            self.take_in();
            wake = self.evaluate(Instant::now());
        }
    }

    /// Takes in everything that is there already: one judgement for all of it.
    fn take_in(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            self.command(command);
        }
        for _ in 0..BATCH {
            let Some((id, update)) = self.watches.ready() else { break };
            self.update(id, update);
        }
        while let Ok(answer) = self.answers.1.try_recv() {
            self.answer(answer);
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Expect { component, applied, probes, at } => self.expect(component, applied, probes, at),
            Command::Wait { names, deadline, reply } => self.waits.push(Wait::new(names, deadline, reply)),
        }
    }

    fn expect(&mut self, name: String, applied: Vec<Applied>, probes: Vec<Probe>, at: Instant) {
        for namespace in applied.iter().filter_map(|applied| applied.object.namespace.clone()).collect::<HashSet<_>>() {
            self.watches.start_namespace(&namespace);
        }
        for applied in &applied {
            self.watches.start_for(&applied.object, true, &self.world);
            if applied.object.kind == "PersistentVolumeClaim" {
                self.watches.start_classes();
            }
        }
        self.expected = self.expected.max(at);
        let known = self.components.iter().position(|component| component.name == name);
        let step = known.and_then(|at| self.components[at].step.take());
        let step = step.unwrap_or_else(|| self.events.step(Phase::Ready, &name));
        let component = Component::new(name, applied, probes, step, at);
        match known {
            Some(at) => self.components[at] = component,
            None => self.components.push(component),
        }
    }

    fn update(&mut self, id: usize, update: Update) {
        let (concerned, warning) = self.watches.feed(id, update, &mut self.world);
        if let Some(warning) = warning {
            self.events.warn(Phase::Ready, warning);
        }
        self.mark(&concerned);
    }

    /// Marks what must be judged again because these objects changed.
    fn mark(&mut self, changed: &HashSet<Key>) {
        const FOLLOWED: [&str; 8] =
            ["Pod", "ReplicaSet", "EndpointSlice", "Service", "Deployment", "StatefulSet", "DaemonSet", "Job"];
        if changed.iter().any(|key| key.kind == "CustomResourceDefinition") {
            self.watches.start_defined(&self.world);
        }
        let pods = changed.iter().any(|key| matches!(key.kind.as_str(), "Pod" | "ReplicaSet"));
        let served = pods || changed.iter().any(|key| matches!(key.kind.as_str(), "Service" | "EndpointSlice"));
        // Something else that came or went may be what others wait for: a Secret, a definition, a node.
        let any = changed.iter().any(|key| !FOLLOWED.contains(&key.kind.as_str()));
        for object in self.components.iter_mut().flat_map(|component| &mut component.objects) {
            object.dirty |= changed.contains(&object.key)
                || (any && !object.is_ready())
                || match object.key.kind.as_str() {
                    "PersistentVolumeClaim" => pods,
                    // While no pod matches, what becomes of all others tells whether one will.
                    "Service" => pods && !object.is_ready(),
                    "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => served,
                    _ => false,
                };
        }
    }

    fn answer(&mut self, (round, index, answer): Answer) {
        for component in &mut self.components {
            component.answered(round, index, &answer);
        }
    }

    /// Judges what has changed, tells what became of it, answers waits. Returns when to do so again at the latest.
    fn evaluate(&mut self, now: Instant) -> Option<Instant> {
        self.watches.start_defined(&self.world);
        let judging = Judging { world: &self.world, watches: &self.watches, settings: &self.settings, now };
        let missing: Vec<_> = self.components.iter_mut().flat_map(|component| component.judge(&judging)).collect();
        for object in missing {
            if let ("Service", Some(namespace)) = (object.kind.as_str(), &object.namespace) {
                self.watches.start_namespace(namespace);
            }
            self.watches.start_for(&object, false, &self.world);
        }
        for at in 0..self.components.len() {
            if self.components[at].wants_to_ask() {
                self.ask(at);
            }
            self.components[at].tell(&self.events, self.expected, now);
        }
        let health = self.health.unreachable(now);
        let refused = self.watches.refused(now);
        let state = wait::State {
            components: &self.components,
            health: health.as_ref(),
            refused: refused.as_ref(),
            settings: &self.settings,
            expected: self.expected,
            now,
        };
        let mut wake = self.components.iter().filter_map(|component| component.wake(self.expected, now)).min();
        let mut failed = HashSet::new();
        let waits = std::mem::take(&mut self.waits);
        for mut wait in waits.into_iter().filter(Wait::is_open) {
            match wait.answer(&state) {
                Some(Err(why)) => {
                    failed.extend(wait.members(&self.components).map(|component| component.name.clone()));
                    wait.reply(Err(why));
                }
                Some(Ok(all)) => wait.reply(Ok(all)),
                None => {
                    wake = wake.into_iter().chain([wait.wake(&state)]).min();
                    self.waits.push(wait);
                }
            }
        }
        for component in self.components.iter_mut().filter(|component| failed.contains(&component.name)) {
            component.abandon();
        }
        wake.into_iter().chain(self.watches.wake()).min()
    }

    fn ask(&mut self, at: usize) {
        let client = match self.http.clone().map_or_else(probe::client, Ok) {
            Ok(client) => self.http.insert(client).clone(),
            Err(error) => return self.components[at].cannot_ask(&error.to_string()),
        };
        self.rounds += 1;
        let round = self.rounds;
        let component = &mut self.components[at];
        let tasks = component.probes.iter().cloned().enumerate().map(|(index, probe)| {
            let (client, answers) = (client.clone(), self.answers.0.clone());
            let ask = async move {
                // Nobody is left to be told once the task has ended.
                let say = |answer| drop(answers.send((round, index, answer)));
                probe.ask_until_answered(&client, say).await;
            };
            self.asking.spawn(ask)
        });
        let tasks = tasks.collect();
        component.asking(round, tasks);
        while self.asking.try_join_next().is_some() {}
    }
}
