//! Durations, sizes and rates as people write them.

use jiff::fmt::friendly::{SpanParser, SpanPrinter};
use std::time::Duration;

/// Reads `"500ms"`, `"1.5s"`, `"2m"`, `"1h 30m"`.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    static PARSER: SpanParser = SpanParser::new();
    PARSER.parse_unsigned_duration(text.trim()).ok()
}

/// Writes a duration as a file may have it: `1m 30s`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    static PRINTER: SpanPrinter = SpanPrinter::new();
    PRINTER.unsigned_duration_to_string(&duration)
}

/// Reads `"32MiB"`, `"500 kB"`, `"4096"`; a unit with an `i` counts in 1024, one without in 1000.
pub(super) fn parse_size(text: &str) -> Option<usize> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '_');
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let unit: usize = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "kib" => 1 << 10,
        "mb" => 1_000_000,
        "mib" => 1 << 20,
        "gb" => 1_000_000_000,
        "gib" => 1 << 30,
        _ => return None,
    };
    number
        .replace('_', "")
        .parse::<usize>()
        .ok()?
        .checked_mul(unit)
}

/// Writes a size as a file may have it: `32MiB`.
#[must_use]
pub fn size(bytes: usize) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let whole = units
        .into_iter()
        .find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit));
    match whole {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

/// Reads `"55%"` or `"0.55"`, as a fraction.
pub(super) fn parse_rate(text: &str) -> Option<f64> {
    let text = text.trim();
    let rate = match text.strip_suffix('%') {
        Some(percent) => percent.trim_end().parse::<f64>().ok()? / 100.0,
        None => text.parse().ok()?,
    };
    rate.is_finite().then_some(rate)
}

/// Writes a share as a file may have it: `55%`.
#[must_use]
pub fn rate(rate: f64) -> String {
    // 0.07 * 100 is 7.000000000000001.
    let percent = (rate * 1e8).round() / 1e6;
    format!("{percent}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, millis, shown) in [
            ("500ms", 500, "500ms"),
            ("1.5s", 1500, "1s 500ms"),
            ("60s", 60_000, "1m"),
            ("2m", 120_000, "2m"),
            ("1h30m", 5_400_000, "1h 30m"),
            (" 2 minutes ", 120_000, "2m"),
            ("0s", 0, "0s"),
        ] {
            let parsed = parse_duration(text);
            assert_eq!(parsed, Some(Duration::from_millis(millis)), "{text}");
            assert_eq!(parsed.map(duration).as_deref(), Some(shown));
        }
        for text in [
            "",
            "1",
            "s",
            "-1s",
            "1 month",
            "99999999999999999999s",
            "1s ago",
            "½s",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes, shown) in [
            ("32MiB", 32 << 20, "32MiB"),
            ("64 KiB", 64 << 10, "64KiB"),
            ("1mb", 1_000_000, "1000000B"),
            ("4_096", 4096, "4KiB"),
            ("0", 0, "0B"),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
            assert_eq!(size(bytes), shown);
        }
        for text in [
            "",
            "MiB",
            "-1",
            "1.5MiB",
            "1 parsec",
            "99999999999999999GiB",
        ] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn rates_are_read_and_written() {
        for (text, fraction, shown) in [
            ("55%", 0.55, "55%"),
            ("0.07", 0.07, "7%"),
            ("12.5 %", 0.125, "12.5%"),
            ("1", 1.0, "100%"),
        ] {
            assert_eq!(parse_rate(text), Some(fraction), "{text}");
            assert_eq!(rate(fraction), shown);
        }
        for text in ["", "%", "half", "NaN", "inf%"] {
            assert_eq!(parse_rate(text), None, "{text}");
        }
    }
}
