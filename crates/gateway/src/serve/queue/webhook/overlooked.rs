use super::announce::announcement;
use crate::command::in_full;
use buttress_queue::{Queue, State, StoreError};
use std::time::{Duration, SystemTime};
use tokio::time::sleep;

/// How often it is looked how many dead letters there are.
const LOOK: Duration = Duration::from_secs(60);
/// So many looks, and they are gone through even if there are as many as before.
const LOOKS: u32 = 10;
/// How far back it is gone the first time.
const FIRST: Duration = Duration::from_secs(3600);
/// How far the clocks of two machines may be apart.
const SKEW: Duration = Duration::from_secs(300);

/// Announces what became a dead letter without a worker's doing: too old, or given out for the last
/// time to a process that died. Those that were announced already have an announcement.
pub(super) async fn overlooked(tasks: &Queue, announcements: &Queue) {
    let (mut seen, mut looks) = (None, 0);
    let mut since = SystemTime::now() - FIRST;
    loop {
        let now = SystemTime::now();
        let dead = tasks.counts().await.map(|counts| counts.dead);
        looks += 1;
        if let Ok(dead) = dead
            && (seen != Some(dead) || looks >= LOOKS)
        {
            match look(tasks, announcements, since - SKEW).await {
                Ok(()) => (seen, looks, since) = (Some(dead), 0, now),
                Err(error) => {
                    tracing::warn!(
                        error = in_full(&error),
                        "can't look for dead letters to announce"
                    );
                }
            }
        }
        sleep(LOOK).await;
    }
}

/// Goes through all dead letters, for those that died since then.
pub(super) async fn look(
    tasks: &Queue,
    announcements: &Queue,
    since: SystemTime,
) -> Result<(), StoreError> {
    const PAGE: usize = 500;
    let mut after = None;
    loop {
        let page = tasks.list(State::Dead, after, PAGE).await?;
        for record in page.records {
            if record.ended_at.is_some_and(|at| at >= since) {
                announcements.enqueue(announcement(record.id)).await?;
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
