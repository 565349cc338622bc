//! Connections of callers: accepted, limited, and let finish when the server stops.

use super::{
    admin::{self, Peer},
    again::Again,
};
use crate::config;
use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{self, Instant},
};
use tower::ServiceExt;

/// After an error of `accept` that is not one connection's own (such as too many open files),
/// trying again at once would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often it is told, at most, that there are as many connections as there may be.
const TELL_FULL: Duration = Duration::from_secs(60);

/// Listens on this address; which one that is, is told where any port was asked for.
pub(super) async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), String> {
    let cant = |error| format!("can't listen on {address}: {error}");
    let listener = TcpListener::bind(address).await.map_err(cant)?;
    let address = listener.local_addr().map_err(cant)?;
    Ok((listener, address))
}

/// Serves callers until `stop` resolves, then lets what is under way finish within the grace.
///
/// Returns how many connections were cut off when the grace was over.
///
/// # Cancellation
/// Cuts off all connections.
pub(super) async fn serve(
    listener: TcpListener,
    app: Router,
    settings: &config::Server,
    stop: impl Future<Output = ()>,
) -> usize {
    let connections = connections(settings);
    let graceful = GracefulShutdown::new();
    let mut open = JoinSet::new();
    let mut stop = pin!(stop);
    let mut told: Option<Instant> = None;
    loop {
        let full = open.len() >= settings.max_connections;
        if full && told.is_none_or(|told| told.elapsed() > TELL_FULL) {
            told = Some(Instant::now());
            tracing::warn!(
                open = open.len(),
                "no more connections are accepted for now"
            );
        }
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            // Those that have ended, so that the set does not grow.
            Some(_) = open.join_next() => continue,
            // The others wait where the system keeps them.
            accepted = listener.accept(), if !full => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let patience = settings.header_timeout;
                let peer = Peer(peer);
                open.spawn(connection(
                    stream,
                    peer,
                    &app,
                    &connections,
                    &graceful,
                    patience,
                ));
            }
            Err(error) if is_of_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "can't accept connections");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }

    // A client that connects from now on is refused at once instead of waiting in a backlog.
    drop(listener);
    if !open.is_empty() {
        let grace = settings.shutdown_grace;
        tracing::info!(open = open.len(), ?grace, "letting calls finish");
    }
    let finished = async {
        graceful.shutdown().await;
        while open.join_next().await.is_some() {}
    };
    let _ = time::timeout(settings.shutdown_grace, finished).await;
    while open.try_join_next().is_some() {}
    open.len()
}

fn connections(settings: &config::Server) -> auto::Builder<TokioExecutor> {
    let mut connections = auto::Builder::new(TokioExecutor::new());
    connections
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_buf_size(settings.max_header);
    connections
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(settings.max_header).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(30));
    connections
}

/// A connection, until it ends or is told to.
fn connection(
    stream: TcpStream,
    peer: Peer,
    app: &Router,
    connections: &auto::Builder<TokioExecutor>,
    graceful: &GracefulShutdown,
    patience: Duration,
) -> impl Future<Output = ()> + use<> {
    // Small pieces of streams must not wait for each other.
    let _ = stream.set_nodelay(true);
    let asked = Arc::new(AtomicBool::new(false));
    let app = app.clone().map_request({
        let asked = Arc::clone(&asked);
        move |mut request: http::Request<_>| {
            asked.store(true, Relaxed);
            // It takes an allocation, so only where it matters.
            if admin::minds_who_asks(request.uri().path()) {
                request.extensions_mut().insert(peer);
            }
            request
        }
    });
    let service = TowerToHyperService::new(app);
    let connection = connections.serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection.into_owned());
    Again::new(async move {
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            // hyper limits the headers of a request, but not the time until it can tell by the
            // first bytes which version of HTTP they are of.
            () = time::sleep(patience) => {
                if !asked.load(Relaxed) {
                    return tracing::debug!("a connection asked for nothing");
                }
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error, "a connection ended early");
        }
    })
}

fn is_of_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
