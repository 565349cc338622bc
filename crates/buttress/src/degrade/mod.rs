//! Keeping requests that can't be answered now.
//!
//! [`LlmDegrade`] is what a [`DegradeLayer`](crate::queue::DegradeLayer) has to know of LLM calls:
//! which failures are worth another try later, and what is written down of a request. What it
//! writes, [`Replay`](crate::replay::Replay) reads.
//!
//! ```
//! use buttress::{Stack, Route};
//! use buttress::client::LlmClient;
//! use buttress::degrade::LlmDegrade;
//! use buttress::llm::{LlmRequest, Provider};
//! use buttress::queue::{Degradable, DegradeLayer, Queue, Settings, SqliteStore};
//! use tower::{Layer, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! # let nowhere = buttress_testkit::Nowhere::new()?;
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("queue.db");
//! # let retry = buttress::retry::RetryLayer::standard().max_retries(0);
//! let client = LlmClient::builder(Provider::OpenAi).base_url(nowhere.url()).build()?;
//! let stack = Stack::new(Route::new("gpt", client).retry(retry)).service();
//!
//! // On the disk; in a Redis server by `RedisStore::connect`, with the feature `queue-redis`.
//! let queue = Queue::new(SqliteStore::open(&file, Settings::new())?);
//! let policy = LlmDegrade::new().session_id("session-7");
//! let service = DegradeLayer::new(queue.clone(), policy).layer(stack);
//!
//! let request = LlmRequest::chat("gpt-5").user("Are you there?").build()?;
//! let Degradable::Degraded(degraded) = service.oneshot(request).await? else {
//!     unreachable!("nobody listens at that address");
//! };
//! let id = degraded.id().expect("the store acknowledged it");
//!
//! // Whoever opens the file, now or when all of this has ended and begun anew, finds it there.
//! let queue = Queue::new(SqliteStore::open(&file, Settings::new())?);
//! assert!(queue.inspect(id).await?.is_some());
//! # Ok(())
//! # }
//! ```

mod origin;
mod policy;
#[cfg(test)]
mod tests;

pub use self::{origin::Origin, policy::LlmDegrade};
