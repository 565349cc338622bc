use crate::Event;
use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

/// What was done for one request, in order.
///
/// Bounded: after the first [`MAX_STEPS`](Self::MAX_STEPS) only their number goes up. It holds
/// verdicts, waits and names of routes, never anything of the request's or the answer's content.
#[derive(Clone, Debug, Default)]
pub struct Journey {
    steps: Vec<Step>,
    dropped: usize,
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
        match &self.event {
            Event::Attempt => f.write_str("called"),
            Event::Failed { failure, kind } => match kind {
                Some(kind) => write!(f, "failed, {kind}: {failure}"),
                None => write!(f, "failed: {failure}"),
            },
            Event::Retry { wait } => write!(f, "trying again after {wait:?}"),
            Event::GaveUp(why) => write!(f, "gave up: {}", why.as_str()),
            Event::Queued { wait } => write!(f, "standing in line for about {wait:?}"),
            Event::Rejected(cause) => write!(f, "refused: {}", cause.as_str()),
            Event::Skipped { why } => write!(f, "passed over: {why}"),
            Event::Entered => f.write_str("entered"),
            Event::Answered => f.write_str("answered"),
            Event::Note(note) => f.write_str(note),
        }
    }
}

/// Where the steps are put down while the call runs.
#[derive(Debug, Default)]
pub(crate) struct Record {
    journey: Mutex<Journey>,
    attempts: AtomicU32,
}

impl Record {
    pub(crate) fn push(&self, at: Duration, route: Option<Arc<str>>, event: Event) {
        if event == Event::Attempt {
            self.attempts.fetch_add(1, Relaxed);
        }
        // A panic elsewhere can't leave a list half pushed: what is there is worth keeping.
        let mut journey = self.journey.lock().unwrap_or_else(PoisonError::into_inner);
        if journey.steps.len() < Journey::MAX_STEPS {
            journey.steps.push(Step { at, route, event });
        } else {
            journey.dropped += 1;
        }
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.attempts.load(Relaxed)
    }

    pub(crate) fn snapshot(&self) -> Journey {
        let journey = self.journey.lock().unwrap_or_else(PoisonError::into_inner);
        journey.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_bounded() {
        let record = Record::default();
        for _ in 0..Journey::MAX_STEPS + 5 {
            record.push(Duration::ZERO, None, Event::Attempt);
        }
        let journey = record.snapshot();
        assert_eq!(journey.steps().len(), Journey::MAX_STEPS);
        assert_eq!(journey.dropped(), 5);
        assert_eq!(record.attempts() as usize, Journey::MAX_STEPS + 5);
        assert!(journey.to_string().ends_with("… and 5 more"));
    }
}
