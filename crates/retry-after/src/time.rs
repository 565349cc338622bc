use crate::duration::{go_duration, up_to_millis};
use buttress_core::http::{date, seconds};
use std::time::{Duration, SystemTime};

/// A point in time as RFC 3339 writes it, with any offset and any fraction of a second.
#[must_use]
pub fn rfc3339(text: &str) -> Option<SystemTime> {
    let timestamp: jiff::Timestamp = text.parse().ok()?;
    timestamp.try_into().ok()
}

/// A point in time as seconds or milliseconds since 1970, whole or decimal.
///
/// Which of the two, the size tells: seconds from 10⁹ (2001) up to what 32 bits hold (2106),
/// milliseconds over the same years. No other number is a point in time.
#[must_use]
pub fn epoch(text: &str) -> Option<SystemTime> {
    const YEARS: std::ops::Range<u64> = 1_000_000_000..(1 << 32);
    let number = seconds(text)?;
    let since = if YEARS.contains(&number.as_secs()) {
        number
    } else if YEARS.contains(&(number.as_secs() / 1000)) {
        number / 1000
    } else {
        return None;
    };
    SystemTime::UNIX_EPOCH.checked_add(since)
}

/// The wait that a value of `Retry-After` asks for: seconds, or any form of a point in time.
///
/// A point in time is measured from `sent`, when the answer was sent; one in the past asks for no
/// wait. Whole milliseconds, rounded up.
pub(crate) fn wait(text: &str, sent: &dyn Fn() -> SystemTime) -> Option<Duration> {
    let until = |until: SystemTime| {
        let wait = until.duration_since(sent()).unwrap_or_default();
        Some(up_to_millis(wait))
    };
    if text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return epoch(text).map_or_else(|| seconds(text), until);
    }
    rfc3339(text).or_else(|| date(text)).and_then(until)
}

/// The time until a limit is reset: what [`wait`] reads, or a Go duration.
pub(crate) fn reset(text: &str, sent: &dyn Fn() -> SystemTime) -> Option<Duration> {
    wait(text, sent).or_else(|| go_duration(text))
}

/// Milliseconds, whole or decimal, without a sign; rounded up.
pub(crate) fn millis(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let over = match fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        true => fraction.bytes().any(|digit| digit != b'0'),
        false => return None,
    };
    let whole = match whole {
        "" if fraction.is_empty() => return None,
        "" => 0,
        whole => whole_number(whole)?,
    };
    Some(Duration::from_millis(whole.checked_add(u64::from(over))?))
}

/// Digits only: `str::parse` would take a plus sign.
pub(crate) fn whole_number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(1_787_572_800_250)
    }

    #[test]
    fn points_in_time_are_told_from_spans_by_their_size() {
        for (text, expected) in [
            ("7", Some(7000)),
            ("999999999", Some(999_999_999_000)),
            ("1787572815", Some(14_750)),
            ("1787572815.5", Some(15_250)),
            ("1787572815000", Some(14_750)),
            ("1787572815000.5", Some(14_751)),
            ("1787572700", Some(0)),
            ("4294967296", Some(4_294_967_296_000)),
            ("2026-08-24T12:00:15Z", Some(14_750)),
            ("2026-08-24T14:00:15+02:00", Some(14_750)),
            ("2026-08-24t12:00:15.0000001z", Some(14_751)),
            ("Mon, 24 Aug 2026 12:00:15 GMT", Some(14_750)),
            ("2026-08-24T12:00:15", None),
            ("2026-08-24", None),
            ("6m0s", None),
            ("", None),
            (".", None),
        ] {
            let expected = expected.map(Duration::from_millis);
            assert_eq!(wait(text, &sent), expected, "{text}");
        }
        assert_eq!(reset("6m0s", &sent), Some(Duration::from_secs(360)));
    }

    #[test]
    fn milliseconds_are_rounded_up() {
        for (text, expected) in [
            ("734", Some(734)),
            ("1500.4", Some(1501)),
            ("1500.0", Some(1500)),
            (".5", Some(1)),
            ("", None),
            (".", None),
            ("-100", None),
            ("+5", None),
            ("1e3", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(millis(text), expected.map(Duration::from_millis), "{text}");
        }
    }
}
