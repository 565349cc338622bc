//! Graceful degradation: what can't be answered now is kept in a durable queue, and answered
//! later.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod entry;
mod id;
mod settings;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod task;

#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;
pub use self::{
    entry::{Claimed, Counts, Enqueued, Entry, Lease, Page, Record, State, Swept},
    id::{InvalidId, TaskId},
    settings::Settings,
    store::{BoxFuture, Store},
    task::{InvalidTask, Task},
};
pub use buttress_store::StoreError;
