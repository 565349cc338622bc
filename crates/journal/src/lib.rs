//! Sessions that resume.
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
