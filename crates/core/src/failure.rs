use crate::error::shown;
use std::{error, fmt, io, time::Duration};

type BoxError = Box<dyn error::Error + Send + Sync + 'static>;

/// What a layer needs to know of a failed attempt.
///
/// One verdict, three readers: retry asks the [`Class`], the breaker and the gate ask the
/// [`Blame`], and whoever waits asks [`RetryAfter`]. Because the three parts are independent,
/// the layers of a stack can act differently on the same failure. A rate-limited answer, for
/// example, is `Transient` (retry may wait), blames a `Limit` (its gate closes, the breaker
/// ignores it) and carries the wait that was asked for (fallback goes on at once where that
/// wait does not fit).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Failure {
    /// What can be done about it.
    pub class: Class,
    /// Whom to tell.
    pub blame: Blame,
    /// What the other side asked for.
    pub retry_after: RetryAfter,
    /// A finer name of what happened, where there is one: a stable word for journeys, logs and
    /// labels, such as `quota_exhausted`.
    pub kind: Option<Name>,
}

/// A word for something that went wrong, which never changes: for journeys, logs and labels.
///
/// As wide as one pointer, since it goes wherever a verdict goes. On its way up through the layers
/// a wider one takes longer to hand on than all else that is done there.
///
/// ```
/// use buttress_core::Name;
///
/// const SPENT: Name = Name::new(&"quota_exhausted");
/// assert_eq!(SPENT.as_str(), "quota_exhausted");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name(&'static &'static str);

impl Name {
    /// This word.
    #[must_use]
    pub const fn new(word: &'static &'static str) -> Self {
        Self(word)
    }

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What can be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// Likely to pass: the same request may succeed at the same place a moment later.
    Transient,
    /// Nobody answered in the time allowed. The other side may still be working at it, and
    /// billing it, so that trying again costs more than after a [`Transient`](Class::Transient)
    /// failure. An answer that *says* "timed out" (408, 504, 524) has ended the work: that is
    /// `Transient`.
    Timeout,
    /// Will not pass by itself: another place or another key may do, this one will not.
    Persistent,
    /// The request can't work as it is, wherever it is sent, unless the place has other limits.
    BadInput,
    /// An answer came, and it is incomplete or malformed.
    Partial,
    /// A layer of this stack refused to make the call. Nothing was sent.
    Rejected,
}

/// Whom a failure speaks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Blame {
    /// The request: nobody's health is in question.
    Request,
    /// The key, account or tenant on whose behalf the call was made: all of its gates listen.
    Key,
    /// A limit of the key, which may bind only some of its calls, such as those to one model: the
    /// gate listens that the call went through.
    Limit,
    /// The service: its circuit breaker listens.
    Service,
    /// This side: configuration, another layer, or a call that never reached the service.
    Local,
}

/// What the other side asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetryAfter {
    /// Nothing was said: the caller's own back-off applies.
    #[default]
    Unspecified,
    /// Not before this much time has passed, counted from the answer.
    After(Duration),
    /// Do not send this again here.
    Never,
}

impl Failure {
    /// A failure of this class and blame, with no word on when to come back.
    #[must_use]
    pub const fn new(class: Class, blame: Blame) -> Self {
        Self {
            class,
            blame,
            retry_after: RetryAfter::Unspecified,
            kind: None,
        }
    }

    /// The service failed in a way that is likely to pass.
    pub const SERVICE: Self = Self::new(Class::Transient, Blame::Service);

    /// The call was cut off or refused before the service began to work at it, as by an HTTP/2
    /// `REFUSED_STREAM`: safe to send again at once, and no sign of ill health.
    pub const UNPROCESSED: Self = Self {
        class: Class::Transient,
        blame: Blame::Local,
        retry_after: RetryAfter::After(Duration::ZERO),
        kind: None,
    };

    /// Sets what the other side asked for.
    #[must_use]
    pub const fn retry_after(mut self, retry_after: RetryAfter) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// Gives it a finer name.
    #[must_use]
    pub const fn kind(mut self, kind: Name) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Whether it is [`UNPROCESSED`](Self::UNPROCESSED), by whatever name.
    #[must_use]
    pub fn is_unprocessed(&self) -> bool {
        let unnamed = Self {
            kind: None,
            ..*self
        };
        unnamed == Self::UNPROCESSED
    }

    /// The wait that was asked for, if one was.
    #[must_use]
    pub const fn wait(&self) -> Option<Duration> {
        match self.retry_after {
            RetryAfter::After(wait) => Some(wait),
            RetryAfter::Unspecified | RetryAfter::Never => None,
        }
    }
}

