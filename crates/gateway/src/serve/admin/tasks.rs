//! What becomes of tasks of the queue.

use crate::queue::Change;
use buttress_queue::{Queue, State, StoreError, TaskId};

/// As many as a page; who has more of them asks again.
const MOST: usize = 1000;

/// Which tasks are meant.
pub(super) enum Which {
    /// This one, wherever it stands.
    One(TaskId),
    /// The dead letters.
    AllDead,
}

/// Queues them again, or drops them. How many, and what put an end to it.
pub(super) async fn change(
    queue: &Queue,
    change: Change,
    which: Which,
) -> (u32, Result<(), StoreError>) {
    let mut changed = 0;
    let ended = match which {
        Which::One(id) => {
            let done = change.of(queue, id).await;
            done.map(|done| changed = u32::from(done))
        }
        Which::AllDead => match dead(queue).await {
            Ok(ids) => each(queue, change, &ids, &mut changed).await,
            Err(error) => Err(error),
        },
    };
    (changed, ended)
}

async fn dead(queue: &Queue) -> Result<Vec<TaskId>, StoreError> {
    let page = queue.list(State::Dead, None, MOST).await?;
    Ok(page.records.iter().map(|letter| letter.id).collect())
}

async fn each(
    queue: &Queue,
    change: Change,
    dead: &[TaskId],
    changed: &mut u32,
) -> Result<(), StoreError> {
    for &id in dead {
        *changed += u32::from(change.of_dead(queue, id).await?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use buttress_queue::{Memory, Settings, Task};
    use std::time::Duration;

    /// A queue with so many dead letters.
    async fn with_dead(letters: usize) -> (Queue, Vec<TaskId>) {
        let queue = Queue::new(Memory::new(Settings::new()));
        for _ in 0..letters {
            let messages = serde_json::value::to_raw_value(&[0; 0]).unwrap();
            queue.enqueue(Task::new(messages)).await.unwrap();
        }
        let hour = Duration::from_secs(3600);
        for claimed in queue.claim("test", letters, hour).await.unwrap() {
            queue.store().bury(&claimed.lease, "refused").await.unwrap();
        }
        let ids = dead(&queue).await.unwrap();
        assert_eq!(ids.len(), letters);
        (queue, ids)
    }

    #[tokio::test]
    async fn all_dead_letters_are_dropped() {
        let (queue, _) = with_dead(3).await;
        let (changed, ended) = change(&queue, Change::Drop, Which::AllDead).await;
        assert!(ended.is_ok());
        assert_eq!((changed, queue.counts().await.unwrap().dead), (3, 0));
    }

    #[tokio::test]
    async fn what_was_queued_again_meanwhile_is_not_dropped() {
        let (queue, ids) = with_dead(3).await;
        assert!(queue.retry(ids[1]).await.unwrap());
        let mut changed = 0;
        let ended = each(&queue, Change::Drop, &ids, &mut changed).await;
        assert!(ended.is_ok());
        let counts = queue.counts().await.unwrap();
        assert_eq!((changed, counts.waiting, counts.dead), (2, 1, 0));
    }

    #[tokio::test]
    async fn a_task_that_is_named_is_dropped_wherever_it_stands() {
        let (queue, ids) = with_dead(1).await;
        assert!(queue.retry(ids[0]).await.unwrap());
        let (changed, ended) = change(&queue, Change::Drop, Which::One(ids[0])).await;
        assert!(ended.is_ok());
        assert_eq!((changed, queue.counts().await.unwrap().waiting), (1, 0));
    }
}
