use crate::{
    ClosedBy, http1, http2,
    link::Link,
    shared::Shared,
    wire::{Closing, Phase},
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// A listener with its connections. Dropping it closes them all: a phase that nobody can change any
/// more counts as [`Phase::Down`].
#[derive(Debug)]
pub(crate) struct Server {
    phase: watch::Sender<Phase>,
    task: JoinHandle<()>,
}

impl Server {
    /// Must be called within a tokio runtime.
    pub(crate) fn start(listener: TcpListener, shared: Arc<Shared>) -> Self {
        let (phase, closing) = watch::channel(Phase::Open);
        let task = tokio::spawn(accept(listener, shared, Closing(closing)));
        Self { phase, task }
    }

    /// Takes no more calls and waits for the answers that are under way.
    pub(crate) async fn drain(&mut self) {
        self.end(Phase::Draining).await;
    }

    /// Closes everything now.
    pub(crate) async fn kill(&mut self) {
        self.end(Phase::Down).await;
    }

    async fn end(&mut self, phase: Phase) {
        self.phase.send_replace(phase);
        // Nothing in it panics and nobody aborts it; a runtime that ends ends it too.
        let _ = (&mut self.task).await;
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, closing: Closing) {
    // Across restarts too: a number stands for one connection only.
    static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
    let mut connections = JoinSet::new();
    let mut phases = closing.clone();
    loop {
        tokio::select! {
            biased;
            () = phases.draining() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Link {
                        shared: Arc::clone(&shared),
                        connection: CONNECTIONS.fetch_add(1, Ordering::Relaxed),
                        closing: closing.clone(),
                        closed_by: ClosedBy::Provider,
                    }));
                }
                // Out of file descriptors, most likely: some will be free again.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let down = phases.0.wait_for(|phase| *phase == Phase::Down);
    tokio::pin!(down);
    loop {
        tokio::select! {
            biased;
            _ = &mut down => break,
            ended = connections.join_next() => if ended.is_none() { break },
        }
    }
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, mut link: Link) {
    // Without it small writes would wait for each other.
    let _ = stream.set_nodelay(true);
    let spoken = tokio::select! {
        biased;
        spoken = speaks_http2(&stream) => spoken,
        () = link.closing.draining() => return,
    };
    link.closed_by = match spoken {
        Ok(true) => http2::serve(stream, &mut link).await,
        Ok(false) => http1::serve(stream, &mut link).await,
        Err(_) => ClosedBy::Client,
    };
}

/// Whether the connection opens with HTTP/2's preface, which begins with a method of its own.
async fn speaks_http2(stream: &TcpStream) -> io::Result<bool> {
    const PREFACE: &[u8] = b"PRI ";
    let mut start = [0; PREFACE.len()];
    loop {
        let read = stream.peek(&mut start).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if read == start.len() || start[..read] != PREFACE[..read] {
            return Ok(start[..read] == PREFACE[..read]);
        }
        // A piece of the preface: peeking again at once would only find the same.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
