//! The engines in which buttress keeps things.
//!
//! Trusted ones, behind a thin door: [`sqlite::Database`] commits what many callers want written
//! in groups, so that each of them pays for a part of one flush to the disk; [`redis::Server`] keeps
//! a connection, and sends whole steps. What is kept, and how, is for the queue and for the journal
//! to say.
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
