//! Tasks in a Redis server, which any number of machines share.
//!
//! What is due stands in a stream, one for each lane, whose consumer group says who has what: every
//! incarnation of a process is a consumer of its own. Each step from one state to another is one script, which the
//! server runs, logs and replicates as a whole, so there is no moment at which a task is in two
//! places or in none. A script looks at a bounded number of tasks, each in logarithmic time: a
//! claim costs the same with ten tasks as with ten million.
//!
//! - Until when a lease is held stands in a sorted set beside the group. By the time that an entry
//!   has been idle, as `XAUTOCLAIM` judges, leases could neither differ in length nor be renewed
//!   exactly. What has run out is found there, and taken over with `XCLAIM`.
//! - How often a task was delivered is counted with the task. The group's own count ends when a
//!   task is postponed, and can't leave out a delivery in which nothing was tried.
//! - Of a session only the first task is in a stream, so those behind it cost nothing.
//! - Entries of the stream are numbered, and those that were taken out unread are known. So the
//!   position of a task is a difference, and not a walk along the stream.
//! - Time is the server's.
//!
//! All keys begin with `{name}:`, so a cluster keeps a queue on one node.

mod intake;
mod reply;
mod scripts;

pub use self::intake::Intake;

use crate::{
    BoxFuture, Claimed, Counts, Enqueued, Entry, Lanes, Lease, Page, Record, Settings, State,
    Store, StoreError, Swept, TaskId, entry::millis,
};
use buttress_store::redis::{Call, Script, Server, redis::Value};
use bytes::Bytes;
use reply::{Reply, done, held};
use scripts::Scripts;
use std::{fmt, sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// The longest that a lease is held, or a task is put off, at a time: as in `lua/move.lua`.
const LONGEST: Duration = Duration::from_hours(24);
/// The most that is given out at once, in tasks and about so many bytes.
const MOST: usize = 1000;
const MOST_BYTES: usize = 32 << 20;

/// A queue in a Redis server.
///
/// ```no_run
/// use buttress_queue::{Queue, RedisStore, Settings};
///
/// # async fn example() -> Result<(), buttress_queue::StoreError> {
/// let store = RedisStore::connect("redis://cache:6379/", Settings::new()).await?;
/// let queue = Queue::new(store);
/// # Ok(())
/// # }
/// ```
///
/// # What is kept
/// A task that was acknowledged survives what the server's own log does. It needs the append-only
/// file, `appendonly yes`. With `appendfsync always` everything that was acknowledged is there after
/// the server was killed, and after its machine lost its power.
///
/// With `everysec`, Redis's default, a loss of power costs about the last second. So does a server
/// that is killed, if its disk was slow just then: while a flush takes its time the server answers
/// without having written, for up to two seconds. Whoever can't lose these needs `always`.
///
/// Without that file what came after the last snapshot is lost with the server. Replication is not
/// waited for: when a replica takes over, what it had not received yet is lost. A server that may
/// evict keys (`maxmemory-policy allkeys-…`) loses tasks; [`connect`](Self::connect) warns of both.
///
/// # Other programs
/// Tasks that other programs push to a plain list of the queue's name are taken over: see
/// [`take_over`](Self::take_over).
#[derive(Clone)]
pub struct RedisStore {
    server: Server,
    queue: Arc<Queue>,
    /// Held by the one that takes over what others pushed.
    taking: Arc<Mutex<()>>,
}

#[derive(Clone)]
struct Queue {
    scripts: Scripts,
    settings: Settings,
    /// What all keys begin with.
    prefix: String,
    intake: Intake,
}

impl RedisStore {
    /// Connects to the queue at `redis://[[user]:password@]host[:port][/database]`.
    ///
    /// # Errors
    /// The URL or the name of the queue can't be one, or the server can't be reached, does not
    /// answer within 8 seconds, or lets nobody in.
    pub async fn connect(url: &str, settings: Settings) -> Result<Self, StoreError> {
        Self::new(Server::connect(url).await?, settings).await
    }

    /// The queue in this server.
    ///
    /// # Errors
    /// The name of the queue can't be one, or the server does not answer.
    pub async fn new(server: Server, settings: Settings) -> Result<Self, StoreError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
        let name = &settings.name;
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            let problem = "the name of a queue is 1 to 64 letters, digits, `_`, `-`, `.` and `:`";
            return Err(StoreError::Engine(problem.into()));
        }
        let promise = server.promise().await?;
        if promise.append_only == Some(false) {
            tracing::warn!(
                "the server keeps no append-only file: what it acknowledges may be lost"
            );
        }
        if promise.evicts {
            tracing::warn!("the server evicts keys when its memory is full: tasks will be lost");
        }
        let queue = Queue {
            scripts: Scripts::new(),
            prefix: format!("{{{name}}}:"),
            intake: Intake::default(),
            settings,
        };
        let store = Self {
            server,
            queue: Arc::new(queue),
            taking: Arc::default(),
        };
        // Whether it lets this program do what a queue needs.
        store.counts().await?;
        Ok(store)
    }

    /// Sets how what other programs push is read \[as a [`Task`](crate::Task)\].
    #[must_use]
    pub fn intake(self, intake: Intake) -> Self {
        let queue = Arc::unwrap_or_clone(self.queue);
        Self {
            queue: Arc::new(Queue { intake, ..queue }),
            ..self
        }
    }

    fn call<'a>(&self, script: &'a Script) -> Call<'a> {
        script.call(&[&self.queue.prefix])
    }

    /// A call that may see the plain list too.
    fn call_with_list<'a>(&self, script: &'a Script) -> Call<'a> {
        script.call(&[&self.queue.prefix, &self.queue.settings.name])
    }

    /// What was given out, and how many tasks other programs have pushed.
    async fn claim_once(
        &self,
        lanes: &Lanes,
        worker: &str,
        most: usize,
        lease: Duration,
    ) -> Result<(u64, Vec<Claimed>), StoreError> {
        let mut call = self
            .call_with_list(&self.queue.scripts.claim)
            .arg(worker)
            .arg(most.min(MOST))
            .arg(span(lease.min(LONGEST)))
            .arg(self.queue.settings.max_deliveries)
            .arg(MOST_BYTES)
            .arg(lanes.others().min(MOST));
        for (lane, most) in lanes.named() {
            call = call.arg(lane).arg(most.min(MOST));
        }
        let mut reply = Reply::new(self.server.run(call).await?)?;
        let pushed = reply.count()?;
        Ok((pushed, reply.array()?.each(Reply::claimed)?))
    }
}

