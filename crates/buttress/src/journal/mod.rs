//! Sessions that resume: steps that were paid for are not paid for again.
//!
//! An agent whose process died begins again, and makes the calls once more that it made before. A
//! [`JournalLayer`] records each finished call of a [`Session`] and gives those answers again, until
//! the agent is where it was; then it goes on live. A stream is given as a stream, a whole answer
//! as a whole one.
//!
//! ```
//! use buttress::journal::{JournalLayer, LlmJournal, Sessions, SqliteRecords};
//! use buttress::llm::{LlmRequest, Provider};
//! use buttress::{Session, client::LlmClient};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("journal.db");
//! let provider = buttress_testkit::Provider::openai().start().await?;
//! let client = LlmClient::builder(Provider::OpenAi).base_url(provider.base_url()).build()?;
//!
//! // Each time as if the process had begun anew.
//! for _ in 0..3 {
//!     let sessions = Sessions::new(SqliteRecords::open(&file)?);
//!     let service = ServiceBuilder::new()
//!         .layer(JournalLayer::new(sessions, LlmJournal::new()))
//!         // Here come correction, deadline, fallback, retry and all the others.
//!         .service(client.clone());
//!
//!     let request = LlmRequest::chat("gpt-5").user("Say hello.").build()?;
//!     let request = request.session(Session::new("order-1729")?);
//!     assert_eq!(service.oneshot(request).await?.into_text().await?, "Hello from the testkit.");
//! }
//! assert_eq!(provider.call_count(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Where it stands
//! Around what gets an answer: correction, deadline, fallback, so that what is recorded is what was
//! good enough in the end. Within a layer that degrades, so that what it gives instead of an answer
//! is not recorded. A request without a session passes at no cost.
//!
//! # What an answer given again is like
//! The body is what was recorded, byte by byte, with the tokens that it was counted as when it was
//! paid for. Its [route](crate::llm::LlmResponse::route) is [`ROUTE`], its journey says so too, and
//! no upstream call was made: who adds up costs leaves it out. The provider's headers are not kept.
//!
//! # What makes a request the same
//! The dialect, the model, whether it streams, and the JSON of its body, however that is laid out;
//! headers do not count. A prompt with the time of day in it is another one each time. Which step
//! of a session a request is, and what becomes of one that changed, is told in the
//! [mechanism's documentation](buttress_journal): where no step is given, it is the number of
//! messages.

mod policy;
mod replay;
mod tape;
#[cfg(test)]
mod tests;

pub use self::policy::{LlmJournal, ROUTE};
#[doc(inline)]
pub use buttress_core::{InvalidSession, Session};
#[cfg(feature = "journal-redis")]
#[doc(inline)]
pub use buttress_journal::RedisRecords;
#[doc(inline)]
pub use buttress_journal::{
    About, Answer, Asked, BoxFuture, CannotOpen, CannotSeal, Cipher, Digest, Entry, Found, Journal,
    JournalLayer, JournalPolicy, Key, Memory, OnChange, Page, Pen, Record, Records, ResponseFuture,
    SessionInfo, Sessions, Settings, SqliteRecords, Step, StoreError, Unreadable,
};
#[cfg(feature = "seal")]
#[doc(inline)]
pub use buttress_journal::{InvalidKey, Seal};
