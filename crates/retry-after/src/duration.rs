use std::time::Duration;

/// A duration as Go writes it, for instance `6m0s`, `1m30.5s`, `120ms` or `1µs`: any number of
/// amounts, whole or decimal, each with its unit (`h`, `m`, `s`, `ms`, `us`, `ns`), in any order
/// and without blanks; or `0`. Rounded up to whole milliseconds.
///
/// `None` for anything else, for a negative duration, and for one that Go could not hold
/// (292 years).
///
/// ```
/// use buttress_retry_after::go_duration;
/// use std::time::Duration;
///
/// assert_eq!(go_duration("6m0s"), Some(Duration::from_secs(360)));
/// assert_eq!(go_duration("120ms"), Some(Duration::from_millis(120)));
/// assert_eq!(go_duration("6m 0s"), None);
/// ```
#[must_use]
pub fn go_duration(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if text == "0" {
        return Some(Duration::ZERO);
    }
    amounts(text, go_unit).map(up_to_millis)
}

/// A duration as protobuf's JSON writes it, for instance `34.074824224s`: seconds, whole or
/// decimal, and the unit. Rounded up to whole milliseconds.
///
/// This is what `retryDelay` of a `google.rpc.RetryInfo` holds.
#[must_use]
pub fn proto_duration(text: &str) -> Option<Duration> {
    buttress_core::http::seconds(text.strip_suffix('s')?)
}

/// The wait that a message asks for in words, the first if there are several, rounded up to whole
/// milliseconds.
///
/// It stands after "again", "retry" or "wait" with "in", "after" or "for", as a Go duration
/// ([`go_duration`]) or as numbers with their units. A number without a unit is none, nor is one
/// that stands elsewhere in the message.
///
/// ```
/// use buttress_retry_after::wait_in_text;
/// use std::time::Duration;
///
/// let message = "Rate limit reached: Limit 30000, Used 29937. Please try again in 644ms.";
/// assert_eq!(wait_in_text(message), Some(Duration::from_millis(644)));
/// let message = "Please retry after 37 seconds.";
/// assert_eq!(wait_in_text(message), Some(Duration::from_secs(37)));
/// assert_eq!(wait_in_text("Please try again later."), None);
/// ```
#[must_use]
pub fn wait_in_text(text: &str) -> Option<Duration> {
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let word = word.trim_start_matches(|c: char| !c.is_alphanumeric());
        let is = |any: &[&str]| any.iter().any(|known| word.eq_ignore_ascii_case(known));
        let mut ahead = words.clone();
        let told = if is(&["again", "retry", "retrying"]) {
            matches!(ahead.next(), Some("in" | "after"))
        } else if is(&["wait"]) {
            if words.clone().next() == Some("for") {
                ahead.next();
            }
            true
        } else {
            false
        };
        if told && let Some(wait) = wait_in_words(ahead) {
            return Some(up_to_millis(wait));
        }
    }
    None
}

/// `10h17m5.7s` or `1 minute and 30 seconds`, from the first of these words on.
fn wait_in_words<'a>(words: impl Iterator<Item = &'a str>) -> Option<Duration> {
    // No duration is longer than this in words, and a long text must not be read again and again.
    const MOST_WORDS: usize = 12;
    let mut total: Option<Duration> = None;
    let mut number = None;
    for word in words.take(MOST_WORDS) {
        let part = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '.');
        let part = part.trim_end_matches('.');
        let found = if let Some(number) = number.take() {
            nanos(number, unit_in_words(part)?)
        } else if matches!(part, "and" | "about" | "approximately" | "another") {
            continue;
        } else if part
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
        {
            number = Some(part);
            continue;
        } else {
            match amounts(part, unit_in_words) {
                Some(amount) => Some(amount),
                None => break,
            }
        };
        total = Some(total.unwrap_or_default().checked_add(found?)?);
        if word.ends_with(['.', ';', '!', ')']) {
            break;
        }
    }
    total
}

/// The sum of all amounts in a text that holds nothing else.
fn amounts(text: &str, unit: impl Fn(&str) -> Option<u64>) -> Option<Duration> {
    let in_number = |c: char| c.is_ascii_digit() || c == '.';
    let mut rest = text;
    let mut total = None;
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c| !in_number(c))?);
        let (name, tail) = tail.split_at(tail.find(in_number).unwrap_or(tail.len()));
        let amount = nanos(number, unit(name)?)?;
        total = Some(total.unwrap_or(Duration::ZERO).checked_add(amount)?);
        rest = tail;
    }
    // Go counts nanoseconds in 64 bits with a sign.
    total.filter(|total| total.as_nanos() <= i64::MAX as u128)
}

