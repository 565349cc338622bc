use super::*;
use crate::{Dimension, go_duration, proto_duration, rfc3339, wait_in_text};
use http::HeaderValue;
use proptest::prelude::*;
use serde_json::Value;

fn header_map(headers: &Value) -> HeaderMap {
    let mut map = HeaderMap::new();
    let mut add = |name: &str, value: &Value| {
        let name: HeaderName = name.parse().unwrap();
        let value = HeaderValue::from_bytes(value.as_str().unwrap().as_bytes()).unwrap();
        map.append(name, value);
    };
    for (name, values) in headers.as_object().unwrap() {
        match values.as_array() {
            Some(values) => values.iter().for_each(|value| add(name, value)),
            None => add(name, values),
        }
    }
    map
}

/// The wait that a body asks for: what the crate that knows bodies does, in short.
fn asked_in_body(body: &Value) -> Option<Duration> {
    let error = body.get("error")?;
    let details = error["details"].as_array().into_iter().flatten();
    let delays = details.map(|detail| &detail["retryDelay"]);
    let mut delays = delays.filter_map(|delay| match delay {
        Value::String(text) => proto_duration(text),
        Value::Object(parts) => {
            let seconds = parts["seconds"].as_str()?.parse().ok()?;
            let nanos = u32::try_from(parts["nanos"].as_u64()?).ok()?;
            Some(Duration::new(seconds, nanos))
        }
        _ => None,
    });
    delays
        .next()
        .or_else(|| wait_in_text(error["message"].as_str()?))
}

#[test]
fn every_row_of_the_facts() {
    let facts = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/facts/delays.jsonl"
    );
    let facts = std::fs::read_to_string(facts).unwrap();
    let mut wrong = Vec::new();
    let mut rows = 0;
    for line in facts.lines() {
        rows += 1;
        let row: Value = serde_json::from_str(line).unwrap();
        let status = u16::try_from(row["status"].as_u64().unwrap()).unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        let now = rfc3339(row["now"].as_str().unwrap()).unwrap();
        let tunnelled = &row["body"]["error"]["metadata"]["headers"];
        let headers = match tunnelled {
            Value::Null => &row["headers"],
            tunnelled => tunnelled,
        };
        let limit = RateLimit::read(status, &header_map(headers), now);
        let limit = limit.or_asked(asked_in_body(&row["body"]));
        let millis = |wait: Duration| u64::try_from(wait.as_millis()).unwrap();
        if limit.wait().map(millis) != row["expected_delay_ms"].as_u64() {
            wrong.push(format!("{} {:?}", row["id"], limit.wait()));
        }
        if limit.is_vetoed() != (row["no_retry"] == true) {
            wrong.push(format!("{} veto {}", row["id"], limit.is_vetoed()));
        }
        if let Some(pacing) = row["pacing_ms"].as_u64() {
            assert_eq!(limit.reset().map(millis), Some(pacing), "{}", row["id"]);
        }
    }
    assert_eq!(rows, 140);
    assert_eq!(wrong, [""; 0]);
}

fn read(status: u16, headers: &[(&'static str, &str)]) -> RateLimit {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_787_572_800);
    RateLimit::read(StatusCode::from_u16(status).unwrap(), &map, now)
}

fn millis(status: u16, headers: &[(&'static str, &str)]) -> Option<u128> {
    Some(read(status, headers).wait()?.as_millis())
}

#[test]
fn what_comes_first_counts() {
    let asking = [
        ("grpc-retry-pushback-ms", "1"),
        ("retry-after-ms", "2"),
        ("x-amz-retry-after", "3"),
        ("retry-after", "0.004"),
        (
            "grpc-status-details-bin",
            "CA4SBGJ1c3kaMAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIECgIIHg",
        ),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "6"),
    ];
    let waits = [1, 2, 3, 4, 30_000];
    for (from, wait) in waits.into_iter().enumerate() {
        assert_eq!(millis(429, &asking[from..]), Some(wait));
    }
    assert_eq!(millis(429, &asking[5..]), Some(6000));
}

#[test]
fn lists_of_dates_and_numbers_the_longest_counts() {
    let value = "15, Mon, 24 Aug 2026 12:00:40 GMT, soon";
    assert_eq!(millis(429, &[("retry-after", value)]), Some(40_000));
    assert_eq!(millis(429, &[("retry-after-ms", "5, 7")]), Some(7));
    assert_eq!(millis(429, &[("x-amz-retry-after", "1.5")]), None);
    assert_eq!(millis(429, &[("x-amz-retry-after", "")]), None);
}

#[test]
fn each_dimension_has_its_own_limit() {
    let limit = read(
        200,
        &[
            ("x-ratelimit-limit-requests", "500"),
            ("x-ratelimit-remaining-requests", "499"),
            ("x-ratelimit-reset-requests", "120ms"),
            ("anthropic-ratelimit-input-tokens-remaining", "7.5"),
            ("ratelimit", "\"burst\";r=3;t=5"),
            ("ratelimit-policy", "\"burst\";q=100;w=60"),
        ],
    );
    let find = |dimension| {
        let mut limits = limit.limits().iter();
        limits.find(|limit| limit.dimension == dimension).unwrap()
    };
    let requests = find(Dimension::Requests);
    assert_eq!((requests.limit, requests.remaining), (Some(500), Some(499)));
    assert_eq!(requests.reset, go_duration("120ms"));
    assert_eq!(find(Dimension::InputTokens).remaining, Some(7));
    let burst = find(Dimension::Other("burst".into()));
    assert_eq!((burst.limit, burst.remaining), (Some(100), Some(3)));
    assert_eq!(burst.window, Some(Duration::from_secs(60)));
    assert_eq!(limit.limits().len(), 3);
    assert_eq!(limit.wait(), None);
}

#[test]
fn one_limit_in_two_families_is_two_limits() {
    let headers = [
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "7"),
        ("ratelimit-remaining", "900"),
        ("ratelimit-reset", "3600"),
    ];
    assert_eq!(millis(429, &headers), Some(7000));
}

#[test]
fn only_failures_that_a_limit_explains_wait_for_it() {
    let headers = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "7")];
    for status in [403, 429, 500, 503] {
        assert_eq!(millis(status, &headers), Some(7000), "{status}");
    }
    for status in [200, 302, 400, 401, 404, 413, 422] {
        assert_eq!(millis(status, &headers), None, "{status}");
    }
    let lone = [("x-ratelimit-reset", "7")];
    assert_eq!(millis(429, &lone), Some(7000));
    assert_eq!(millis(503, &lone), None);
    let unknown = [("x-ratelimit-remaining", "-1"), ("x-ratelimit-reset", "7")];
    assert_eq!(millis(429, &unknown), None);
    assert_eq!(millis(200, &[("retry-after", "7")]), None);
}

