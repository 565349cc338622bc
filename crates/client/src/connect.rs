//! Connections: made within a time limit, TLS with this machine's trusted roots.

use crate::InvalidClient;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use std::{
    error::Error,
    fmt,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::timeout;
use tower_service::Service;

type Https = HttpsConnector<HttpConnector>;

/// Makes connections, each within a time limit: the name, TCP and TLS together.
///
/// The limit of the connector for TCP is not enough: a host that accepts and then says nothing
/// would hold the attempt for as long as an answer may take.
///
/// It speaks TLS where the address says `https`, and trusts the roots that it is given, or else
/// those that the operating system trusts.
// For the gateway, whose other clients connect the same way: what it yields is the connector's own.
#[doc(hidden)]
#[derive(Clone)]
pub struct Connector {
    https: Https,
    limit: Duration,
}

impl Connector {
    /// Makes connections for these versions of HTTP. The roots are read from the operating system
    /// once for all connectors.
    ///
    /// # Errors
    /// TLS can't be set up.
    pub fn new(
        limit: Duration,
        version: HttpVersion,
        roots: Option<RootCertStore>,
    ) -> Result<Self, InvalidClient> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Shared out among the addresses of a name, so that one that is dead leaves time for the
        // next.
        tcp.set_connect_timeout(Some(limit));
        tcp.set_keepalive(Some(Duration::from_secs(60)));

        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(InvalidClient::tls)?
            .with_root_certificates(roots.map_or_else(trusted_roots, Arc::new))
            .with_no_client_auth();
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http();
        let https = match version {
            HttpVersion::Negotiated => https.enable_all_versions().wrap_connector(tcp),
            HttpVersion::Http1 => https.enable_http1().wrap_connector(tcp),
            HttpVersion::Http2 => https.enable_http2().wrap_connector(tcp),
        };
        Ok(Self { https, limit })
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl Service<Uri> for Connector {
    type Response = <Https as Service<Uri>>::Response;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = timeout(self.limit, self.https.call(to));
        Box::pin(async move {
            let late = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
            connecting.await.unwrap_or_else(late)
        })
    }
}

/// Which HTTP versions a client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpVersion {
    /// What the server prefers, told by ALPN in the TLS handshake; HTTP/1.1 without TLS.
    #[default]
    Negotiated,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only, without TLS as well ("prior knowledge").
    Http2,
}

/// The roots that the operating system trusts, so that a company's own proxy works, or Mozilla's
/// where the system has none, as in an empty container. Read once: it takes milliseconds, and
/// every client needs them.
fn trusted_roots() -> Arc<RootCertStore> {
    static ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in found.errors {
            tracing::debug!(%error, "skipped a trusted root of the operating system");
        }
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        Arc::new(roots)
    });
    Arc::clone(&ROOTS)
}
