//! Graceful degradation: what can't be answered now is kept in a durable queue, and answered
//! later.
//!
//! A [`DegradeLayer`] puts into a [`Queue`] what its service could not answer, and gives a degraded
//! answer, by which the caller knows the name of the real one. A [`Worker`] takes it out when there is
//! somebody to answer it:
//!
//! ```
//! use buttress_core::{AsFailure, Failure};
//! use buttress_queue::{
//!     Degradable, DegradeLayer, DegradePolicy, Delivery, Memory, Queue, Settings, State, Task, Verdict,
//!     Worker, is_worth_queueing,
//! };
//! use serde_json::{json, value::to_raw_value};
//! use std::{convert::Infallible, io};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! /// Questions are strings.
//! struct Questions;
//!
//! impl DegradePolicy<String, io::Error> for Questions {
//!     type Kept = String;
//!
//!     fn keep(&self, question: &String) -> Option<String> {
//!         Some(question.clone())
//!     }
//!
//!     fn degrades(&self, error: &io::Error) -> Option<Failure> {
//!         Some(error.as_failure()).filter(is_worth_queueing)
//!     }
//!
//!     fn task(&self, question: String, _: &io::Error) -> Option<Task> {
//!         Some(Task::new(to_raw_value(&json!([question])).ok()?))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let queue = Queue::new(Memory::new(Settings::new()));
//! let service = ServiceBuilder::new()
//!     .layer(DegradeLayer::new(queue.clone(), Questions))
//!     .service(service_fn(async |_: String| Err::<String, _>(io::ErrorKind::ConnectionRefused.into())));
//!
//! let Degradable::Degraded(degraded) = service.oneshot("Why?".to_owned()).await? else {
//!     unreachable!("nobody is there to answer");
//! };
//! let id = degraded.id().expect("the store acknowledged it");
//!
//! // Later, perhaps in another process.
//! let worker = Worker::new(queue.clone(), service_fn(async |delivery: Delivery| {
//!     let asked = delivery.task.messages.get();
//!     Ok::<_, Infallible>(Verdict::Done(format!("{asked}: because.").into()))
//! }));
//! let mut progress = worker.progress();
//! let done = async move {
//!     let _ = progress.wait_for(|progress| progress.done == 1).await;
//! };
//! worker.run(done).await;
//! assert_eq!(queue.inspect(id).await?.expect("it is kept").record.state, State::Done);
//! # Ok(())
//! # }
//! ```
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
