use crate::{AsFailure, Blame, Class, Failure, Name};
use std::{error, fmt};

/// An answer was wrong, and asking for a correction did not mend it.
///
/// `W` is what was found wrong with an answer, the answer included where whoever found it kept it.
/// As that may be text which is not for logs, neither `Display` nor `Debug` show any of it, and
/// nothing is asked of it.
///
/// Its [source](error::Error::source) is its verdict, so that it is known in a `BoxError` too.
#[non_exhaustive]
pub struct Uncorrected<W> {
    /// The wrong answers, in the order in which they came. There is at least one.
    pub attempts: Vec<W>,
}

/// What it is to whoever stands above: the answer is at fault, and nobody's health in question.
const FAILURE: Failure =
    Failure::new(Class::Partial, Blame::Request).kind(Name::new(&"uncorrected"));

impl<W> Uncorrected<W> {
    /// These were the wrong answers.
    #[must_use]
    pub const fn new(attempts: Vec<W>) -> Self {
        Self { attempts }
    }

    /// What was wrong with the last one.
    #[must_use]
    pub fn last(&self) -> Option<&W> {
        self.attempts.last()
    }

    /// The same, with what was wrong told in another way.
    #[must_use]
    pub fn map<V>(self, tell: impl FnMut(W) -> V) -> Uncorrected<V> {
        Uncorrected::new(self.attempts.into_iter().map(tell).collect())
    }
}

impl<W> AsFailure for Uncorrected<W> {
    fn as_failure(&self) -> Failure {
        FAILURE
    }
}

impl<W> fmt::Display for Uncorrected<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.attempts.len().saturating_sub(1) {
            0 => f.write_str("the answer is wrong"),
            1 => f.write_str("the answer is wrong, and its correction is as well"),
            more => write!(f, "the answer is wrong, and so are its {more} corrections"),
        }
    }
}

impl<W> fmt::Debug for Uncorrected<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uncorrected")
            .field("attempts", &self.attempts.len())
            .finish()
    }
}

impl<W> error::Error for Uncorrected<W> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&FAILURE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_in_a_box_and_tells_nothing() {
        let error = Uncorrected::new(vec!["secret", "secret"]);
        assert_eq!(error.last(), Some(&"secret"));
        assert!(!format!("{error} {error:?}").contains("secret"));
        let boxed: Box<dyn error::Error + Send + Sync> = error.map(str::len).into();
        let failure = boxed.as_failure();
        assert_eq!(
            (failure.class, failure.blame),
            (Class::Partial, Blame::Request)
        );
    }
}
