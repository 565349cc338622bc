use http::HeaderName;

/// How the two bodies are framed and what they are, and what belongs to one connection alone.
const FRAMING: [&str; 12] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Who asks.
const KEYS: [&str; 5] = [
    "api-key",
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "x-goog-api-key",
];

/// Whether the client alone decides about this header: it says whom a request is for, or how a
/// body is framed.
#[must_use]
pub fn is_reserved(name: &HeaderName) -> bool {
    FRAMING.contains(&name.as_str())
}

/// Whether this header is one of those that carry a key.
#[must_use]
pub fn carries_key(name: &HeaderName) -> bool {
    KEYS.contains(&name.as_str())
}
