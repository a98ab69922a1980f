//! The board: the last answer of each component. Each is asked by a task of its own, so that none delays another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::join_all;
use kind_harness::host::resilience::{Breaker, Cause, Dependency};
use kind_harness::suite::plan::Plan;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::tally::Tally;
use super::target::{Reply, Target};
use crate::outputs::{CircuitBreaker, ComponentStats, ServiceState};

/// Every failed ask counts as the same failure, whatever its reason.
const NOT_UP: Cause = Cause::transient(Dependency::Component, "not up");

/// When components are asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    /// From one ask to the next. Asks that were missed because an answer took longer are left out.
    pub(crate) every: Duration,
    /// The longest that one ask takes.
    pub(crate) limit: Duration,
    /// How long a component is not asked after three failed asks in a row.
    pub(crate) cool_down: Duration,
}

/// The last answers of all components, in the order of the suite.
#[derive(Debug)]
pub(crate) struct Board {
    components: Vec<Component>,
    began: Instant,
    /// Counts answers.
    answers: watch::Sender<u64>,
}

#[derive(Debug)]
struct Component {
    name: String,
    needed_by: Vec<String>,
    slot: Mutex<Slot>,
}

#[derive(Debug)]
struct Slot {
    last: Option<Reply>,
    breaker: Breaker,
    /// Failed asks in a row.
    failures: u32,
    tally: Tally,
}

/// What the board knows of a component.
#[derive(Debug, Clone)]
pub(crate) struct Row<'a> {
    pub(crate) name: &'a str,
    /// The components that need it.
    pub(crate) needed_by: &'a [String],
    /// Its last answer; `None` before the first.
    pub(crate) last: Option<Reply>,
    pub(crate) breaker: CircuitBreaker,
    pub(crate) stats: ComponentStats,
}

impl Board {
    /// Returns a board of the components of `plan`, without an answer yet.
    pub(crate) fn new(plan: &Plan, schedule: &Schedule) -> Board {
        Board::of(plan.components().map(|it| (it.name.clone(), it.needed().map(str::to_owned).collect())), schedule)
    }

    /// Returns a board of these components, each with those that it needs.
    pub(crate) fn of(components: impl IntoIterator<Item = (String, Vec<String>)>, schedule: &Schedule) -> Board {
        let all: Vec<_> = components.into_iter().collect();
        let needed_by = |name: &String| -> Vec<String> {
            all.iter().filter(|(_, needs)| needs.contains(name)).map(|(it, _)| it.clone()).collect()
        };
        let component = |(name, _): &(String, Vec<String>)| {
            let breaker = Breaker::with_cool_down(Dependency::Component, schedule.cool_down);
            let slot = Slot { last: None, breaker, failures: 0, tally: Tally::default() };
            Component { name: name.clone(), needed_by: needed_by(name), slot: Mutex::new(slot) }
        };
        let components = all.iter().map(component).collect();
        Board { components, began: Instant::now(), answers: watch::Sender::new(0) }
    }

    /// Asks every component once, all at the same time.
    pub(crate) async fn ask_all(&self, target: &Target, limit: Duration) {
        join_all(self.components.iter().map(|component| self.ask(component, target, limit))).await;
    }

    /// Asks every component again and again, each in a task of its own. The tasks end with the returned set.
    pub(crate) fn keep_asking(
        self: &Arc<Board>,
        target: &watch::Receiver<Arc<Target>>,
        schedule: Schedule,
    ) -> JoinSet<()> {
        let task = |index: usize| {
            let (board, target) = (self.clone(), target.clone());
            async move {
                let mut ticks = interval(schedule.every);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                loop {
                    ticks.tick().await;
                    let target = target.borrow().clone();
                    board.ask(&board.components[index], &target, schedule.limit).await;
                }
            }
        };
        (0..self.components.len()).map(task).collect()
    }

    /// Asks a component, unless its circuit is open.
    async fn ask(&self, component: &Component, target: &Target, limit: Duration) {
        let admitted = component.slot().breaker.admit(self.began.elapsed());
        let Ok(pass) = admitted else { return component.slot().tally.skipped() };
        let reply = target.ask(&component.name, limit).await;
        let is_up = reply.state == ServiceState::Up;
        let mut slot = component.slot();
        slot.tally.asked(is_up, reply.response_time);
        if is_up {
            slot.failures = 0;
            slot.breaker.succeeded(pass);
        } else {
            slot.failures += 1;
            slot.breaker.failed(pass, NOT_UP, self.began.elapsed());
        }
        slot.last = Some(reply);
        drop(slot);
        self.answers.send_modify(|answers| *answers += 1);
    }

    /// Returns a receiver that is notified of each answer.
    pub(crate) fn answers(&self) -> watch::Receiver<u64> {
        self.answers.subscribe()
    }

    /// Returns what is known of each component now. Waits for no component.
    pub(crate) fn rows(&self) -> Vec<Row<'_>> {
        self.components.iter().map(Component::row).collect()
    }

    /// Returns for how long the board has existed.
    pub(crate) fn uptime(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Component {
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn row(&self) -> Row<'_> {
        let slot = self.slot();
        Row {
            name: &self.name,
            needed_by: &self.needed_by,
            last: slot.last.clone(),
            breaker: CircuitBreaker { state: slot.breaker.state(), failures: slot.failures },
            stats: slot.tally.stats(),
        }
    }
}
