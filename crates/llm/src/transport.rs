use crate::{Fallback, Kind, Verdict};
use buttress_core::{AsFailure, Blame, Failure};
use std::{error, fmt, time::Duration};

/// How a connection failed, when no answer came, or only a part of one.
///
/// A client maps the errors of its HTTP library to this; [`from_text`](Self::from_text) reads
/// what such libraries print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportError {
    /// The name of the host could not be resolved.
    Dns,
    /// The host does not accept connections.
    Refused,
    /// There is no way to the host.
    Unreachable,
    /// No connection within the time allowed.
    ConnectTimeout,
    /// The TLS handshake was cut off.
    Handshake,
    /// The certificate of the host is not trusted.
    Certificate,
    /// The two sides have no protocol in common, or this one does not speak it.
    Protocol,
    /// The connection broke before an answer was there.
    Reset,
    /// The connection had been closed, or refused the request, before the service looked at it:
    /// an HTTP/2 `REFUSED_STREAM`, or a `GOAWAY` that leaves the request out.
    Unprocessed,
    /// The service asked this client to slow down: an HTTP/2 `ENHANCE_YOUR_CALM`.
    TooFast,
    /// No answer within the time allowed.
    ReadTimeout,
    /// The answer broke off before the end that its head announced.
    BodyCut,
    /// The answer is larger than this side takes.
    TooLarge,
    /// This side went away.
    Cancelled,
    /// Something else.
    Other,
}

/// Words that HTTP libraries print, and what they mean. The first row with a word in the text
/// counts, so that the particular stands before the general.
const WORDS: &[(TransportError, &[&str])] = {
    use TransportError as T;
    &[
        // A GOAWAY that leaves open whether the request was looked at.
        (T::Reset, &["last_stream_id >="]),
        (T::TooFast, &["enhance_your_calm", "enhance your calm"]),
        (
            T::Unprocessed,
            &[
                "keep-alive",
                "keepalive",
                "goaway",
                "go_away",
                "go away",
                "refused_stream",
                "refused stream",
            ],
        ),
        (
            T::Protocol,
            &[
                "unsupported protocol",
                "handshake failure",
                "handshakefailure",
                "http_1_1_required",
                "no application protocol",
                "protocolversion",
                "peerincompatible",
                "wrong version number",
                "corrupt message",
                "corruptmessage",
                "invalid http version",
            ],
        ),
        (
            T::Certificate,
            &[
                "certificate",
                "unknownissuer",
                "unknown_ca",
                "unknown ca",
                "hostname mismatch",
                "self signed",
                "self-signed",
                "cert_has_expired",
                "not valid for name",
            ],
        ),
        (
            T::ConnectTimeout,
            &[
                "connect timeout",
                "connect timed out",
                "connecttimeout",
                "connection timed out",
                "timed out connecting",
                "timed out while connecting",
                "timeout connecting",
                "timed out trying to connect",
                "etimedout",
            ],
        ),
        (
            T::Dns,
            &[
                "dns",
                "failed to lookup",
                "name or service not known",
                "name resolution",
                "nodename nor servname",
                "no such host",
                "getaddrinfo",
                "nxdomain",
                "enotfound",
                "eai_again",
            ],
        ),
        (
            T::BodyCut,
            &[
                "before message length reached",
                "unexpected eof during chunk",
                "incomplete chunked read",
                "incompleteread",
                "incomplete read",
                "error reading a body",
                "error decoding response body",
                "unexpected end of body",
                "body cut",
                "content-length mismatch",
                "premature close",
                "chunk",
                "reading body",
            ],
        ),
        (
            T::ReadTimeout,
            &[
                "timed out",
                "timeout",
                "deadline has elapsed",
                "deadline exceeded",
            ],
        ),
        (T::Handshake, &["handshake", "tls", "ssl"]),
        (T::Refused, &["refused"]),
        (
            T::Unreachable,
            &[
                "unreachable",
                "no route to host",
                "enetunreach",
                "ehostunreach",
            ],
        ),
        (
            T::Cancelled,
            &[
                "cancelled",
                "canceled",
                "client disconnected",
                "aborted by the user",
                "operation was aborted",
            ],
        ),
        (
            T::Reset,
            &[
                "reset",
                "rst_stream",
                "broken pipe",
                "epipe",
                "econnaborted",
                "connection aborted",
                "connection closed",
                "closed before message completed",
                "socket hang up",
                "server disconnected",
                "unexpected end of file",
                "unexpected eof",
                "eof",
                "channel closed",
            ],
        ),
    ]
};

