//! What a gRPC status means, and what a gRPC answer says beside it.

use super::{Rule, Said, means::*};
use crate::Verdict;
use http::HeaderMap;

/// Words that change what a code means.
const RULES: &[Rule] = &[
    // The one RESOURCE_EXHAUSTED that no wait mends.
    Rule::new(INVALID).named(&["resource_exhausted"]).says(&[
        &["message larger than max"],
        &["message", "larger than", "limit"],
    ]),
];

/// Names and meanings of the codes, in their order.
const CODES: [(&str, Option<Verdict>); 17] = [
    ("ok", None),
    ("cancelled", Some(CANCELLED)),
    ("unknown", Some(SERVER_ERROR)),
    ("invalid_argument", Some(INVALID)),
    ("deadline_exceeded", Some(TIMEOUT.unanswered())),
    ("not_found", Some(NOT_FOUND)),
    ("already_exists", Some(INVALID)),
    ("permission_denied", Some(PERMISSION)),
    ("resource_exhausted", Some(RATE_LIMITED)),
    ("failed_precondition", Some(NOT_HERE)),
    ("aborted", Some(CONFLICT)),
    ("out_of_range", Some(INVALID)),
    ("unimplemented", Some(NOT_FOUND)),
    ("internal", Some(SERVER_ERROR)),
    ("unavailable", Some(OVERLOADED)),
    ("data_loss", Some(SERVER_ERROR.retry_same(false))),
    ("unauthenticated", Some(AUTH)),
];

/// What an answer means that ended without a status.
pub(super) const WITHOUT_STATUS: Verdict = SERVER_ERROR;

/// The verdict of `grpc-status`, if there is one.
pub(super) fn read(headers: &HeaderMap) -> Option<Result<(), Verdict>> {
    let code = headers.get("grpc-status")?;
    let code = code
        .to_str()
        .ok()
        .and_then(|code| code.parse::<usize>().ok());
    Some(match code.and_then(|code| CODES.get(code)) {
        Some((_, None)) => Ok(()),
        Some((name, Some(verdict))) => {
            let mut said = Said::default();
            if let Some(message) = headers.get("grpc-message") {
                said = Said::read(message.as_bytes());
            }
            said.name(name);
            let mut ruled = RULES.iter().filter_map(|rule| rule.read(&said));
            Err(ruled.next().unwrap_or(*verdict))
        }
        // gRPC has clients take an unknown code for UNKNOWN.
        None => Err(SERVER_ERROR),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect::<HeaderMap>()
    }

    #[test]
    fn a_message_that_is_too_large_is_no_rate_limit() {
        let code = ("grpc-status", "8");
        let limited = read(&headers(&[code])).unwrap().unwrap_err();
        assert_eq!(limited.kind, Kind::RateLimited);
        let text = "grpc: received message larger than max (5000000 vs. 4194304)";
        let large = read(&headers(&[code, ("grpc-message", text)]));
        assert_eq!(large.unwrap().unwrap_err().kind, Kind::InvalidRequest);
        assert_eq!(read(&headers(&[("grpc-status", "0")])), Some(Ok(())));
        let strange = read(&headers(&[("grpc-status", "99")]))
            .unwrap()
            .unwrap_err();
        assert_eq!(strange.kind, Kind::ServerError);
    }
}
