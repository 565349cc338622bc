//! HTTP/2 over `h2`, for clients that know beforehand that it is spoken here.

mod answer;
mod socket;

use crate::{ClosedBy, link::Link, reply::End, shared::Shared};
use answer::answer;
use socket::Socket;
use std::{future::poll_fn, io, sync::Arc, task::Poll, time::Duration};
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::mpsc, task::JoinSet};

/// `GOAWAY` with the last stream 0 and no error: nothing on this connection was processed.
const GO_AWAY: &[u8] = &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// The head of a frame longer than any that is allowed.
const GARBAGE: &[u8] = &[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1];

/// Serves one connection and says who closed it.
pub(crate) async fn serve(stream: TcpStream, link: &mut Link) -> ClosedBy {
    let socket = Arc::new(stream);
    let handshake = h2::server::handshake(Socket(Arc::clone(&socket)));
    let mut connection = tokio::select! {
        biased;
        shaken = handshake => match shaken {
            Ok(connection) => connection,
            Err(_) => return ClosedBy::Client,
        },
        () = link.closing.draining() => return ClosedBy::Provider,
    };
    let (breaks, mut broken) = mpsc::channel(1);
    let mut answers = JoinSet::new();
    let mut draining = false;
    let end = loop {
        tokio::select! {
            biased;
            Some(end) = broken.recv() => break end,
            accepted = connection.accept() => match accepted {
                Some(Ok((request, respond))) => {
                    let shared: Arc<Shared> = Arc::clone(&link.shared);
                    let closing = link.closing.clone();
                    let breaks = breaks.clone();
                    let number = link.connection;
                    answers.spawn(async move {
                        answer(request, respond, &shared, number, closing, breaks).await;
                    });
                }
                _ if draining => return ClosedBy::Provider,
                _ => return ClosedBy::Client,
            },
            () = link.closing.draining(), if !draining => {
                draining = true;
                connection.graceful_shutdown();
            }
            Some(_) = answers.join_next() => {}
        }
    };
    // What answers have been given goes out first.
    poll_fn(|cx| {
        let _ = connection.poll_accept(cx);
        Poll::Ready(())
    })
    .await;
    drop(connection);
    if let Some(stream) = Arc::into_inner(socket) {
        // A client that is gone already needs no breaking.
        let _ = close(stream, end).await;
    }
    ClosedBy::Provider
}

async fn close(mut stream: TcpStream, end: End) -> io::Result<()> {
    match end {
        End::Reset => return stream.set_zero_linger(),
        End::GoAway => stream.write_all(GO_AWAY).await?,
        End::Garbage => stream.write_all(GARBAGE).await?,
        End::Clean | End::Close | End::Stall | End::RefuseStream => {}
    }
    stream.shutdown().await?;
    // Closing with bytes unread, such as a window update, would send an RST after the FIN.
    let mut rest = tokio::io::sink();
    let drained = tokio::io::copy(&mut stream, &mut rest);
    tokio::time::timeout(Duration::from_millis(100), drained).await??;
    Ok(())
}