impl TransportError {
    /// What the printed error of an HTTP library speaks of. For tools that have only the text.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let text = text.to_lowercase();
        let said = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let found = WORDS.iter().find(|(_, words)| said(words));
        found.map_or(Self::Other, |(meaning, _)| *meaning)
    }

    /// A stable lower-case name, for logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::ConnectTimeout => "connect_timeout",
            Self::Handshake => "handshake",
            Self::Certificate => "certificate",
            Self::Protocol => "protocol",
            Self::Reset => "reset",
            Self::Unprocessed => "unprocessed",
            Self::TooFast => "too_fast",
            Self::ReadTimeout => "read_timeout",
            Self::BodyCut => "body_cut",
            Self::TooLarge => "too_large",
            Self::Cancelled => "cancelled",
            Self::Other => "other",
        }
    }

    /// What it means, for people.
    const fn why(self) -> &'static str {
        match self {
            Self::Dns => "the host's name could not be resolved",
            Self::Refused => "connection refused",
            Self::Unreachable => "no way to the host",
            Self::ConnectTimeout => "no connection within the time allowed",
            Self::Handshake => "the TLS handshake was cut off",
            Self::Certificate => "the host's certificate is not trusted",
            Self::Protocol => "no protocol in common with the host",
            Self::Reset => "the connection broke before an answer was there",
            Self::Unprocessed => "the connection ended before the request was looked at",
            Self::TooFast => "the host asked to slow down",
            Self::ReadTimeout => "no answer within the time allowed",
            Self::BodyCut => "the answer broke off",
            Self::TooLarge => "the answer is larger than allowed",
            Self::Cancelled => "the call was given up on this side",
            Self::Other => "the connection failed",
        }
    }

    /// What it means for the layers.
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        let why = self.why();
        match self {
            Self::Dns
            | Self::Refused
            | Self::Unreachable
            | Self::Handshake
            | Self::Reset
            | Self::Other => Verdict::new(Kind::Transient, why).blame(Blame::Service),
            // No connection, no work: tried again like any failure, not like a lost answer.
            Self::ConnectTimeout => Verdict::new(Kind::Timeout, why),
            Self::ReadTimeout => Verdict::new(Kind::Timeout, why).unanswered(),
            // A matter of configuration, here or there, which no second try will mend.
            Self::Certificate | Self::Protocol => Verdict::new(Kind::InvalidRequest, why)
                .blame(Blame::Local)
                .fallback(Fallback::Yes),
            Self::Unprocessed => Verdict::new(Kind::Transient, why)
                .blame(Blame::Local)
                .delay(Some(Duration::ZERO)),
            Self::TooFast => Verdict::new(Kind::RateLimited, why),
            Self::BodyCut => Verdict::new(Kind::Partial, why)
                .blame(Blame::Service)
                .retry_same(true)
                .fallback(Fallback::Yes),
            // Another attempt would bring as much.
            Self::TooLarge => Verdict::new(Kind::Partial, why).fallback(Fallback::Yes),
            Self::Cancelled => Verdict::new(Kind::Transient, why)
                .blame(Blame::Local)
                .retry_same(false)
                .fallback(Fallback::No),
        }
    }
}

impl AsFailure for TransportError {
    fn as_failure(&self) -> Failure {
        self.verdict().failure()
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why())
    }
}

impl error::Error for TransportError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_http_libraries_print_is_understood() {
        use TransportError as T;
        for (text, expected) in [
            ("dns error: failed to lookup address information", T::Dns),
            ("getaddrinfo ENOTFOUND api.example.com", T::Dns),
            (
                "tcp connect error: Connection refused (os error 111)",
                T::Refused,
            ),
            ("connect ECONNREFUSED 127.0.0.1:1", T::Refused),
            ("Connection reset by peer (os error 104)", T::Reset),
            ("connection closed before message completed", T::Reset),
            (
                "tls: invalid peer certificate: UnknownIssuer",
                T::Certificate,
            ),
            ("tls handshake eof", T::Handshake),
            ("received fatal alert: ProtocolVersion", T::Protocol),
            ("read timed out after 600s", T::ReadTimeout),
            ("connect timed out after 5s", T::ConnectTimeout),
            (
                "tcp connect error: Connection timed out (os error 110)",
                T::ConnectTimeout,
            ),
            (
                "stream error received: refused stream before processing any application logic",
                T::Unprocessed,
            ),
            ("http2 GOAWAY last_stream_id < this stream", T::Unprocessed),
            ("connection error detected: ENHANCE_YOUR_CALM", T::TooFast),
            ("end of file before message length reached", T::BodyCut),
            ("No route to host (os error 113)", T::Unreachable),
            ("", T::Other),
        ] {
            assert_eq!(T::from_text(text), expected, "{text}");
        }
    }

    #[test]
    fn a_request_that_was_never_looked_at_is_free_to_send_again() {
        assert!(TransportError::Unprocessed.as_failure().is_unprocessed());
        assert!(!TransportError::Refused.as_failure().is_unprocessed());
    }
}
