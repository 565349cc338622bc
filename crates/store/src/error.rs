use std::{error, fmt};

type BoxError = Box<dyn error::Error + Send + Sync>;

/// Why a store did not do what it was asked.
///
/// Nothing of what was to be stored is in it.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// It can't be reached, or does not answer in time: later it may. What was asked may have been
    /// done all the same.
    Unavailable(BoxError),
    /// There is no room: on the disk, in the server's memory, or by a limit that was set. Nothing
    /// was stored.
    Full(&'static str),
    /// It can be read and not written.
    ReadOnly(BoxError),
    /// One thing is larger than may be stored.
    TooLarge {
        /// Its size, in bytes.
        bytes: usize,
        /// The most that one may have.
        most: usize,
    },
    /// What was held for a time is not held any more, as a queue's task after its lease: somebody
    /// else has it, or has ended it.
    Lost,
    /// What is stored is not what was written: damaged, of another program, or sealed with a key
    /// that is not known.
    Corrupt(BoxError),
    /// Anything else that the engine says.
    Engine(BoxError),
}

impl StoreError {
    /// A stable lower-case name, for logs and labels.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Full(_) => "full",
            Self::ReadOnly(_) => "read_only",
            Self::TooLarge { .. } => "too_large",
            Self::Lost => "lost",
            Self::Corrupt(_) => "corrupt",
            Self::Engine(_) => "engine",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(_) => f.write_str("the store can't be reached"),
            Self::Full(what) => write!(f, "the store is full: {what}"),
            Self::ReadOnly(_) => f.write_str("the store can't be written"),
            Self::TooLarge { bytes, most } => {
                write!(
                    f,
                    "{bytes} bytes are more than the {most} that may be stored as one"
                )
            }
            Self::Lost => f.write_str("what was held is not held any more"),
            Self::Corrupt(_) => f.write_str("what is stored can't be read"),
            Self::Engine(_) => f.write_str("the store failed"),
        }
    }
}

impl error::Error for StoreError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Unavailable(error)
            | Self::ReadOnly(error)
            | Self::Corrupt(error)
            | Self::Engine(error) => Some(&**error),
            Self::Full(_) | Self::TooLarge { .. } | Self::Lost => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_true_whatever_is_kept() {
        let large = StoreError::TooLarge { bytes: 9, most: 4 };
        let said = "9 bytes are more than the 4 that may be stored as one";
        assert_eq!(large.to_string(), said);
        let lost = StoreError::Lost.to_string();
        assert_eq!(lost, "what was held is not held any more");
    }
}
