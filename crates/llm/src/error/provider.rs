use super::conceal::{conceal, redact, spells};
use crate::{
    Answer, Provider, Verdict,
    classify::{self, Quoted},
    headers,
};
use buttress_core::{AsFailure, Failure};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Uri, header::LOCATION};
use std::{error, fmt};

/// What a provider answered, and what it means.
///
/// `Display` and `Debug` show only what was concluded from it: a provider's message may quote
/// the prompt or the key. The message and the body are there for the caller who sent the
/// request.
#[derive(Clone)]
pub struct ProviderError {
    provider: Provider,
    status: Option<u16>,
    verdict: Verdict,
    quoted: Quoted,
    request_id: Option<String>,
    location: Option<String>,
    headers: HeaderMap,
    body: Bytes,
    whole: bool,
}

impl ProviderError {
    /// The most of a body that is kept: 64 KiB. Errors are far smaller.
    pub const MAX_BODY: usize = 64 * 1024;

    pub(crate) fn new(
        provider: Provider,
        answer: &Answer<'_>,
        verdict: Verdict,
        quoted: Quoted,
    ) -> Self {
        let kept = answer.body.get(..Self::MAX_BODY).unwrap_or(answer.body);
        Self {
            provider,
            status: answer.status,
            verdict,
            quoted,
            request_id: request_id(answer.headers),
            location: redirects(answer.status)
                .then(|| location(answer.headers))
                .flatten(),
            headers: headers::of_retries(answer.headers),
            body: Bytes::copy_from_slice(kept),
            whole: kept.len() == answer.body.len(),
        }
    }

    pub(crate) fn in_stream(provider: Provider, event: &[u8], emitted: bool) -> Self {
        let headers = HeaderMap::new();
        let (verdict, said) = classify::event(provider, event);
        let verdict = if emitted {
            verdict.after_content()
        } else {
            verdict
        };
        // What the head of a stream said is no news of its error.
        let answer = Answer::new(200, &headers, event).status(None);
        Self::new(provider, &answer, verdict, said.quoted)
    }

    /// Who answered.
    #[must_use]
    pub const fn provider(&self) -> Provider {
        self.provider
    }

    /// The status of the answer; `None` for an error inside a stream.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        self.status
    }

    /// What it means.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The provider's message, with what looks like a key taken out. It may quote the
    /// conversation: for the caller, not for logs.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        self.quoted
            .message
            .as_deref()
            .map(|text| conceal(text).into_owned())
    }

    /// The provider's `type`.
    #[must_use]
    pub fn error_type(&self) -> Option<&str> {
        self.quoted.kind.as_deref()
    }

    /// The provider's `code`, a number written out.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.quoted.code.as_deref()
    }

    /// The field of the request that is at fault, as the provider names it.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        self.quoted.param.as_deref()
    }

    /// The name under which the provider knows this call.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Where a redirect points to, if it is one and says so: host and path. What could hold a
    /// secret, a user's name or a query, is left out.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    /// The headers that speak of limits and of trying again.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body, up to [`MAX_BODY`](Self::MAX_BODY) bytes of it, as it came but for what was
    /// [taken out](Self::redact). It may quote the conversation.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// Takes a secret out of all that was answered: the key of the call, which a provider that
    /// refuses it may quote. A body that spells it with escapes is not kept.
    pub fn redact(&mut self, secret: &str) {
        let Quoted {
            message,
            kind,
            code,
            param,
        } = &mut self.quoted;
        let texts = [message, kind, code, param, &mut self.request_id];
        for text in texts.into_iter().chain([&mut self.location]).flatten() {
            if let Some(redacted) = redact(text.as_bytes(), secret) {
                *text = String::from_utf8_lossy(&redacted).into_owned();
            }
        }
        for value in self.headers.values_mut() {
            if redact(value.as_bytes(), secret).is_some() {
                *value = HeaderValue::from_static("");
            }
        }
        if let Some(redacted) = redact(&self.body, secret) {
            self.body = redacted.into();
        }
        if spells(&self.body, secret) {
            self.body = Bytes::new();
            self.whole = false;
        }
    }

    /// Whether it points elsewhere. What it says then is not about the request.
    pub(super) const fn is_redirect(&self) -> bool {
        redirects(self.status)
    }

    /// Whether the body was kept whole.
    pub(super) const fn is_whole(&self) -> bool {
        self.whole
    }
}

/// The one name that each provider gives to a call.
const REQUEST_IDS: [&str; 5] = [
    "x-request-id",
    "request-id",
    "x-amzn-requestid",
    "apim-request-id",
    "cf-ray",
];

fn request_id(headers: &HeaderMap) -> Option<String> {
    let found = REQUEST_IDS.iter().find_map(|name| headers.get(*name))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    let found = found.to_str().ok()?;
    // It goes into logs: nothing but a name, and not a long one.
    (found.len() <= 128 && found.chars().all(plain)).then(|| found.to_owned())
}

const fn redirects(status: Option<u16>) -> bool {
    matches!(status, Some(300..400))
}

fn location(headers: &HeaderMap) -> Option<String> {
    let to: Uri = headers.get(LOCATION)?.to_str().ok()?.parse().ok()?;
    let place = format!("{}{}", to.host().unwrap_or_default(), to.path());
    // It goes into logs: an address, and not a long one.
    (!place.is_empty() && place.len() <= 256).then_some(place)
}

impl AsFailure for ProviderError {
    fn as_failure(&self) -> Failure {
        self.verdict.failure()
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{} answered {status}: ", self.provider)?,
            None => write!(f, "{} reported inside a stream: ", self.provider)?,
        }
        self.verdict.fmt(f)?;
        if let Some(location) = &self.location {
            write!(f, ", it points to {location}")?;
        }
        match &self.request_id {
            Some(id) => write!(f, ", request {id}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderError")
            .field("provider", &self.provider)
            .field("status", &self.status)
            .field("verdict", &self.verdict)
            .field("request_id", &self.request_id)
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl error::Error for ProviderError {}
