//! What the errors have in common.

use std::time::Duration;

/// In whole milliseconds, rounded up: what is left of a wait or of a deadline has more digits than
/// anybody wants to read.
pub(crate) fn shown(time: Duration) -> Duration {
    let millis = time.as_nanos().div_ceil(1_000_000);
    u64::try_from(millis).map_or(time, Duration::from_millis)
}
