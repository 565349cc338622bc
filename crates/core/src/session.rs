use std::{error, fmt, sync::Arc};

/// The session that a request belongs to: what one agent does for one purpose, over all its
/// processes.
///
/// It is named by whoever runs the agent, who gives the same name when it runs again.
///
/// ```
/// use buttress_core::Session;
///
/// let session = Session::new("order-1729")?.step(3);
/// assert_eq!((&**session.id(), session.given_step()), ("order-1729", Some(3)));
/// # Ok::<_, buttress_core::InvalidSession>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    id: Arc<str>,
    run: Option<Arc<str>>,
    step: Option<u64>,
}

/// A name that a session or a run can't have: it is empty, longer than
/// [`Session::MAX_NAME`] bytes, or has control characters in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidSession;

impl Session {
    /// How long the name of a session or of a run may be, in bytes.
    pub const MAX_NAME: usize = 256;

    /// The session of this name.
    ///
    /// # Errors
    /// It can't be a name.
    pub fn new(id: impl Into<Arc<str>>) -> Result<Self, InvalidSession> {
        Ok(Self {
            id: named(id.into())?,
            run: None,
            step: None,
        })
    }

    /// Sets which run of the session this is: a name that is new whenever the agent begins from
    /// the start, such as one drawn at random by its process \[none\].
    ///
    /// # Errors
    /// It can't be a name.
    pub fn run(mut self, run: impl Into<Arc<str>>) -> Result<Self, InvalidSession> {
        self.run = Some(named(run.into())?);
        Ok(self)
    }

    /// Sets which step of the session the request is \[what the request itself tells\]. An agent
    /// that runs again gives the same numbers to the same steps; requests side by side have
    /// numbers of their own.
    #[must_use]
    pub const fn step(mut self, step: u64) -> Self {
        self.step = Some(step);
        self
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// The name of the run, if it was given.
    #[must_use]
    pub const fn given_run(&self) -> Option<&Arc<str>> {
        self.run.as_ref()
    }

    /// The step, if it was given.
    #[must_use]
    pub const fn given_step(&self) -> Option<u64> {
        self.step
    }
}

fn named(name: Arc<str>) -> Result<Arc<str>, InvalidSession> {
    let fits = !name.is_empty() && name.len() <= Session::MAX_NAME;
    match fits && !name.chars().any(char::is_control) {
        true => Ok(name),
        false => Err(InvalidSession),
    }
}

impl fmt::Display for InvalidSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a session or a run is 1 to 256 bytes without control characters")
    }
}

impl error::Error for InvalidSession {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_can_be_shown() {
        for name in ["a", "größer/als 1", &"x".repeat(256)] {
            assert_eq!(&**Session::new(name).unwrap().id(), name);
        }
        for name in ["", "a\nb", "\u{7f}", &"x".repeat(257)] {
            assert_eq!(Session::new(name), Err(InvalidSession), "{name:?}");
            assert!(Session::new("a").unwrap().run(name).is_err(), "{name:?}");
        }
    }
}
