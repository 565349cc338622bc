//! What providers saw.

use crate::{CLOSED_WITHIN, SLACK};
use buttress_testkit::{ClosedBy, Provider};
use std::{ops::RangeInclusive, time::Duration};
use tokio::time::{Instant, timeout};

/// The times between the calls, in milliseconds: no shorter than the one, and longer than the
/// other only by what the machine needs.
#[track_caller]
pub fn assert_waits<const N: usize>(provider: &Provider, waits: [RangeInclusive<u64>; N]) {
    let gaps = provider.gaps();
    assert_eq!(gaps.len(), N, "{gaps:?}");
    for (gap, wait) in gaps.iter().zip(waits) {
        let least = Duration::from_millis(*wait.start());
        let most = Duration::from_millis(*wait.end()) + SLACK;
        assert!((least..=most).contains(gap), "{wait:?} ms, but {gaps:?}");
    }
}

/// The gateway closes the connection of this call as soon as it gives it up, which it did then or
/// does now.
pub async fn assert_closed_at_once(provider: &Provider, index: usize, given_up: Instant) {
    let closed = timeout(Duration::from_secs(5), provider.wait_closed(index));
    let closed = closed.await.expect("the connection stays open");
    assert_eq!(closed.closed_by(), Some(ClosedBy::Client));
    let late = closed.closed_at().expect("closed");
    let late = late.saturating_duration_since(given_up);
    assert!(
        late <= CLOSED_WITHIN,
        "closed {late:?} after it was given up"
    );
}

/// The second was asked as soon as the first had failed for the last time.
#[track_caller]
pub fn assert_went_on(first: &Provider, second: &Provider) {
    let asked = second.calls().first().expect("a call").at();
    let between = asked.saturating_duration_since(last_call(first));
    assert!(between < SLACK, "{between:?} between the routes");
}

/// When the last call came.
pub fn last_call(provider: &Provider) -> Instant {
    provider.calls().last().expect("a call").at()
}
