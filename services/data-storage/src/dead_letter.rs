//! The dead-letter stream: where events wait in Redis while PostgreSQL cannot take them.
//!
//! An entry holds the events of one request, so that a batch is kept whole or refused whole. Beside the stream, and
//! changed together with it by scripts, is the number of entries that each correlation id has in it: an event whose
//! correlation id still waits must go behind what waits, or it would be visible before it (see [`crate::intake`]).
//!
//! | key | what |
//! | --- | --- |
//! | `dlq-stream` | the entries: `events` and the different `correlation_ids` among them, both JSON arrays |
//! | `{dlq-stream}:pending` | correlation id → entries that have it |
//! | `{dlq-stream}:bytes` | size of all `events` together |
//! | `{dlq-stream}:parked` | entries, or events of them, that PostgreSQL will never take, each with the reason: for a person to look at |
//!
//! The braces put all keys into one slot of a Redis cluster, as scripts need it.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, LazyLock, PoisonError, RwLock, RwLockWriteGuard},
};

use redis::{RedisError, RedisResult, Script, streams::StreamRangeReply};
use serde::Serialize;

use crate::{config::DeadLetterConfig, event::Event, redis_link::Redis};

/// The stream.
pub const STREAM: &str = "dlq-stream";
const PENDING: &str = "{dlq-stream}:pending";
const BYTES: &str = "{dlq-stream}:bytes";
/// Where entries go that PostgreSQL will never take.
pub const PARKED: &str = "{dlq-stream}:parked";

/// How much is read from the stream at a time.
const ENTRIES_AT_ONCE: usize = 100;
const BYTES_AT_ONCE: usize = 4 << 20;

static ADD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("dead_letter/add.lua")));
static HEAD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("dead_letter/head.lua")));
static TAKE_OUT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("dead_letter/take_out.lua")));

/// Why the stream did not take events.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// It holds as much as it may.
    #[error("the dead-letter stream is full")]
    Full,
    /// Redis is away, or refuses: for want of memory, or because it cannot save.
    #[error("Redis cannot take events")]
    Away(#[from] RedisError),
    /// The events cannot be written as JSON.
    #[error("the events cannot be written as JSON")]
    Unwritable(#[from] serde_json::Error),
}

/// What an event in the stream survives: Redis is asked, because who runs it decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// Every end of Redis and of its node, as long as its volume is there: it was on the disk before the answer
    /// (`appendonly yes`, `appendfsync always`).
    Disk,
    /// Every end of Redis; but a node that ends may take the last seconds along (`appendfsync everysec` or `no`).
    Process,
    /// Nothing for certain: Redis keeps it in memory until its next snapshot (`appendonly no`).
    Memory,
    /// Redis does not say.
    Unknown,
}

impl Durability {
    /// By what `CONFIG GET append*` answers.
    fn of(settings: &HashMap<String, String>) -> Self {
        let setting = |name: &str| settings.get(name).map(String::as_str);
        match (setting("appendonly"), setting("appendfsync")) {
            (Some("yes"), Some("always")) => Self::Disk,
            (Some("yes"), Some(_)) => Self::Process,
            (Some("no"), _) => Self::Memory,
            _ => Self::Unknown,
        }
    }
}

/// One entry of the stream.
pub struct Entry {
    /// Its name in the stream.
    pub id: String,
    /// What it holds; an error when somebody else wrote it.
    pub events: Result<Vec<Event>, String>,
}

/// The correlation ids that this instance knows to wait.
#[derive(Default)]
struct Known {
    /// Those of the last answer of Redis.
    seen: HashSet<String>,
    /// Those that this instance has added since it asked: the answer may be older than they are.
    added: HashSet<String>,
}

impl Known {
    fn added(&mut self, ids: &BTreeSet<&str>) {
        self.added.extend(ids.iter().map(|id| (*id).to_owned()));
    }

    /// Redis is about to be asked which ids wait.
    fn ask(&mut self) {
        self.seen.extend(self.added.drain());
    }

    fn answered(&mut self, ids: HashSet<String>) {
        self.seen = ids;
    }

    fn has(&self, id: &str) -> bool {
        self.seen.contains(id) || self.added.contains(id)
    }
}

/// The stream; clones share what they know of it.
#[derive(Clone)]
pub struct DeadLetter {
    redis: Redis,
    limits: DeadLetterConfig,
    /// The correlation ids that wait, for when this instance cannot look.
    known: Arc<RwLock<Known>>,
}

impl DeadLetter {
    /// The stream in this Redis.
    pub fn new(redis: Redis, limits: DeadLetterConfig) -> Self {
        Self { redis, limits, known: Arc::default() }
    }