#[test]
fn a_micro_sign_is_read_in_either_encoding() {
    for micro in [&b"1\xc2\xb5s"[..], b"1\xb5s", b"1\xce\xbcs"] {
        let mut map = HeaderMap::new();
        map.insert(
            "x-ratelimit-remaining-tokens",
            HeaderValue::from_static("0"),
        );
        let value = HeaderValue::from_bytes(micro).unwrap();
        map.insert("x-ratelimit-reset-tokens", value);
        let limit = RateLimit::read(StatusCode::TOO_MANY_REQUESTS, &map, SystemTime::now());
        assert_eq!(limit.wait(), Some(Duration::from_millis(1)), "{micro:?}");
    }
}

#[test]
fn a_flood_of_limits_is_bounded() {
    let mut map = HeaderMap::new();
    for n in 0..1000 {
        let name: HeaderName = format!("x-ratelimit-reset-{n}").parse().unwrap();
        map.insert(name, HeaderValue::from_static("1"));
    }
    let limit = RateLimit::read(StatusCode::TOO_MANY_REQUESTS, &map, SystemTime::now());
    assert_eq!(limit.limits().len(), 16);
}

const NAMES: [&str; 18] = [
    "date",
    "retry-after",
    "retry-after-ms",
    "x-amz-retry-after",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
    "anthropic-ratelimit-unified-status",
    "anthropic-ratelimit-unified-reset",
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-reset",
    "grpc-status",
    "grpc-retry-pushback-ms",
    "grpc-status-details-bin",
    "x-should-retry",
];

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        // Nearly right.
        r#"[0-9+-]{0,25}(\.[0-9]{0,25})?(ms|us|µs|s|m|h|d)?"#.prop_map(String::into_bytes),
        r#"("[a-z]{0,3}"|[a-z]{1,9})([;=,] ?[a-z:?@"]?=?-?[0-9]{0,16}){0,4}"#
            .prop_map(String::into_bytes),
        r#"(Mon|Monday|),? ?[0-9]{1,3}[ -][A-Za-z]{3}[ -][0-9]{1,5} [0-9:]{0,9}( GMT)?"#
            .prop_map(String::into_bytes),
        r#"[0-9]{4,6}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]{0,20}([Zz]|[+-][0-9]{2}:[0-9]{2})?"#
            .prop_map(String::into_bytes),
        "[A-Za-z0-9+/]{0,80}={0,2}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_of_a_header_do_harm(
        status in 100_u16..1000,
        headers in prop::collection::vec((prop::sample::select(&NAMES[..]), value()), 0..8),
        now in any::<u32>(),
    ) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                map.append(name, value);
            }
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now.into());
        let limit = RateLimit::read(StatusCode::from_u16(status).unwrap(), &map, now);
        if let Some(wait) = limit.wait() {
            prop_assert_eq!(wait.subsec_nanos() % 1_000_000, 0);
            prop_assert!(status >= 400 || map.contains_key("grpc-status"));
        }
    }

    #[test]
    fn no_text_does_harm(text in any::<String>(), near in "(again|retry|wait) ?(in|after|for)? [0-9.]{0,22} ?(ms|s|m|hours|days|µs)?[. ]?") {
        for text in [text, near] {
            let _ = (go_duration(&text), proto_duration(&text), rfc3339(&text));
            let _ = (wait_in_text(&text), crate::epoch(&text));
        }
    }
}
