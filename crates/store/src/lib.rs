//! The engines in which buttress keeps things.
//!
//! Trusted ones, behind a thin door: [`sqlite::Database`] commits what many callers want written
//! in groups, so that each of them pays for a part of one flush to the disk; [`redis::Server`] keeps
//! a connection, and sends whole steps. What is kept, and how, is for the queue and for the journal
//! to say, and these are what to build on: what this crate shows beside what they show of it may
//! change with any version.
//!
//! ```
//! use buttress_store::sqlite::Database;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("notes.db");
//! let database = Database::open(file, |file| {
//!     file.execute_batch("CREATE TABLE IF NOT EXISTS notes (text TEXT NOT NULL)")
//! })?;
//! let note = |text: &'static str| {
//!     database.write(move |file| Ok(file.execute("INSERT INTO notes VALUES (?1)", [text])?))
//! };
//!
//! // Two callers, each of whom goes on when its own is on the disk.
//! let (first, second) = tokio::join!(note("first"), note("second"));
//! assert_eq!((first?, second?), (1, 1));
//!
//! let count: i64 = database
//!     .read(|file| Ok(file.query_row("SELECT count(*) FROM notes", [], |row| row.get(0))?))
//!     .await?;
//! assert_eq!(count, 2);
//! # Ok(())
//! # }
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

mod cipher;
mod error;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "seal")]
mod seal;
#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(feature = "seal")]
pub use self::seal::{InvalidKey, Seal};
pub use self::{
    cipher::{CannotOpen, CannotSeal, Cipher},
    error::StoreError,
};
