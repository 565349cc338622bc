//! Graceful degradation: what can't be answered now is kept in a durable queue, and answered
//! later.
//!
//! - A [`Store`] keeps bytes, and gives them out under leases. There are several engines; which of
//!   them loses nothing when what fails is said where it is opened. [`Memory`] keeps nothing beyond
//!   the process.
//! - A [`Queue`] is the handle to one: it puts [`Task`]s in and takes them out, and seals and opens
//!   them, if it is given a [`Cipher`].
//! - A [`DegradeLayer`] puts in what its service could not answer, and gives a degraded answer.
//! - A [`Worker`] takes tasks out and gives them to a service, until they are done or dead.
//!
//! None of them knows what is asked. What a request is, and what an answer, is for the
//! [`DegradePolicy`] and the worker's service to say.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod cipher;
mod degrade;
mod entry;
#[cfg(test)]
mod flaky;
mod id;
mod lanes;
mod memory;
mod queue;
#[cfg(feature = "redis")]
mod redis;
mod settings;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod task;
mod worker;

#[cfg(feature = "redis")]
pub use self::redis::{Intake, RedisStore};
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;
pub use self::{
    cipher::Unopened,
    degrade::{
        Degradable, Degrade, DegradeLayer, DegradePolicy, Degraded, NotQueued, ResponseFuture,
        is_worth_queueing,
    },
    entry::{Claimed, Counts, Enqueued, Entry, Lease, Page, Record, State, Swept},
    id::{InvalidId, TaskId},
    lanes::Lanes,
    memory::Memory,
    queue::{Kept, Queue},
    settings::Settings,
    store::{BoxFuture, Store},
    task::{InvalidTask, Task},
    worker::{Delivery, Progress, Verdict, Worker},
};
#[cfg(feature = "sqlite")]
pub use buttress_store::sqlite::Database;
pub use buttress_store::{CannotOpen, CannotSeal, Cipher, StoreError};
#[cfg(feature = "seal")]
pub use buttress_store::{InvalidKey, Seal};
