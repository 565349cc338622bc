use crate::command::in_full;
use buttress_queue::{Delivery, Queue, State, StoreError, Task, TaskId, Verdict};
use futures_util::future::BoxFuture;
use serde_json::value::to_raw_value;
use std::{
    fmt::Display,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::sleep;
use tower::Service;

/// Announces each task that comes to an end, before it does.
///
/// The store would make a dead letter of a task that has failed in its last delivery when it is
/// due again, where nobody notices. So it is given up here instead, at once.
#[derive(Clone, Debug)]
pub(in crate::serve) struct Announce<S> {
    inner: S,
    announcements: Queue,
    max_deliveries: u32,
}

impl<S> Announce<S> {
    pub(in crate::serve) const fn new(inner: S, announcements: Queue, max_deliveries: u32) -> Self {
        Self {
            inner,
            announcements,
            max_deliveries,
        }
    }
}

impl<S> Service<Delivery> for Announce<S>
where
    S: Service<Delivery, Response = Verdict>,
    S::Future: Send + 'static,
    S::Error: Display + Send,
{
    type Response = Verdict;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Verdict, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, delivery: Delivery) -> Self::Future {
        let id = delivery.id;
        let is_last = delivery.deliveries >= self.max_deliveries;
        let announcements = self.announcements.clone();
        let answer = self.inner.call(delivery);
        Box::pin(async move {
            let verdict = answer.await;
            let verdict = verdict.unwrap_or_else(|error| Verdict::failed(error.to_string()));
            let verdict = match verdict {
                Verdict::Later {
                    counts: true,
                    reason,
                    ..
                } if is_last => Verdict::Dead(format!("delivered too often: {reason}")),
                verdict => verdict,
            };
            if matches!(verdict, Verdict::Done(_) | Verdict::Dead(_)) {
                announce(&announcements, id).await;
            }
            Ok(verdict)
        })
    }
}

/// Puts an announcement in, however long that takes: the worker breaks this off when it loses the
/// lease of the task, which then is done again.
async fn announce(announcements: &Queue, id: TaskId) {
    const LONGEST: Duration = Duration::from_secs(15);
    let mut pause = Duration::from_millis(500);
    loop {
        let error = match put(announcements, id).await {
            Ok(()) => return,
            Err(error) => error,
        };
        let passes = matches!(
            error,
            StoreError::Unavailable(_) | StoreError::Full(_) | StoreError::ReadOnly(_)
        );
        if !passes {
            tracing::error!(task = %id, error = in_full(&error), "a task ends, and it can't be announced");
            return;
        }
        tracing::warn!(task = %id, error = in_full(&error), "a task waits until its end can be announced");
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

async fn put(announcements: &Queue, id: TaskId) -> Result<(), StoreError> {
    let kept = announcements.enqueue(announcement(id)).await?;
    if kept.new {
        return Ok(());
    }
    let before = announcements.inspect(kept.id).await?;
    let is_over = before.is_some_and(|kept| matches!(kept.record.state, State::Done | State::Dead));
    if is_over {
        // It told of an earlier end: the task was a dead letter, and was queued again.
        announcements.remove(kept.id).await?;
        announcements.enqueue(announcement(id)).await?;
    }
    Ok(())
}

/// What is put in: there is one for a task at most.
pub(super) fn announcement(id: TaskId) -> Task {
    let id = id.to_string();
    let name = to_raw_value(&id).expect("a string is JSON");
    let mut task = Task::new(name);
    task.idempotency_key = Some(id);
    task
}

/// The task that is announced.
pub(super) fn announced(task: &Task) -> Option<TaskId> {
    let id: String = serde_json::from_str(task.messages.get()).ok()?;
    id.parse().ok()
}