/// The source of an error that is known by its verdict where its type is not.
impl error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.class, self.blame)?;
        match self.retry_after {
            RetryAfter::Unspecified => Ok(()),
            RetryAfter::After(wait) => write!(f, ", retry after {:?}", shown(wait)),
            RetryAfter::Never => f.write_str(", not to be retried"),
        }
    }
}

impl Class {
    /// A stable lower-case name, for logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Timeout => "timeout",
            Self::Persistent => "persistent",
            Self::BadInput => "bad_input",
            Self::Partial => "partial",
            Self::Rejected => "rejected",
        }
    }
}

impl Blame {
    /// A stable lower-case name, for logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Key => "key",
            Self::Limit => "limit",
            Self::Service => "service",
            Self::Local => "local",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error that knows its own verdict.
///
/// The layers' own errors implement it, and so should an application's error enum: its
/// variants that wrap a layer's error pass the question on.
///
/// For [`BoxError`](Box) the chain of sources is searched for an error of this stack
/// ([`Rejected`](crate::Rejected), [`Elapsed`](crate::Elapsed),
/// [`Exhausted`](crate::Exhausted)) or for a [`Failure`], which an error can give as its source to
/// be known by ([`Uncorrected`](crate::Uncorrected) does); any other error is taken for a broken
/// connection: `Transient`, to be blamed on the service.
pub trait AsFailure {
    /// The verdict on this error.
    fn as_failure(&self) -> Failure;
}

impl<E: AsFailure + ?Sized> AsFailure for &E {
    fn as_failure(&self) -> Failure {
        E::as_failure(self)
    }
}

impl AsFailure for std::convert::Infallible {
    fn as_failure(&self) -> Failure {
        match *self {}
    }
}

impl AsFailure for io::Error {
    fn as_failure(&self) -> Failure {
        in_chain(self).unwrap_or(Failure::SERVICE)
    }
}

impl AsFailure for dyn error::Error + Send + Sync + 'static {
    fn as_failure(&self) -> Failure {
        in_chain(self).unwrap_or(Failure::SERVICE)
    }
}

impl AsFailure for BoxError {
    fn as_failure(&self) -> Failure {
        (**self).as_failure()
    }
}

/// The verdict of the outermost error of this stack in a chain of sources.
fn in_chain(error: &(dyn error::Error + 'static)) -> Option<Failure> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(failure) = error.downcast_ref::<Failure>() {
            return Some(*failure);
        }
        if let Some(rejected) = error.downcast_ref::<crate::Rejected>() {
            return Some(rejected.as_failure());
        }
        if let Some(elapsed) = error.downcast_ref::<crate::Elapsed>() {
            return Some(elapsed.as_failure());
        }
        if let Some(exhausted) = error.downcast_ref::<crate::Exhausted<BoxError>>() {
            return Some(exhausted.as_failure());
        }
        // An I/O error that wraps another one shows the source of that one as its own.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cause, Exhausted, Rejected};

    #[test]
    fn a_boxed_error_is_judged_by_the_stack_error_in_its_chain() {
        #[derive(Debug)]
        struct Outer(Rejected);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("outer")
            }
        }
        impl error::Error for Outer {
            fn source(&self) -> Option<&(dyn error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let wait = Duration::from_secs(3);
        let rejected = Rejected::new(Cause::CircuitOpen).retry_after(wait);
        let boxed: BoxError = Outer(rejected).into();
        let failure = boxed.as_failure();
        assert_eq!(failure.class, Class::Rejected);
        assert_eq!(failure.wait(), Some(wait));

        let wrapped = io::Error::other(rejected);
        assert_eq!(wrapped.as_failure().class, Class::Rejected);
        let boxed: BoxError = wrapped.into();
        assert_eq!(boxed.as_failure().class, Class::Rejected);

        let boxed: BoxError = "reset by peer".into();
        assert_eq!(boxed.as_failure(), Failure::SERVICE);

        let boxed: BoxError = Exhausted::<BoxError>::new(Vec::new()).into();
        assert_eq!(boxed.as_failure().class, Class::Rejected);
    }

    #[test]
    fn a_name_changes_nothing_in_what_was_never_processed() {
        assert!(
            Failure::UNPROCESSED
                .kind(Name::new(&"transient"))
                .is_unprocessed()
        );
        assert!(!Failure::SERVICE.is_unprocessed());
        assert_eq!(
            Rejected::new(Cause::GateClosed).as_failure().kind,
            Some(Name::new(&"gate_closed"))
        );
    }
}
