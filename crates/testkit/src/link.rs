use crate::{ClosedBy, shared::Shared, wire::Closing};
use std::sync::Arc;

/// What one connection holds of its provider. Dropped, it writes down that the connection is
/// closed, so that an aborted task is written down too.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) shared: Arc<Shared>,
    pub(crate) connection: u64,
    pub(crate) closing: Closing,
    pub(crate) closed_by: ClosedBy,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared
            .log
            .connection_closed(self.connection, self.closed_by);
    }
}
