use crate::TaskId;
use buttress_store::CannotOpen;
use std::{error, fmt};

/// What of a task is sealed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Task,
    Result,
}

/// One task can't be passed off as another, nor as what came of it.
pub(crate) fn name(id: TaskId, part: Part) -> [u8; 17] {
    let mut name = [0; 17];
    name[0] = match part {
        Part::Task => b't',
        Part::Result => b'r',
    };
    name[1..].copy_from_slice(&id.to_bytes());
    name
}

/// Why something that is kept can't be read. It stays in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unopened {
    /// It is sealed, and can't be opened.
    Sealed(CannotOpen),
    /// It is no task.
    NoTask,
}

impl Unopened {
    /// Whether another key would open it: nothing is wrong with what is kept.
    #[must_use]
    pub const fn wants_key(self) -> bool {
        match self {
            Self::Sealed(why) => why.wants_key(),
            Self::NoTask => false,
        }
    }
}

impl From<CannotOpen> for Unopened {
    fn from(why: CannotOpen) -> Self {
        Self::Sealed(why)
    }
}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sealed(why) => why.fmt(f),
            Self::NoTask => f.write_str("it is no task"),
        }
    }
}

impl error::Error for Unopened {}
