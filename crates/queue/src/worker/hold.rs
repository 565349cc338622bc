use super::deliver::Desk;
use crate::{Lease, StoreError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};

/// Holds a lease, until it is held no longer: somebody else has the task, or it ran out because
/// the store could not be asked.
///
/// `until` is when it runs out, counted from before it was asked for: so it is over here before
/// the store can give the task to anyone else.
pub(super) async fn hold(desk: &Desk, lease: &Lease, mut until: Instant) {
    let time = desk.times.lease;
    let mut next = until - time + time / 3;
    loop {
        sleep_until(next.min(until)).await;
        let asked = Instant::now();
        if asked >= until {
            return;
        }
        match timeout_at(until, desk.queue.store().renew(lease, time)).await {
            Ok(Ok(())) => {
                desk.outage.ends();
                until = asked + time;
                next = asked + time / 3;
            }
            Ok(Err(StoreError::Lost)) | Err(_) => return,
            Ok(Err(error)) => {
                desk.outage.begins(&error);
                next = Instant::now() + (time / 12).max(Duration::from_millis(50));
            }
        }
    }
}
