//! What goes into a store and comes out of it.

use crate::TaskId;
use bytes::Bytes;
use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A task as a store keeps it. What is in it is not the store's business, and may be sealed.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its name.
    pub id: TaskId,
    /// The session that it belongs to. Of a session one task at a time is given out, in the order
    /// in which they came.
    pub session: Option<String>,
    /// The lane that it stands in: what it needs, so that tasks which need something that is down
    /// can be left where they are, and others taken \[one that has no name\]. Of a lane the task
    /// that is due first is given out first.
    pub lane: Option<String>,
    /// What it is told from others by: of two tasks with the same key, one is kept. That is the
    /// first, unless it is a dead letter when the second comes.
    pub key: Option<String>,
    /// When it was queued first, which its age is counted from.
    pub queued_at: SystemTime,
    /// What is to be done.
    pub payload: Bytes,
}

impl Entry {
    /// A task of its own, queued now.
    #[must_use]
    pub fn new(payload: impl Into<Bytes>) -> Self {
        let now = SystemTime::now();
        Self {
            id: TaskId::new(now),
            session: None,
            lane: None,
            key: None,
            queued_at: now,
            payload: payload.into(),
        }
    }

    /// Puts it in a session.
    #[must_use]
    pub fn session(mut self, session: impl Into<String>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// Puts it in a lane. Of a longer name the first 128 bytes are taken; an empty one is none.
    #[must_use]
    pub fn lane(mut self, lane: impl Into<String>) -> Self {
        const LONGEST: usize = 128;
        let mut lane = lane.into();
        lane.truncate(lane.floor_char_boundary(LONGEST));
        self.lane = Some(lane).filter(|lane| !lane.is_empty());
        self
    }

    /// Gives it a key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets when it was queued.
    #[must_use]
    pub const fn queued_at(mut self, at: SystemTime) -> Self {
        self.queued_at = at;
        self
    }
}

/// Without what is in it.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("id", &self.id)
            .field("queued_at", &self.queued_at)
            .field("bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// A task has been stored, or was already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enqueued {
    /// The name under which it is kept: of the one that was there before it, where that has the
    /// same key.
    pub id: TaskId,
    /// It was not there before.
    pub new: bool,
}

impl Enqueued {
    /// This one is kept.
    #[must_use]
    pub const fn new(id: TaskId, new: bool) -> Self {
        Self { id, new }
    }
}

/// The right to work at a task, for a time.
///
/// Each delivery has another token. Whoever ends a task shows the token of its own delivery, so a
/// worker that was thought dead can't end what another one has taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// The task.
    pub id: TaskId,
    /// Which delivery of it.
    pub token: u64,
}

impl Lease {
    /// The lease of this delivery.
    #[must_use]
    pub const fn new(id: TaskId, token: u64) -> Self {
        Self { id, token }
    }
}

/// A task that was given out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Claimed {
    /// The task.
    pub entry: Entry,
    /// The right to work at it.
    pub lease: Lease,
    /// How often it has been given out, this time included.
    pub deliveries: u32,
}

impl Claimed {
    /// It was given out so.
    #[must_use]
    pub const fn new(entry: Entry, lease: Lease, deliveries: u32) -> Self {
        Self {
            entry,
            lease,
            deliveries,
        }
    }
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// It will be given out when it is due.
    Waiting,
    /// An earlier task of its session comes first.
    Behind,
    /// A worker has it.
    Leased,
    /// It has been done, and its result is there.
    Done,
    /// It was given up. It can be looked at, and queued again.
    Dead,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Waiting,
        Self::Behind,
        Self::Leased,
        Self::Done,
        Self::Dead,
    ];

    /// A stable lower-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Behind => "behind",
            Self::Leased => "leased",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is known of a task.
