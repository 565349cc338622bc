use std::{sync::LazyLock, time::Duration};
use tokio::time::Instant;

static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A moment as nanoseconds from an arbitrary origin, so that it fits into an atomic.
///
/// Signed, because the origin may be in the future of another runtime's paused clock.
#[inline]
pub(crate) fn nanos(at: Instant) -> i64 {
    match at.checked_duration_since(*ORIGIN) {
        Some(after) => saturating(after),
        None => -saturating(ORIGIN.duration_since(at)),
    }
}

/// Nanoseconds; 292 years and more are all the same.
pub(crate) fn saturating(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// How long from `now` until `then`; nothing when that is past.
pub(crate) fn until(then: i64, now: i64) -> Option<Duration> {
    let left = then.saturating_sub(now);
    let left = u64::try_from(left).ok().filter(|left| *left > 0)?;
    Some(Duration::from_nanos(left))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn moments_on_both_sides_of_the_origin_keep_their_distance() {
        let origin = *ORIGIN;
        let second = Duration::from_secs(1);
        assert_eq!(nanos(origin), 0);
        assert_eq!(nanos(origin + second), 1_000_000_000);
        if let Some(before) = origin.checked_sub(second) {
            assert_eq!(nanos(before), -1_000_000_000);
        }
    }

    #[test]
    fn what_is_past_or_now_is_no_wait() {
        assert_eq!(until(5, 3), Some(Duration::from_nanos(2)));
        assert_eq!(until(5, 5), None);
        assert_eq!(until(i64::MIN, i64::MAX), None);
    }
}
