//! Bringing traces to a collector, by HTTP or gRPC.

use crate::{
    command::in_full,
    config::Protocol,
    http::{AGENT, HttpClient, client},
};
use buttress_client::{HttpVersion, InvalidClient};
use bytes::{BufMut, Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue, Request, StatusCode, Uri,
    header::{CONTENT_TYPE, TE, USER_AGENT},
};
use http_body_util::{BodyExt, Full, Limited};
use std::{error::Error, fmt, time::Duration};
use tokio::time::{sleep, timeout};

type BoxError = Box<dyn Error + Send + Sync>;

/// Brings traces to a collector.
pub(super) struct Deliver {
    http: HttpClient,
    url: Uri,
    headers: HeaderMap,
    protocol: Protocol,
    limit: Duration,
}

/// Why traces were not taken.
struct Refused {
    why: BoxError,
    /// Whether they may be taken later.
    passes: bool,
}

/// How long to wait before it is tried again for the first time. It doubles.
const WAIT: Duration = Duration::from_millis(500);

/// How large an answer may be. It says next to nothing.
const MOST: usize = 64 << 10;

/// Where gRPC takes traces.
const SERVICE: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

impl Deliver {
    pub(super) fn new(
        url: &Uri,
        headers: HeaderMap,
        protocol: Protocol,
        limit: Duration,
    ) -> Result<Self, InvalidClient> {
        let version = match protocol {
            Protocol::Http => HttpVersion::Http1,
            Protocol::Grpc => HttpVersion::Http2,
        };
        let http = client(limit, version)?;
        let url = match protocol {
            Protocol::Http => url.clone(),
            Protocol::Grpc => {
                let mut parts = url.clone().into_parts();
                parts.path_and_query = SERVICE.parse().ok();
                Uri::from_parts(parts).unwrap_or_else(|_| url.clone())
            }
        };
        Ok(Self {
            http,
            url,
            headers,
            protocol,
            limit,
        })
    }

    /// Delivers these, and tries again what may pass, for as long as there is time.
    pub(super) async fn deliver(&self, traces: Bytes) -> Result<(), BoxError> {
        let mut last = None;
        let tries = async {
            let mut wait = WAIT;
            loop {
                match self.once(traces.clone()).await {
                    Err(Refused { why, passes: true }) => last = Some(why),
                    Err(Refused { why, .. }) => return Err(why),
                    Ok(()) => return Ok(()),
                }
                sleep(wait).await;
                wait *= 2;
            }
        };
        match timeout(self.limit, tries).await {
            Ok(done) => done,
            Err(_) => Err(last.unwrap_or_else(|| "it did not answer in time".into())),
        }
    }

    async fn once(&self, traces: Bytes) -> Result<(), Refused> {
        let passing = |error: BoxError| Refused {
            why: error,
            passes: true,
        };
        let mut request = Request::new(Full::new(self.framed(traces)));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        let kind = match self.protocol {
            Protocol::Http => "application/x-protobuf",
            Protocol::Grpc => "application/grpc",
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if self.protocol == Protocol::Grpc {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        headers.insert(USER_AGENT, AGENT);

        let answer = self.http.request(request).await;
        let (head, body) = answer.map_err(|error| passing(error.into()))?.into_parts();
        // Read to its end, so that the connection can be used again.
        let body = Limited::new(body, MOST).collect().await.map_err(passing)?;
        if !head.status.is_success() {
            let (status, passes) = (head.status, may_pass(head.status));
            let why = format!("it answered {status}").into();
            return Err(Refused { why, passes });
        }
        if self.protocol == Protocol::Http {
            return Ok(());
        }
        // Without a body the status is in the head.
        let trailers = body.trailers().unwrap_or(&head.headers);
        let status = trailers.get("grpc-status");
        match status.and_then(|status| status.to_str().ok()?.parse().ok()) {
            Some(0) => Ok(()),
            status => Err(Refused {
                why: match status {
                    Some(status) => format!("it answered with the gRPC status {status}"),
                    None => "its answer has no gRPC status".to_owned(),
                }
                .into(),
                passes: status.is_some_and(|status| PASSING.contains(&status)),
            }),
        }
    }

    /// In gRPC a message says how long it is, and that it is not compressed.
    fn framed(&self, traces: Bytes) -> Bytes {
        if self.protocol == Protocol::Http {
            return traces;
        }
        let mut framed = BytesMut::with_capacity(traces.len() + 5);
        framed.put_u8(0);
        framed.put_u32(u32::try_from(traces.len()).unwrap_or(u32::MAX));
        framed.put(traces);
        framed.freeze()
    }
}

/// What the protocol says may be tried again: cancelled, deadline exceeded, aborted, out of range,
/// unavailable, data loss.
const PASSING: [u8; 6] = [1, 4, 10, 11, 14, 15];

const fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502..=504)
}

/// An error with its causes, of which none has a header in it.
pub(super) fn told(error: &BoxError) -> String {
    in_full(&**error)
}

impl fmt::Debug for Deliver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliver")
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}
