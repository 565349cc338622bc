//! One file, one writer.
//!
//! To write is to wait for the disk: some hundred times a second, whoever asks. So all that many
//! callers want written meanwhile goes into one transaction, and one flush answers them all. The
//! faster they come, the larger the groups.
//!
//! The file is in WAL mode with `synchronous=FULL`: what was acknowledged is there after the
//! program was killed, and after the machine lost its power if its disk keeps what it was told to
//! flush. Several processes of one machine may have it open; each has a writer of its own, and they
//! take turns.

mod database;
mod fault;
mod writer;

pub use self::database::Database;
pub use rusqlite;