/// In milliseconds, and not shorter than it is.
fn span(span: Duration) -> u64 {
    let millis = span.as_nanos().div_ceil(1_000_000);
    // Numbers of scripts are exact so far.
    u64::try_from(millis).unwrap_or(u64::MAX).min(1 << 52)
}

/// As the scripts read what may not be there.
fn optional(text: Option<&str>) -> String {
    text.map_or_else(String::new, |text| format!("={text}"))
}

impl Store for RedisStore {
    fn enqueue(&self, entry: Entry) -> BoxFuture<'_, Result<Enqueued, StoreError>> {
        Box::pin(async move {
            let settings = &self.queue.settings;
            let (bytes, most) = (entry.payload.len(), settings.max_task_bytes);
            if bytes > most {
                return Err(StoreError::TooLarge { bytes, most });
            }
            let call = self
                .call(&self.queue.scripts.enqueue)
                .arg(settings.max_tasks)
                .arg(settings.max_bytes)
                .arg(entry.id.to_string())
                .arg(millis(entry.queued_at))
                .arg(optional(entry.session.as_deref()))
                .arg(entry.lane.as_deref().unwrap_or_default())
                .arg(optional(entry.key.as_deref()))
                .arg(&entry.payload[..]);
            let mut reply = Reply::new(self.server.run_again(call).await?)?;
            let (id, new) = (reply.id()?, reply.count()? == 1);
            match reply.more() {
                false => Ok(Enqueued::new(id, new)),
                true => Err(full(reply.text()?.as_deref())),
            }
        })
    }

    fn claim_of<'a>(
        &'a self,
        lanes: &'a Lanes,
        worker: &'a str,
        most: usize,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Vec<Claimed>, StoreError>> {
        Box::pin(async move {
            let (pushed, mut claimed) = self.claim_once(lanes, worker, most, lease).await?;
            if pushed == 0 {
                return Ok(claimed);
            }
            let Ok(_taking) = self.taking.try_lock() else {
                return Ok(claimed);
            };
            // What has been claimed is leased meanwhile.
            let taken = tokio::time::timeout(lease / 4, self.take_over()).await;
            if let Ok(Err(error)) = taken {
                tracing::warn!(
                    kind = error.as_str(),
                    "what others pushed stays where it is"
                );
            }
            // What has been claimed is not put at risk for more.
            if claimed.is_empty() {
                (_, claimed) = self.claim_once(lanes, worker, most, lease).await?;
            }
            Ok(claimed)
        })
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        time: Duration,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let call = self
                .call(&self.queue.scripts.renew)
                .arg(lease.id.to_string())
                .arg(lease.token)
                .arg(span(time.min(LONGEST)));
            held(&self.server.run_again(call).await?)
        })
    }

    fn finish<'a>(
        &'a self,
        lease: &'a Lease,
        result: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let call = self
                .call(&self.queue.scripts.finish)
                .arg(lease.id.to_string())
                .arg(lease.token)
                .arg(&result[..]);
            held(&self.server.run(call).await?)
        })
    }

    fn postpone<'a>(
        &'a self,
        lease: &'a Lease,
        wait: Duration,
        counts: bool,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let call = self
                .call(&self.queue.scripts.postpone)
                .arg(lease.id.to_string())
                .arg(lease.token)
                .arg(span(wait.min(LONGEST)))
                .arg(u8::from(counts))
                .arg(reason);
            held(&self.server.run(call).await?)
        })
    }

    fn bury<'a>(
        &'a self,
        lease: &'a Lease,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let call = self
                .call(&self.queue.scripts.bury)
                .arg(lease.id.to_string())
                .arg(lease.token)
                .arg(reason);
            held(&self.server.run(call).await?)
        })
    }

    fn inspect(&self, id: TaskId) -> BoxFuture<'_, Result<Option<Record>, StoreError>> {
        Box::pin(async move {
            let call = self
                .call(&self.queue.scripts.inspect)
                .arg(id.to_string())
                .arg(Record::MAX_POSITION);
            let mut reply = match self.server.run_again(call).await? {
                Value::Nil => return Ok(None),
                found => Reply::new(found)?,
            };
            let record = reply.array()?.record()?;
            Ok(Some(Record {
                payload: reply.bytes()?,
                result: reply.bytes()?,
                position: reply.number()?.map(i64::unsigned_abs),
                ..record
            }))
        })
    }

    fn list(
        &self,
        state: State,
        after: Option<TaskId>,
        most: usize,
    ) -> BoxFuture<'_, Result<Page, StoreError>> {
        Box::pin(async move {
            let most = most.min(MOST);
            let after = after.map_or_else(|| "-".to_owned(), |id| format!("({id}"));
            let call = self
                .call(&self.queue.scripts.list)
                .arg(state.as_str())
                .arg(after)
                .arg(most);
            let reply = Reply::new(self.server.run_again(call).await?)?;
            let records = reply.each(Reply::record)?;
            let full = most > 0 && records.len() == most;
            let next = records.last().filter(|_| full).map(|last| last.id);
            Ok(Page::new(records, next))
        })
    }

    fn counts(&self) -> BoxFuture<'_, Result<Counts, StoreError>> {
        Box::pin(async move {
            let call = self.call(&self.queue.scripts.counts);
            Reply::new(self.server.run_again(call).await?)?.counts()
        })
    }

    fn retry(&self, id: TaskId) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            let call = self.call(&self.queue.scripts.retry).arg(id.to_string());
            done(&self.server.run(call).await?)
        })
    }

    fn remove(&self, id: TaskId) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            let call = self.call(&self.queue.scripts.remove).arg(id.to_string());
            done(&self.server.run(call).await?)
        })
    }

    fn discard(&self, id: TaskId) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            let call = self.call(&self.queue.scripts.discard).arg(id.to_string());
            done(&self.server.run(call).await?)
        })
    }

    fn sweep(&self) -> BoxFuture<'_, Result<Swept, StoreError>> {
        Box::pin(async move {
            let settings = &self.queue.settings;
            let call = self
                .call(&self.queue.scripts.sweep)
                .arg(span(settings.max_age))
                .arg(span(settings.keep_results))
                .arg(span(settings.keep_dead))
                .arg(settings.max_deliveries);
            let mut reply = Reply::new(self.server.run(call).await?)?;
            Ok(Swept::new(reply.count()?, reply.count()?))
        })
    }
}

fn full(what: Option<&str>) -> StoreError {
    StoreError::Full(match what {
        Some("tasks") => "the most tasks that it may have",
        _ => "the most bytes that it may have",
    })
}

/// Without where the server is, which may hold a password.
impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("queue", &self.queue.settings.name)
            .finish_non_exhaustive()
    }
}
