use crate::StoreError;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whether the store is there, so that it is said once when it goes and once when it comes back.
#[derive(Debug, Default)]
pub(super) struct Outage(AtomicBool);

impl Outage {
    /// It did not do what it was asked.
    pub(super) fn begins(&self, error: &StoreError) {
        if !self.0.swap(true, Relaxed) {
            let source = std::error::Error::source(error);
            tracing::error!(
                error = %error,
                cause = source,
                "the store of the queue fails; the worker goes on when it is there again"
            );
        }
    }

    /// It did.
    pub(super) fn ends(&self) {
        // A read is cheaper than a write, and nearly always enough.
        if self.0.load(Relaxed) && self.0.swap(false, Relaxed) {
            tracing::info!("the store of the queue is there again");
        }
    }
}
