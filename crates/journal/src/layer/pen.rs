use super::Troubles;
use crate::{Answer, Key, Sessions, StoreError, records::BoxFuture, runs::Use, sessions::New};
use buttress_core::{Context, Event};
use bytes::Bytes;
use std::{fmt, future::ready, sync::Arc, time::Duration};
use tokio::time::timeout;

/// Writes down one answer. To drop it is to record nothing.
#[must_use = "an answer is recorded only when it is written"]
pub struct Pen {
    pub(super) sessions: Sessions,
    pub(super) key: Key,
    /// Of a run that was named.
    pub(super) used: Option<Use>,
    pub(super) replaces: bool,
    pub(super) request: Option<Bytes>,
    pub(super) context: Arc<dyn Context + Send + Sync>,
    pub(super) limit: Duration,
    pub(super) troubles: Arc<Troubles>,
}

/// How long a store may take, when nobody waits for it any more.
const LONGEST: Duration = Duration::from_secs(60);

impl Pen {
    /// How large an answer may be, in bytes.
    #[must_use]
    pub fn max_bytes(&self) -> usize {
        self.sessions.limits().max_answer
    }

    /// Records an answer. It is kept when this ends, or the store failed, or did not say within
    /// the layer's [limit](crate::JournalLayer::limit): the answer is given in any case.
    ///
    /// # Cancellation
    /// It is recorded all the same.
    pub fn write(self, answer: Answer) -> BoxFuture<'static, ()> {
        let bytes = answer.body.len() + self.request.as_ref().map_or(0, Bytes::len);
        if answer.body.len() > self.max_bytes() {
            self.leave("not recorded: the answer is too large");
            return Box::pin(ready(()));
        }
        let Some(room) = self.sessions.room(bytes) else {
            let words = "the journal does not keep up: an answer is not recorded";
            self.troubles.tell(words, None);
            self.leave("not recorded: the store does not keep up");
            return Box::pin(ready(()));
        };
        let (context, limit) = (Arc::clone(&self.context), self.limit);
        // So that it goes on when whoever waits for it does not any more.
        let task = tokio::spawn(async move {
            self.add(answer).await;
            drop(room);
        });
        Box::pin(async move {
            if timeout(limit, task).await.is_err() {
                context.record(Event::Note("given before it was recorded"));
            }
        })
    }

    /// Records nothing, and says why in the journey.
    pub fn leave(self, why: &'static str) {
        self.context.record(Event::Note(why));
    }

    async fn add(self, answer: Answer) {
        let new = New {
            key: self.key,
            // One that can't be read is replaced where it stands, or it would be found again.
            again: self.used.is_some() && !self.replaces,
            replaces: self.replaces,
            request: self.request,
            answer,
        };
        let added = timeout(LONGEST, self.sessions.add(new)).await;
        let added = added.unwrap_or_else(|elapsed| Err(StoreError::Unavailable(elapsed.into())));
        self.context.record(Event::Note(match added {
            Ok(nth) => {
                if let Some(used) = self.used {
                    used.settle(nth);
                }
                "recorded in the journal"
            }
            Err(error) => {
                let words = "an answer can't be recorded";
                self.troubles.tell(words, Some(&error));
                match error {
                    StoreError::Full(_) => "not recorded: there is no more room",
                    _ => "not recorded: the store failed",
                }
            }
        }));
    }
}

impl fmt::Debug for Pen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pen")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
