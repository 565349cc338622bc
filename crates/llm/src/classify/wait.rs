//! The wait that an answer asks for, in its head and its body taken together.

use super::Said;
use buttress_core::{RetryAfter, grpc};
use buttress_retry_after::{RateLimit, wait_in_text};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

/// What was said about coming back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// The wait, uncapped.
    pub(super) delay: Option<Duration>,
    /// The server forbids to try again.
    pub(super) never: bool,
    /// gRPC asks to try again at once.
    pub(super) at_once: bool,
}

/// Reads what was said. A status of 0 stands for an error in an answer that says 200.
pub(super) fn read(status: u16, headers: &HeaderMap, said: &Said, now: SystemTime) -> Told {
    let status = match status {
        0 => StatusCode::TOO_MANY_REQUESTS,
        status => StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
    };
    let in_words = || wait_in_text(said.quoted.message.as_deref()?);
    let limit = RateLimit::read(status, &with_inner(headers, said), now)
        .or_asked(said.retry_info.or_else(in_words));
    Told {
        delay: limit.wait(),
        never: limit.is_vetoed(),
        at_once: grpc::pushback(headers) == Some(RetryAfter::After(Duration::ZERO)),
    }
}

/// The headers, and those of the provider behind it that the body passes on. What the answer
/// itself says counts more.
fn with_inner<'a>(headers: &'a HeaderMap, said: &Said) -> Cow<'a, HeaderMap> {
    let mut headers = Cow::Borrowed(headers);
    for (name, value) in &said.inner_headers {
        let name = HeaderName::try_from(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value))
            && !headers.contains_key(&name)
        {
            headers.to_mut().insert(name, value);
        }
    }
    headers
}
