use crate::{Dialect, dialect::Address};
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;
use std::{
    fmt,
    time::{Duration, SystemTime},
};
use tokio::time::Instant;

/// One call, as the provider saw it.
#[derive(Clone)]
pub struct Received {
    pub(crate) index: usize,
    pub(crate) connection: u64,
    pub(crate) step: Option<usize>,
    pub(crate) dialect: Dialect,
    pub(crate) at: Instant,
    pub(crate) wall: SystemTime,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) asked: Asked,
    pub(crate) finished: bool,
    pub(crate) closed: Option<(Instant, ClosedBy)>,
}

/// Whose hand closed a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClosedBy {
    /// The client closed or reset it, or (HTTP/2) reset this call's stream.
    Client,
    /// The provider did, by its script or because it stopped.
    Provider,
}

/// The fields of a chat request that shape its answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) model: Option<String>,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
}

impl Asked {
    pub(crate) fn of(path: &str, body: &[u8]) -> Self {
        if let Some(address) = Address::of(path) {
            return Self {
                model: Some(address.model.to_owned()),
                stream: address.stream,
                include_usage: true,
            };
        }
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return Self::default();
        };
        let is_true = |value: &Value| value.as_bool() == Some(true);
        Self {
            model: body["model"].as_str().map(Into::into),
            stream: is_true(&body["stream"]),
            include_usage: is_true(&body["stream_options"]["include_usage"]),
        }
    }
}

impl Received {
    /// Its place among all calls, from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// The connection that it came on. Calls on one connection share this number.
    #[must_use]
    pub const fn connection(&self) -> u64 {
        self.connection
    }

    /// The step of the script that answered it, from 0; none for what never came so far (a wrong
    /// key, an unknown path).
    #[must_use]
    pub const fn step(&self) -> Option<usize> {
        self.step
    }

    /// The dialect that it was answered in.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// When the whole request had arrived.
    #[must_use]
    pub const fn at(&self) -> Instant {
        self.at
    }

    /// The request's method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// The request's path, with its query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The request's headers. Those that carry keys are marked sensitive.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The first header of this name, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The request's body, up to 32 MiB (a larger one is answered with a 413).
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The request's body as JSON; null when it is not.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The model that was asked for, or the dialect's usual one.
    #[must_use]
    pub fn model(&self) -> &str {
        self.asked
            .model
            .as_deref()
            .unwrap_or_else(|| self.dialect.model())
    }

    /// Whether a stream was asked for.
    #[must_use]
    pub const fn wants_stream(&self) -> bool {
        self.asked.stream
    }

    /// Whether the provider came to the end of what it had to say. A stall has no end.
    #[must_use]
    pub const fn finished(&self) -> bool {
        self.finished
    }

    /// Whose hand closed the connection, once it is closed.
    ///
    /// Over HTTP/1.1 this is the end of the connection, which may outlive the call when the client
    /// keeps it for others.
    #[must_use]
    pub fn closed_by(&self) -> Option<ClosedBy> {
        self.closed.map(|(_, by)| by)
    }

    /// When the provider saw the connection closed.
    #[must_use]
    pub fn closed_at(&self) -> Option<Instant> {
        self.closed.map(|(at, _)| at)
    }

    /// From the arrival of the call to the close of its connection.
    #[must_use]
    pub fn closed_after(&self) -> Option<Duration> {
        self.closed_at().map(|at| at - self.at)
    }
}

/// Without the body, which may hold somebody's words.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("index", &self.index)
            .field("connection", &self.connection)
            .field("step", &self.step)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .field("finished", &self.finished)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
