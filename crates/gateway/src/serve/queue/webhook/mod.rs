//! The webhook: who is named in the configuration is told when a task is done or dead.
//!
//! An announcement is a task of a second queue in the same store, so it outlives the process. It
//! names the task and says nothing of it: what is told is where the task stands when it is told.
//! It is there before its task ends, and waits for that; so no end is missed, wherever a process
//! dies.

mod announce;
mod message;
mod overlooked;
mod tell;
#[cfg(test)]
mod tests;

pub(in crate::serve) use self::announce::Announce;

use self::{overlooked::overlooked, tell::Tell};
use crate::{config, files::Files, queue, signature::Signer};
use buttress_queue::{Queue, Worker};
use std::{error::Error, time::Duration};

/// Who is told, and what has to be told yet.
#[derive(Clone)]
pub(in crate::serve) struct Webhook {
    pub(in crate::serve) announcements: Queue,
    tell: Tell,
}

impl Webhook {
    /// Opens what is configured for the tasks of this queue. `None` when nothing is.
    pub(in crate::serve) async fn open(
        config: &config::Queue,
        tasks: &Queue,
        files: &mut Files,
    ) -> Result<Option<Self>, Box<dyn Error>> {
        let (Some(url), Some(secret)) = (&config.webhook.url, &config.webhook.secret) else {
            return Ok(None);
        };
        let tell = Tell::new(tasks.clone(), url.parse()?, Signer::new(secret.expose())?)?;
        let announcements = queue::open_announcements(config, files).await;
        let announcements = announcements.map_err(|error| -> Box<dyn Error> { error })?;
        Ok(announcements.map(|announcements| Self {
            announcements,
            tell,
        }))
    }

    /// What tells of the tasks that are announced.
    pub(in crate::serve) fn worker(&self, grace: Duration) -> Worker<Tell> {
        /// The first wait, and the longest.
        const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));
        Worker::new(self.announcements.clone(), self.tell.clone())
            .backoff(BACKOFF.0, BACKOFF.1)
            // While the receiver is down it is tried with one at a time, so often at least.
            .longest_pause(Duration::from_secs(60))
            .grace(grace)
    }

    /// Announces what the store of the tasks makes dead letters of by itself. It never ends.
    pub(in crate::serve) async fn overlooked(self, tasks: Queue) {
        overlooked(&tasks, &self.announcements).await;
    }
}