    /// Adds one entry that holds all of these events, and says what it survives.
    ///
    /// # Errors
    /// When it is full or Redis is away. In the latter case the entry may be there all the same: the answer was lost.
    pub async fn add(&self, events: &[Event]) -> Result<Durability, AddError> {
        let correlation_ids: BTreeSet<&str> = events.iter().map(|event| event.correlation_id.as_str()).collect();
        let mut invocation = ADD.key(STREAM);
        invocation.key(PENDING).key(BYTES).arg(self.limits.max_entries).arg(self.limits.max_bytes);
        invocation.arg(serde_json::to_vec(events)?).arg(serde_json::to_vec(&correlation_ids)?);
        let taken: bool = self.redis.run(|mut redis| async move { invocation.invoke_async(&mut redis).await }).await?;
        if !taken {
            return Err(AddError::Full);
        }
        self.known().added(&correlation_ids);
        Ok(self.durability().await)
    }

    fn known(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an entry survives. A Redis that forbids the question, or is gone by now, leaves that open.
    async fn durability(&self) -> Durability {
        let mut command = redis::cmd("CONFIG");
        command.arg("GET").arg("append*");
        let asked = self.redis.run(|mut redis| async move { command.query_async(&mut redis).await });
        asked.await.map_or(Durability::Unknown, |settings| Durability::of(&settings))
    }

    /// Those of these correlation ids that have events in the stream.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn pending(&self, correlation_ids: &BTreeSet<&str>) -> RedisResult<HashSet<String>> {
        let mut command = redis::cmd("HMGET");
        command.arg(PENDING);
        for id in correlation_ids {
            command.arg(*id);
        }
        let counts: Vec<Option<i64>> =
            self.redis.run(|mut redis| async move { command.query_async(&mut redis).await }).await?;
        let pending = correlation_ids.iter().zip(counts).filter(|(_, count)| count.is_some());
        Ok(pending.map(|(id, _)| (*id).to_owned()).collect())
    }

    /// The same from memory, for when Redis cannot be asked.
    pub fn pending_when_last_seen(&self, correlation_ids: &BTreeSet<&str>) -> HashSet<String> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        correlation_ids.iter().filter(|id| known.has(id)).map(|id| (*id).to_owned()).collect()
    }

    /// Looks how many entries there are, and remembers which correlation ids they have. Only one look at a time: of two, the
    /// older answer could come last.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn look(&self) -> RedisResult<usize> {
        self.known().ask();
        let mut both = redis::pipe();
        both.xlen(STREAM).hkeys(PENDING);
        let (entries, ids): (usize, HashSet<String>) =
            self.redis.run(|mut redis| async move { both.query_async(&mut redis).await }).await?;
        self.known().answered(ids);
        Ok(entries)
    }

    /// The oldest entries.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn head(&self) -> RedisResult<Vec<Entry>> {
        let mut invocation = HEAD.key(STREAM);
        invocation.arg(ENTRIES_AT_ONCE).arg(BYTES_AT_ONCE);
        let reply: StreamRangeReply =
            self.redis.run(|mut redis| async move { invocation.invoke_async(&mut redis).await }).await?;
        let entries = reply.ids.into_iter().map(|entry| {
            let json = entry.get::<Vec<u8>>("events").ok_or_else(|| "the entry has no events".to_owned());
            let events = json.and_then(|json| serde_json::from_slice(&json).map_err(|error| error.to_string()));
            Entry { id: entry.id, events }
        });
        Ok(entries.collect())
    }

    /// Takes out entries whose events are in PostgreSQL now.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn remove(&self, ids: &[&str]) -> RedisResult<()> {
        self.take_out("", &[], ids).await
    }

    /// Takes an entry out of the way that PostgreSQL will never take, without losing it.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn park(&self, id: &str, reason: &str) -> RedisResult<()> {
        self.take_out(reason, &[], &[id]).await
    }

    /// The same, when the others of its events are in PostgreSQL.
    ///
    /// # Errors
    /// When Redis is away, or the events cannot be written as JSON.
    pub async fn park_these(&self, id: &str, reason: &str, events: &[Event]) -> Result<(), AddError> {
        Ok(self.take_out(reason, &serde_json::to_vec(events)?, &[id]).await?)
    }

    async fn take_out(&self, reason: &str, events: &[u8], ids: &[&str]) -> RedisResult<()> {
        let mut invocation = TAKE_OUT.key(STREAM);
        invocation.key(PENDING).key(BYTES).key(PARKED).arg(reason).arg(events);
        for id in ids {
            invocation.arg(*id);
        }
        self.redis.run(|mut redis| async move { invocation.invoke_async(&mut redis).await }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(ids: &[&str]) -> Known {
        let mut known = Known::default();
        known.added(&ids.iter().copied().collect());
        known
    }

    #[test]
    fn what_is_added_while_redis_answers_is_not_forgotten() {
        let mut known = known(&["a"]);
        known.ask();
        known.added(&BTreeSet::from(["b"]));
        known.answered(HashSet::from(["a".to_owned()]));
        assert!(known.has("a") && known.has("b"));
    }

    #[test]
    fn what_was_added_is_known_until_redis_has_answered_without_it() {
        let mut known = known(&["a"]);
        known.ask();
        assert!(known.has("a"), "no answer came");
        known.ask();
        known.answered(HashSet::new());
        assert!(!known.has("a"));
    }
}