#[derive(Clone)]
#[non_exhaustive]
pub struct Record {
    /// Its name.
    pub id: TaskId,
    /// Its session.
    pub session: Option<String>,
    /// Where it stands.
    pub state: State,
    /// When it was queued.
    pub queued_at: SystemTime,
    /// Waiting: when it is due. Leased: how long the lease is held.
    pub due_at: Option<SystemTime>,
    /// Done or dead: since when.
    pub ended_at: Option<SystemTime>,
    /// How often it has been given out.
    pub deliveries: u32,
    /// How large it is.
    pub bytes: u64,
    /// Why it waits again, or is dead.
    pub reason: Option<String>,
    /// How many tasks of its [lane](Entry::lane) come before it, counted to
    /// [`Record::MAX_POSITION`]. Only of a waiting one that was asked for by its name. In Redis,
    /// one that is not due yet has those before it that are not due either counted in whatever
    /// their lane.
    pub position: Option<u64>,
    /// The task itself, as it was stored, while there is one. Only where it was asked for.
    pub payload: Option<Bytes>,
    /// What came of it. Only where it was asked for.
    pub result: Option<Bytes>,
}

impl Record {
    /// How far positions are counted.
    pub const MAX_POSITION: u64 = 10_000;

    /// A task of this name, of which nothing else is known.
    #[must_use]
    pub const fn new(id: TaskId, state: State, queued_at: SystemTime) -> Self {
        Self {
            id,
            session: None,
            state,
            queued_at,
            due_at: None,
            ended_at: None,
            deliveries: 0,
            bytes: 0,
            reason: None,
            position: None,
            payload: None,
            result: None,
        }
    }
}

/// Without what is in it.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("id", &self.id)
            .field("state", &self.state)
            .field("deliveries", &self.deliveries)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

/// Some of the tasks in one state, in the order of their names, and where to go on.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Page {
    /// The tasks, without what is in them.
    pub records: Vec<Record>,
    /// There may be more behind this one.
    pub next: Option<TaskId>,
}

impl Page {
    /// These, and where to go on.
    #[must_use]
    pub const fn new(records: Vec<Record>, next: Option<TaskId>) -> Self {
        Self { records, next }
    }
}

/// How many tasks there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Waiting, due or not.
    pub waiting: u64,
    /// Behind others of their session.
    pub behind: u64,
    /// Given out.
    pub leased: u64,
    /// Done, with a result that is still kept.
    pub done: u64,
    /// Dead letters.
    pub dead: u64,
    /// What all that are not done take, in bytes.
    pub bytes: u64,
    /// When the oldest that is neither done nor dead was queued.
    pub oldest: Option<SystemTime>,
}

impl Counts {
    /// Of this state.
    #[must_use]
    pub const fn of(&self, state: State) -> u64 {
        match state {
            State::Waiting => self.waiting,
            State::Behind => self.behind,
            State::Leased => self.leased,
            State::Done => self.done,
            State::Dead => self.dead,
        }
    }

    /// Those that are still to be done.
    #[must_use]
    pub const fn open(&self) -> u64 {
        self.waiting + self.behind + self.leased
    }
}

/// What was swept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Swept {
    /// Tasks that had grown too old, or been delivered too often, and are dead letters now.
    pub buried: u64,
    /// Results and dead letters that were kept long enough, and are gone now.
    pub removed: u64,
}

impl Swept {
    /// These many.
    #[must_use]
    pub const fn new(buried: u64, removed: u64) -> Self {
        Self { buried, removed }
    }
}

/// Milliseconds since 1970, as stores keep a time; before it they are negative.
pub(crate) fn millis(time: SystemTime) -> i64 {
    let signed = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => signed(since),
        Err(before) => -signed(before.duration()),
    }
}

/// The time of so many milliseconds since 1970.
pub(crate) fn time(millis: i64) -> SystemTime {
    let span = Duration::from_millis(millis.unsigned_abs());
    let time = match millis {
        0.. => UNIX_EPOCH.checked_add(span),
        _ => UNIX_EPOCH.checked_sub(span),
    };
    time.unwrap_or(UNIX_EPOCH)
}
