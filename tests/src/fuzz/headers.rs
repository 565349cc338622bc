//! Headers that speak of limits and waits: lines of `name: value`.

use buttress::retry_after::{RateLimit, epoch, go_duration, proto_duration, rfc3339, wait_in_text};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::time::{Duration, SystemTime};

pub(super) const WORDS: &[&str] = &[
    "retry-after: ",
    "retry-after-ms: ",
    "x-ratelimit-reset-requests: ",
    "x-ratelimit-remaining-tokens: 0",
    "ratelimit: \"default\";r=0;t=5",
    "ratelimit-policy: \"default\";q=100;w=60",
    "anthropic-ratelimit-tokens-reset: 2026-08-24T12:00:00Z",
    "date: Mon, 24 Aug 2026 12:00:00 GMT",
    "grpc-retry-pushback-ms: ",
    "\n",
    "1h2m3.5s",
    "18446744073709551615",
    "-1",
    "1e400",
    "0.0000000001",
    "Please try again in 644ms.",
    "9999-12-31T23:59:60.999999999-23:59",
];

pub(super) fn run(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|&byte| byte == b'\n') {
        let colon = line.iter().position(|&byte| byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(0));
        let name = HeaderName::from_bytes(name);
        let value = HeaderValue::from_bytes(value.get(1..).unwrap_or_default().trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            let _ = headers.try_append(name, value);
        }
        let text = String::from_utf8_lossy(line);
        let value = text.split_once(": ").map_or(&*text, |(_, value)| value);
        for text in [&*text, value] {
            let _ = (go_duration(text), proto_duration(text), wait_in_text(text));
            let _ = (epoch(text), rfc3339(text));
        }
    }
    let times = [
        SystemTime::UNIX_EPOCH,
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_787_572_800),
    ];
    for status in [200, 429, 503] {
        let status = StatusCode::from_u16(status).expect("a status");
        for now in times {
            let read = RateLimit::read(status, &headers, now);
            // What is asked for is told by all who can be asked.
            assert!(read.wait().is_none() || !read.is_empty());
            let _ = (read.reset(), read.retry_after(), read.is_vetoed());
            for limit in read.limits() {
                let _ = limit.is_exhausted();
            }
            assert_eq!(read, RateLimit::read(status, &headers, now));
        }
    }
}