/// This many units, rounded up to whole nanoseconds.
fn nanos(number: &str, unit: u64) -> Option<Duration> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: u64 = match whole {
        "" => 0,
        whole => whole.parse().ok()?,
    };
    // The largest unit has 14 digits: more than these do not show in a nanosecond.
    let (shown, rest) = fraction.split_at(fraction.len().min(18));
    let scale = 10_u128.pow(u32::try_from(shown.len()).ok()?);
    let shown: u128 = match shown {
        "" => 0,
        shown => shown.parse().ok()?,
    };
    let more = rest.bytes().any(|digit| digit != b'0');
    let part = (shown * u128::from(unit)).div_ceil(scale) + u128::from(more);
    let total = whole.checked_mul(unit)?;
    Some(Duration::from_nanos(
        total.checked_add(u64::try_from(part).ok()?)?,
    ))
}

/// A unit of Go's, in nanoseconds.
fn go_unit(name: &str) -> Option<u64> {
    Some(match name {
        "ns" => 1,
        // The micro sign and the Greek letter.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// A unit as people write it, in nanoseconds.
fn unit_in_words(name: &str) -> Option<u64> {
    go_unit(name).or_else(|| {
        Some(match &*name.to_ascii_lowercase() {
            "millisecond" | "milliseconds" | "msec" | "msecs" => 1_000_000,
            "second" | "seconds" | "sec" | "secs" => 1_000_000_000,
            "minute" | "minutes" | "min" | "mins" => 60_000_000_000,
            "hour" | "hours" | "hr" | "hrs" => 3_600_000_000_000,
            "day" | "days" | "d" => 86_400_000_000_000,
            _ => return None,
        })
    })
}

/// The next whole millisecond, so that a wait is never too short.
pub(crate) fn up_to_millis(wait: Duration) -> Duration {
    let over = wait.subsec_nanos() % 1_000_000;
    match over {
        0 => wait,
        over => wait.saturating_add(Duration::from_nanos(u64::from(1_000_000 - over))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations() {
        for (text, millis) in [
            ("17h28m48s", Some(62_928_000)),
            ("1m30.5s", Some(90_500)),
            ("1.5h", Some(5_400_000)),
            ("30s1m", Some(90_000)),
            ("1us", Some(1)),
            ("1\u{b5}s", Some(1)),
            ("1\u{3bc}s", Some(1)),
            ("1.000000000000000000000001ms", Some(2)),
            (".5s", Some(500)),
            ("5.s", Some(5000)),
            ("+5s", Some(5000)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("", None),
            ("5", None),
            ("-5s", None),
            ("6m 0s", None),
            ("s", None),
            (".s", None),
            ("1..5s", None),
            ("1d", None),
            ("5S", None),
            ("tomorrow", None),
            ("2562047h47m16s", Some(9_223_372_036_000)),
            ("2562047h47m17s", None),
            ("99999999999999999999s", None),
        ] {
            let expected = millis.map(Duration::from_millis);
            assert_eq!(go_duration(text), expected, "{text}");
        }
    }

    #[test]
    fn waits_in_messages() {
        for (text, millis) in [
            ("Please retry in 10h17m5.723541104s.", Some(37_025_724)),
            ("try again in 7m12s. Visit https://x", Some(432_000)),
            ("Try again in 5 seconds.", Some(5000)),
            ("Please retry after 1 second.", Some(1000)),
            ("(retry after 2 minutes)", Some(120_000)),
            ("RETRY after 20sec", Some(20_000)),
            ("Please wait 1 minute and 30 seconds", Some(90_000)),
            ("wait for 1 hour, 5 min. Then 3 s", Some(3_900_000)),
            ("try again in\n1.5 s!", Some(1500)),
            ("retry in 5s, limit 3 h", Some(5000)),
            ("again in 0 seconds", Some(0)),
            ("try again later, or retry in 3s", Some(3000)),
            ("please try again later", None),
            ("try again in 5", None),
            ("try again in 5 apples", None),
            ("try again in a minute", None),
            ("wait and try again", None),
            ("Limit 30000, Requested 61337. in 5s", None),
            ("retry after", None),
            ("retry in 99999999999999999999 hours", None),
        ] {
            let expected = millis.map(Duration::from_millis);
            assert_eq!(wait_in_text(text), expected, "{text}");
        }
    }

    #[test]
    fn protobuf_durations_have_their_unit() {
        let millis = |text| proto_duration(text).map(|wait| wait.as_millis());
        assert_eq!(millis("34.074824224s"), Some(34_075));
        assert_eq!(millis("0s"), Some(0));
        assert_eq!(millis("34"), None);
        assert_eq!(millis("-1s"), None);
    }
}
