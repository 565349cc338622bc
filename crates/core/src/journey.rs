use crate::{Event, Failure, error::shown};
use std::{fmt, sync::Arc, time::Duration};

/// What was done for one request, in order.
///
/// Bounded: after the first [`MAX_STEPS`](Self::MAX_STEPS) only their number goes up. It holds
/// verdicts, waits and names of routes, never anything of the request's or the answer's content.
#[derive(Clone, Debug, Default)]
pub struct Journey {
    pub(crate) steps: Vec<Step>,
    pub(crate) dropped: usize,
}

/// One thing that was done.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Step {
    /// When, counted from the start of the call.
    pub at: Duration,
    /// In which route of a fallback, if in one.
    pub route: Option<Arc<str>>,
    /// What.
    pub event: Event,
}

impl Journey {
    /// How many steps are kept.
    pub const MAX_STEPS: usize = 64;

    /// The steps, oldest first.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How many more steps there were than are kept.
    #[must_use]
    pub const fn dropped(&self) -> usize {
        self.dropped
    }
}

/// One line a step: when, where, what.
impl fmt::Display for Journey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{step}")?;
        }
        match self.dropped {
            0 => Ok(()),
            dropped => write!(f, "\n… and {dropped} more"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8.3}s ", self.at.as_secs_f64())?;
        if let Some(route) = &self.route {
            write!(f, "{route}: ")?;
        }
        self.event.fmt(f)
    }
}

/// In words.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attempt => f.write_str("called"),
            Self::Failed(failure) => failed(f, "failed", failure),
            Self::CutOff => f.write_str("cut off"),
            Self::Broke(failure) => failed(f, "broke off", failure),
            Self::Retry { wait } => write!(f, "trying again after {:?}", shown(*wait)),
            Self::GaveUp(why) => write!(f, "gave up: {}", why.as_str()),
            Self::Queued { wait } => write!(f, "standing in line for about {:?}", shown(*wait)),
            Self::Rejected(cause) => write!(f, "refused: {}", cause.as_str()),
            Self::Skipped { why } => write!(f, "passed over: {why}"),
            Self::Entered => f.write_str("entered"),
            Self::Answered => f.write_str("answered"),
            Self::Corrected(words) | Self::Note(words) => f.write_str(words),
        }
    }
}

fn failed(f: &mut fmt::Formatter<'_>, how: &str, failure: &Failure) -> fmt::Result {
    match failure.kind {
        Some(kind) => write!(f, "{how}, {kind}: {failure}"),
        None => write!(f, "{how}: {failure}"),
    }
}
