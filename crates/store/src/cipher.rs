use bytes::Bytes;
use std::{error, fmt};

/// Seals what is kept in a store, and opens it again.
///
/// [`Seal`](crate::Seal) is one, of the feature `seal`.
pub trait Cipher: fmt::Debug + Send + Sync + 'static {
    /// Seals this, so that it can be opened only under the same name, and appends it.
    ///
    /// # Errors
    /// It can't be sealed, for want of randomness perhaps.
    fn seal(&self, name: &[u8], plain: &[u8], sealed: &mut Vec<u8>) -> Result<(), CannotSeal>;

    /// Opens what was sealed under this name.
    ///
    /// # Errors
    /// It can't be opened.
    fn open(&self, name: &[u8], sealed: &[u8]) -> Result<Bytes, CannotOpen>;
}

/// It could not be sealed, so it was not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to say of it")]
pub struct CannotSeal;

/// Why something that is kept can't be opened. It stays in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CannotOpen {
    /// It is sealed, and no key was given.
    NoKey,
    /// It is sealed with a key that is not among those that were given.
    UnknownKey,
    /// It is not what was sealed, or was sealed under another name.
    Damaged,
}

impl CannotOpen {
    /// Whether another key would open it: nothing is wrong with what is kept.
    #[must_use]
    pub const fn wants_key(self) -> bool {
        matches!(self, Self::NoKey | Self::UnknownKey)
    }
}

impl fmt::Display for CannotSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it can't be sealed")
    }
}

impl fmt::Display for CannotOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoKey => "it is sealed, and there is no key",
            Self::UnknownKey => "it is sealed with a key that is not known",
            Self::Damaged => "it is damaged, or belongs to something else",
        })
    }
}

impl error::Error for CannotSeal {}
impl error::Error for CannotOpen {}
