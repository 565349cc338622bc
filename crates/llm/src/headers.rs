//! Which headers of a provider's answer say something to others than the client.

use http::{HeaderMap, HeaderName};

/// Of a provider's headers those that its caller may want: its name for the call, its limits, and
/// what it says of its work. Whose account the call was made with is not the caller's to know.
#[must_use]
pub fn passed_on(headers: &HeaderMap) -> HeaderMap {
    only(headers, |name| {
        name.ends_with("request-id")
            || is_limit(name)
            || matches!(name, "openai-processing-ms" | "openai-version")
    })
}

/// Those that speak of limits and of trying again.
pub(crate) fn of_retries(headers: &HeaderMap) -> HeaderMap {
    only(headers, |name| {
        name.starts_with("retry-after") || is_limit(name) || name == "x-should-retry"
    })
}

/// Whether it tells of a limit: how much of it there is, is left, and when it begins anew.
fn is_limit(name: &str) -> bool {
    const PREFIXES: [&str; 3] = ["x-ratelimit-", "anthropic-ratelimit-", "ratelimit"];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn only(headers: &HeaderMap, wanted: impl Fn(&str) -> bool) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for (name, value) in headers {
        if wanted(HeaderName::as_str(name)) {
            kept.append(name, value.clone());
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: [&str; 4] = [
        "x-ratelimit-remaining-tokens",
        "ratelimit",
        "ratelimit-policy",
        "anthropic-ratelimit-requests-reset",
    ];

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    fn all(of: &[&[&'static str]]) -> (HeaderMap, Vec<&'static str>) {
        let mut sorted = of.concat();
        sorted.sort_unstable();
        let header = |name| (HeaderName::from_static(name), "x".parse().unwrap());
        (sorted.iter().copied().map(header).collect(), sorted)
    }

    #[test]
    fn a_caller_learns_of_limits_and_not_of_accounts() {
        let calls = [
            "request-id",
            "x-request-id",
            "openai-processing-ms",
            "openai-version",
        ];
        let kept = [
            "anthropic-organization-id",
            "openai-organization",
            "openai-project",
            "retry-after",
            "set-cookie",
            "server",
        ];
        let (headers, _) = all(&[&LIMITS, &calls, &kept]);
        let (_, expected) = all(&[&LIMITS, &calls]);
        assert_eq!(names(&passed_on(&headers)), expected);
    }

    #[test]
    fn an_error_keeps_what_it_says_of_trying_again() {
        let retries = ["retry-after", "retry-after-ms", "x-should-retry"];
        let (headers, _) = all(&[&LIMITS, &retries, &["x-request-id", "server"]]);
        let (_, expected) = all(&[&LIMITS, &retries]);
        assert_eq!(names(&of_retries(&headers)), expected);
    }

    #[test]
    fn a_header_keeps_all_its_values() {
        let mut headers = HeaderMap::new();
        for value in ["\"a\";r=1", "\"b\";r=2"] {
            headers.append("ratelimit", value.parse().unwrap());
        }
        assert_eq!(passed_on(&headers), headers);
        assert_eq!(of_retries(&headers), headers);
    }
}
