//! What the gateway asks of its own accord: receivers of webhooks, collectors, other gateways.

use buttress_client::{Connector, HttpVersion, InvalidClient};
use bytes::Bytes;
use http::HeaderValue;
use http_body_util::Full;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use std::time::Duration;

pub(crate) type HttpClient = Client<Connector, Full<Bytes>>;

/// Who asks.
pub(crate) const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("buttress/", env!("CARGO_PKG_VERSION")));

/// Asks over connections that are made within this time. The head of an answer may be 64 KiB.
pub(crate) fn client(limit: Duration, version: HttpVersion) -> Result<HttpClient, InvalidClient> {
    let connector = Connector::new(limit, version, None)?;
    Ok(Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .http1_max_buf_size(64 << 10)
        .http2_only(version == HttpVersion::Http2)
        .build(connector))
}
