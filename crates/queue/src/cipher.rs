use crate::TaskId;
use bytes::Bytes;
use std::{error, fmt};

/// Seals what is kept in a store, and opens it again.
///
/// The feature `seal` has one: `Seal`.
pub trait Cipher: fmt::Debug + Send + Sync + 'static {
    /// Seals this part of this task, so that it can be opened only as the same part of the same
    /// task, and appends it.
    ///
    /// # Errors
    /// It can't be sealed, for want of randomness perhaps.
    fn seal(
        &self,
        id: TaskId,
        part: Part,
        plain: &[u8],
        sealed: &mut Vec<u8>,
    ) -> Result<(), CannotSeal>;

    /// Opens what was sealed.
    ///
    /// # Errors
    /// It can't be opened.
    fn open(&self, id: TaskId, part: Part, sealed: &[u8]) -> Result<Bytes, Unopened>;
}

/// What of a task is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// What is to be done.
    Task,
    /// What came of it.
    Result,
}

impl Part {
    /// A stable lower-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Result => "result",
        }
    }
}

/// It could not be sealed, so it was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CannotSeal;

impl fmt::Display for CannotSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it can't be sealed")
    }
}

impl error::Error for CannotSeal {}

/// Why something that is kept can't be read. It stays in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unopened {
    /// It is sealed, and no key was given.
    NoKey,
    /// It is sealed with a key that is not among those that were given.
    UnknownKey,
    /// It is not what was sealed, or was sealed for another task.
    Damaged,
    /// It is no task.
    NoTask,
}

impl Unopened {
    /// Whether another key would open it: nothing is wrong with what is kept.
    #[must_use]
    pub const fn wants_key(self) -> bool {
        matches!(self, Self::NoKey | Self::UnknownKey)
    }
}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoKey => "it is sealed, and there is no key",
            Self::UnknownKey => "it is sealed with a key that is not known",
            Self::Damaged => "it is damaged, or belongs to another task",
            Self::NoTask => "it is no task",
        })
    }
}

impl error::Error for Unopened {}
