//! Being told to stop: by ctrl-C, or by SIGTERM as service managers do; and to read the
//! configuration again, by SIGHUP.

use std::{future::pending, io};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears every time that the program is told to stop.
pub(super) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// Listens from now on.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Resolves when it is told the next time.
    pub(super) async fn told(&mut self) {
        let told = tokio::select! {
            told = self.interrupt.recv() => told,
            told = self.terminate.recv() => told,
        };
        if told.is_none() {
            pending().await
        }
    }
}

/// Hears every time that the program is told to read its configuration again.
pub(super) struct Hangup(Signal);

impl Hangup {
    /// Listens from now on.
    pub(super) fn new() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Resolves when it is told the next time.
    pub(super) async fn told(&mut self) {
        if self.0.recv().await.is_none() {
            pending().await
        }
    }
}
