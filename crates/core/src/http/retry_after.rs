use http::{
    HeaderMap,
    header::{DATE, RETRY_AFTER},
};
use std::time::{Duration, SystemTime};

/// The wait that `Retry-After` asks for, as RFC 9110 (section 10.2.3) defines it, with decimal
/// seconds accepted as well, since the providers' own SDKs accept them.
///
/// A date is read against the answer's own `Date` where it has one, so that a wrong clock on
/// this side does no harm; otherwise against `now`. A date in the past asks for no wait. Of
/// several values, in one line or in many, the longest counts. Values that are neither are
/// passed over; where none is usable the answer is `None`.
///
/// The many other headers that carry a wait are read by the crate `buttress-retry-after`.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let sent = || {
        let sent = headers.get(DATE).and_then(|value| value.to_str().ok());
        sent.and_then(date).unwrap_or(now)
    };
    let read = |value: &str| {
        seconds(value).or_else(|| {
            let until = date(value)?;
            Some(until.duration_since(sent()).unwrap_or_default())
        })
    };
    let lines = headers.get_all(RETRY_AFTER).into_iter();
    let values = lines.filter_map(|line| line.to_str().ok()).flat_map(list);
    values.filter_map(read).max()
}

// It and the two below are for the crates beside this one.
/// The values that a field lists, without the blanks around them. Proxies join repeated fields
/// with commas; the comma inside an HTTP-date separates nothing.
#[doc(hidden)]
pub fn list(field: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(field);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut commas = text.match_indices(',').map(|(at, _)| at);
        let Some(end) = commas.find(|at| !names_a_day(text[..*at].trim())) else {
            rest = None;
            return Some(text.trim());
        };
        rest = Some(&text[end + 1..]);
        Some(text[..end].trim())
    })
}

fn names_a_day(word: &str) -> bool {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    word.len() <= "wednesday".len()
        && word.bytes().all(|byte| byte.is_ascii_alphabetic())
        && days
            .iter()
            .any(|day| word.get(..3).is_some_and(|s| s.eq_ignore_ascii_case(day)))
}

/// Seconds, whole or decimal, without sign or exponent; rounded up to whole milliseconds, so
/// that a wait is never too short. `None` for anything else, and for what does not fit.
#[doc(hidden)]
#[must_use]
pub fn seconds(value: &str) -> Option<Duration> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut millis = 0;
    for place in 0..3 {
        let digit = fraction
            .as_bytes()
            .get(place)
            .map_or(0, |digit| digit - b'0');
        millis = millis * 10 + u64::from(digit);
    }
    let rest = fraction.bytes().skip(3).any(|digit| digit != b'0');
    let millis = whole
        .checked_mul(1000)?
        .checked_add(millis + u64::from(rest))?;
    Some(Duration::from_millis(millis))
}

/// An HTTP-date in any of its three forms (RFC 9110, section 5.6.7), forgiving in what real
/// servers get wrong: letter case, a wrong name of the day, no zone or `+0000` instead of `GMT`.
/// All of them mean UTC.
#[doc(hidden)]
#[must_use]
pub fn date(value: &str) -> Option<SystemTime> {
    // The three forms hold the same words in another order: bring them into the first one's.
    let mut parts = [""; 8];
    let mut count = 0;
    for part in value.split([' ', ',', '-']).filter(|part| !part.is_empty()) {
        *parts.get_mut(count)? = part;
        count += 1;
    }
    let (day, month, year, time, zone) = match parts.get(..count)? {
        // Sun, 06 Nov 1994 08:49:37 GMT | Sunday, 06-Nov-94 08:49:37 GMT
        [_, day, month, year, time, zone @ ..] if !day.starts_with(char::is_alphabetic) => {
            (day, month, year, time, zone)
        }
        // Sun Nov  6 08:49:37 1994
        [_, month, day, time, year, zone @ ..] => (day, month, year, time, zone),
        _ => return None,
    };
    let utc = ["gmt", "utc", "z", "+0000"];
    if !matches!(zone, []) && !matches!(zone, [zone] if utc.contains(&&*zone.to_ascii_lowercase()))
    {
        return None;
    }
    let year = match year.len() {
        4 => (*year).to_owned(),
        2 => four_digits(year.parse().ok()?).to_string(),
        _ => return None,
    };
    // The e-mail form of the same date, in which the name of the day may be left out.
    let date = jiff::fmt::rfc2822::parse(&format!("{day} {month} {year} {time} +0000"));
    date.ok()?.timestamp().try_into().ok()
}

/// A year of two digits is the one that is not more than 50 years ahead.
fn four_digits(year: u64) -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = 1970 + since.unwrap_or_default().as_secs() / 31_556_952;
    let year = now - now % 100 + year;
    if year > now + 50 { year - 100 } else { year }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
    }

    fn read(values: &[&str], now: u64) -> Option<u128> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(RETRY_AFTER, value.parse().unwrap());
        }
        Some(retry_after(&headers, at(now))?.as_millis())
    }

    #[test]
    fn seconds_are_rounded_up() {
        let cases = [
            ("0", Some(0)),
            ("007", Some(7000)),
            ("1.5", Some(1500)),
            ("1.2345", Some(1235)),
            ("0.0001", Some(1)),
            (".5", Some(500)),
            ("5.", Some(5000)),
            ("4294967296", Some(4_294_967_296_000)),
            ("9999999999999999999", None),
            ("99999999999999999999", None),
            ("+5", None),
            ("-5", None),
            ("1e3", None),
            (".", None),
            ("", None),
            ("nan", None),
            ("1 2", None),
        ];
        for (value, millis) in cases {
            let wait = millis.map(Duration::from_millis);
            assert_eq!(seconds(value), wait, "{value}");
        }
    }

    #[test]
    fn dates_are_read_in_all_three_forms() {
        for value in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "sun, 06 nov 1994 08:49:37 gmt",
            "Tue, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06 Nov 1994 08:49:37",
        ] {
            assert_eq!(date(value), Some(at(784_111_777)), "{value}");
        }
        for value in [
            "",
            "soon",
            "Sun, 06 Nov 1994",
            "Sun, 29 Feb 2026 00:00:05 GMT",
            "Sun, 06 Nov 1994 08:49:37 +0200",
            "Sun, 06 Növ 1994 08:49:37 GMT",
            "a b c d e f g h i j",
        ] {
            assert_eq!(date(value), None, "{value}");
        }
    }

    #[test]
    fn the_longest_usable_value_counts() {
        assert_eq!(read(&["5", "soon", "20"], 0), Some(20_000));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(read(&["15", date], 784_111_737), Some(40_000));
        assert_eq!(read(&[date], 784_111_800), Some(0));
        assert_eq!(read(&["soon"], 0), None);
        assert_eq!(read(&["30, 120,abc"], 0), Some(120_000));
        let joined = format!("15, {date}, {date},");
        assert_eq!(read(&[&joined], 784_111_737), Some(40_000));
    }

    #[test]
    fn a_date_is_read_against_the_answers_own() {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "Sun, 06 Nov 1994 08:49:07 GMT".parse().unwrap());
        headers.insert(
            RETRY_AFTER,
            "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap(),
        );
        let wait = retry_after(&headers, at(0));
        assert_eq!(wait, Some(Duration::from_secs(30)));
    }
}
