//! Sessions that resume: what was answered and paid for once is given again, and not asked again.
//!
//! A process dies in the middle of its work, begins again, and makes the same calls once more. A
//! [`JournalLayer`] records each finished call of a [`Session`] under the session, the step and a
//! [`Digest`] of the request, and gives the recorded answers again until the process is where it
//! was; then it goes on live. What a request and an answer are, a [`JournalPolicy`] tells; where
//! they are kept, [`Records`]: an SQLite file, that the queue may be in too, or a Redis server.
//!
//! ```
//! use buttress_core::{Rejected, Session};
//! use buttress_journal::{
//!     Answer, Asked, Digest, JournalLayer, JournalPolicy, Memory, Pen, Sessions, Unreadable,
//! };
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//!
//! /// Questions are strings, each of the session that it comes with.
//! struct Questions;
//!
//! impl JournalPolicy<(Session, String), String> for Questions {
//!     type Context = ();
//!
//!     fn session<'a>(&self, (session, _): &'a (Session, String)) -> Option<&'a Session> {
//!         Some(session)
//!     }
//!
//!     fn context(&self, _: &(Session, String)) {}
//!
//!     fn asked(&self, (_, question): &(Session, String)) -> Asked {
//!         Asked::new(Digest::of(&[question.as_bytes()]), 0)
//!     }
//!
//!     fn replay(&self, _: &(Session, String), answer: Answer) -> Result<String, Unreadable> {
//!         String::from_utf8(answer.body.into()).map_err(|_| Unreadable::new())
//!     }
//!
//!     async fn record(&self, answer: String, pen: Pen) -> String {
//!         pen.write(Answer::whole(answer.clone().into())).await;
//!         answer
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let service = ServiceBuilder::new()
//!     .layer(JournalLayer::new(Sessions::new(Memory::new()), Questions))
//!     .service(service_fn(async |(_, question): (Session, String)| {
//!         Ok::<_, BoxError>(format!("{question} {}", rand::random::<u64>()))
//!     }));
//!
//! let session = Session::new("order-1729")?;
//! let first = service.clone().oneshot((session.clone(), "Why?".to_owned())).await?;
//! let again = service.clone().oneshot((session, "Why?".to_owned())).await?;
//! assert_eq!(first, again);
//! # Ok(())
//! # }
//! ```
//!
//! # Which step it is
//! The gateway does not die with the agent, and an agent can't be asked what it remembers: which
//! call this is has to stand in the call itself. There are two ways.
//!
//! - **It is given**, with [`Session::step`]. At a step there is one request. Another one is a
//!   request that changed: by [setting](JournalLayer::on_change) it begins another
//!   [branch](OnChange::Branch), or is [refused](OnChange::Refuse). Calls side by side need numbers
//!   of their own.
//! - **It is told by the request**: its [position](Asked::position), of a conversation the number of
//!   messages, which grows from call to call and is the same whenever the agent comes by. Any number
//!   of requests may be at one position, so calls side by side need nothing more. A request that
//!   changed is one that was never made: it is answered and recorded. Since each turn of a
//!   conversation repeats the ones before it, nothing of the old conversation is given in the new
//!   one.
//!
//! Whichever: an answer is given only to the same request. So no branch needs to be hidden from
//! another, and what was paid for on an old one is given to whoever goes back to it.
//!
//! # The same request twice
//! In a session, the same request at the same step is the same call: it was made again because its
//! answer was lost. A program that asks the same on purpose, to get another answer, says which
//! [run][`Session::run`] it is: within a run, the second of the same requests gets the second record.
//! Which records a run was given is known in memory only. When that is lost, a run may be given an
//! answer for the second time; none is paid for twice.
//!
//! Two of the same requests at once are both made: neither waits for the other.
//!
//! # What is recorded
//! Answers that are whole, as their policy judges, of at most [so many bytes](Settings::max_answer).
//! The answer, or the end of its stream, is given when it has been recorded: whoever has it need not
//! pay again, whatever happens next. A store that is down fails no call and delays it by no more
//! than the [limit](JournalLayer::limit), and an answer is recorded also when its caller has left
//! meanwhile. Requests are kept only [if that is set](JournalLayer::keep_requests).
//!
//! A session is kept [for a week](Settings::max_age) after its last record, if somebody
//! [sweeps](Sessions::keep_swept).
//!
//! [`Session`]: buttress_core::Session
//! [`Session::step`]: buttress_core::Session::step
//! [`Session::run`]: buttress_core::Session::run
#![cfg_attr(docsrs, feature(doc_cfg))]

mod canonical;
mod cipher;
mod digest;
mod layer;
mod memory;
mod record;
mod records;
#[cfg(feature = "redis")]
mod redis;
mod runs;
mod sessions;
mod settings;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "redis")]
pub use self::redis::RedisRecords;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteRecords;
pub use self::{
    digest::Digest,
    layer::{
        Asked, Journal, JournalLayer, JournalPolicy, OnChange, Pen, ResponseFuture, Unreadable,
    },
    memory::Memory,
    record::{About, Answer, Entry, Key, Page, Record, SessionInfo, Step},
    records::{BoxFuture, Found, Records},
    sessions::Sessions,
    settings::Settings,
};
pub use buttress_store::{CannotOpen, CannotSeal, Cipher, StoreError};
#[cfg(feature = "seal")]
pub use buttress_store::{InvalidKey, Seal};
