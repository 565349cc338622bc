use crate::Said;
use std::fmt;

/// An answer that is not what was asked for, and why not.
///
/// What it said is there for whoever asks for it; `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WrongAnswer {
    /// What it said.
    pub said: Said,
    /// What is wrong with it, each with the place where it is so, as in
    /// `/age: value is not of type "integer"`. Values are not quoted, names of fields can be.
    pub problems: Vec<String>,
}

impl WrongAnswer {
    /// This was said, and that is wrong with it.
    #[must_use]
    pub const fn new(said: Said, problems: Vec<String>) -> Self {
        Self { said, problems }
    }
}

impl fmt::Debug for WrongAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrongAnswer")
            .field("said", &self.said)
            .field("problems", &self.problems.len())
            .finish()
    }
}
