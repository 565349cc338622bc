//! What other programs push to a plain list of the queue's name.

use super::{RedisStore, full, optional, reply::Reply};
use crate::{Entry, StoreError, Task, entry::millis};
use buttress_store::redis::redis::Value;
use bytes::Bytes;
use std::{fmt, sync::Arc};

/// So many items are looked at in one step, and about so many bytes of them.
const AT_ONCE: usize = 64;
const AT_ONCE_BYTES: usize = 8 << 20;

/// Makes an entry of what another program pushed: `Err` when it says nothing that is understood,
/// with the entry that becomes a dead letter.
#[derive(Clone)]
pub struct Intake(Arc<Read>);

type Read = dyn Fn(Bytes) -> Result<Entry, Box<Entry>> + Send + Sync;

impl Intake {
    /// Reads it so.
    pub fn new(read: impl Fn(Bytes) -> Result<Entry, Box<Entry>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }
}

impl Intake {
    /// A [`Task`], kept as it was pushed, in this lane.
    pub fn in_lane(lane: impl Fn(&Task) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::new(move |text| match Task::parse(&text) {
            Ok(task) => Ok(Entry {
                queued_at: task.queued_at,
                session: task.session_id.clone(),
                key: task.idempotency_key.clone(),
                ..Entry::new(text).lane(lane(&task).unwrap_or_default())
            }),
            Err(_) => Err(Box::new(Entry::new(text))),
        })
    }
}

/// A [`Task`], kept as it was pushed, in the lane that it names.
impl Default for Intake {
    fn default() -> Self {
        Self::in_lane(|task| task.lane.clone())
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake").finish_non_exhaustive()
    }
}

/// The end of a list at which its oldest item is.
#[derive(Clone, Copy)]
enum End {
    /// Where programs push with `RPUSH`.
    Head,
    /// Where they push with `LPUSH`.
    Tail,
}

/// An item of the list, and the entry that is made of it.
struct Item {
    text: Bytes,
    entry: Result<Entry, Box<Entry>>,
}

impl Item {
    fn entry(&self) -> &Entry {
        match &self.entry {
            Ok(entry) => entry,
            Err(entry) => entry,
        }
    }
}

impl RedisStore {
    /// Takes over some of the tasks that other programs have pushed to a plain list of the queue's
    /// name, and says how many. [`claim`](crate::Store::claim) does it by itself.
    ///
    /// An item is taken from the list and put in the queue in one step: it is in one of them,
    /// whatever is killed meanwhile. One whose key is known already is not put there again. One
    /// that is not understood, or larger than a task may be, becomes a dead letter with its text.
    ///
    /// Some programs push at one end of the list and some at the other. Of the two items at the
    /// ends the one that was queued first says which is the oldest; where they don't differ it is
    /// the head's, as with `RPUSH`. What is taken over at once is put in order by when it was
    /// queued, as far as it says so.
    ///
    /// # Errors
    /// [`Full`](StoreError::Full) when there is no room: then the rest stays in the list.
    pub async fn take_over(&self) -> Result<usize, StoreError> {
        let (mut end, mut items, other) = {
            let (items, other) = self.look(End::Head).await?;
            (End::Head, items, other)
        };
        if let (Some(Ok(other)), Some(Ok(first))) = (
            other.as_ref().map(|item| &item.entry),
            items.first().map(|item| &item.entry),
        ) && other.queued_at < first.queued_at
        {
            (items, _) = self.look(End::Tail).await?;
            end = End::Tail;
        }
        // Of the same time, in the order of the list.
        items.sort_by_key(|item| item.entry().queued_at);
        let mut taken = 0;
        for item in items {
            taken += usize::from(self.take(&item, end).await?);
        }
        Ok(taken)
    }

    /// The items at this end, and the one at the other if that is not among them.
    async fn look(&self, end: End) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let call = self
            .call_with_list(&self.queue.scripts.look)
            .arg(match end {
                End::Head => "head",
                End::Tail => "tail",
            })
            .arg(AT_ONCE)
            .arg(AT_ONCE_BYTES);
        let mut reply = Reply::new(self.server.run_again(call).await?)?;
        let other = reply.bytes()?.map(|text| self.read(text));
        let mut items = Vec::new();
        let mut texts = reply.array()?;
        while texts.more() {
            items.extend(texts.bytes()?.map(|text| self.read(text)));
        }
        Ok((items, other))
    }

    fn read(&self, text: Bytes) -> Item {
        Item {
            entry: (self.queue.intake.0)(text.clone()),
            text,
        }
    }

    /// Whether it was still there.
    async fn take(&self, item: &Item, end: End) -> Result<bool, StoreError> {
        let settings = &self.queue.settings;
        let entry = item.entry();
        let reason = match &item.entry {
            Err(_) => "not understood",
            Ok(entry) if entry.payload.len() > settings.max_task_bytes => "too large",
            Ok(_) => "",
        };
        let call = self
            .call_with_list(&self.queue.scripts.take)
            .arg(settings.max_tasks)
            .arg(settings.max_bytes)
            .arg(match end {
                End::Head => 1,
                End::Tail => -1,
            })
            .arg(&item.text[..])
            .arg(entry.id.to_string())
            .arg(millis(entry.queued_at))
            .arg(optional(entry.session.as_deref()))
            .arg(entry.lane.as_deref().unwrap_or_default())
            .arg(optional(entry.key.as_deref()))
            .arg(&entry.payload[..])
            .arg(reason);
        match self.server.run(call).await? {
            Value::Int(1) => Ok(true),
            Value::Int(0) => Ok(false),
            _ => Err(full(Some("tasks"))),
        }
    }
}
