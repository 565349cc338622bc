use crate::Limits;
use buttress_core::{Elapsed, Phase};
use std::time::Duration;
use tokio::time::Instant;

/// Which limit passes next, and when: the arithmetic of a [`Stopwatch`](crate::Stopwatch).
#[derive(Clone, Debug)]
pub(crate) struct Phases {
    limits: Limits,
    started: Instant,
    /// The end of the attempt or of the whole call, whichever comes first.
    end: Option<Due>,
    awaited: Awaited,
}

/// When a limit passes, and which.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Due {
    pub(crate) at: Instant,
    pub(crate) elapsed: Elapsed,
}

/// What has to come next.
#[derive(Clone, Copy, Debug)]
enum Awaited {
    Headers,
    FirstContent,
    Content,
}

impl Phases {
    pub(crate) fn new(limits: Limits, started: Instant, deadline: Option<Instant>) -> Self {
        let deadline = deadline.map(|at| Due {
            at,
            elapsed: Elapsed::new(Phase::Deadline, at.saturating_duration_since(started)),
        });
        let attempt = due(Phase::Attempt, started, limits.attempt);
        Self {
            limits,
            started,
            end: sooner(attempt, deadline),
            awaited: Awaited::Headers,
        }
    }

    pub(crate) const fn headers(&mut self) {
        if let Awaited::Headers = self.awaited {
            self.awaited = Awaited::FirstContent;
        }
    }

    pub(crate) const fn content(&mut self) {
        self.awaited = Awaited::Content;
    }

    /// The limit that passes next, if the wait for what has to come next begins now.
    pub(crate) fn due(&self, now: Instant) -> Option<Due> {
        let Limits {
            headers,
            first_content,
            idle,
            ..
        } = self.limits;
        let first_content = || due(Phase::FirstContent, self.started, first_content);
        let next = match self.awaited {
            Awaited::Headers => sooner(due(Phase::Headers, self.started, headers), first_content()),
            Awaited::FirstContent => first_content(),
            Awaited::Content => due(Phase::Idle, now, idle),
        };
        sooner(next, self.end)
    }
}

/// `None` without a limit, and for one that is further away than the clock can express.
fn due(phase: Phase, from: Instant, limit: Option<Duration>) -> Option<Due> {
    let limit = limit?;
    Some(Due {
        at: from.checked_add(limit)?,
        elapsed: Elapsed::new(phase, limit),
    })
}

fn sooner(a: Option<Due>, b: Option<Due>) -> Option<Due> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.at < a.at { b } else { a }),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn limits() -> Limits {
        Limits::none()
            .headers(secs(5))
            .first_content(secs(20))
            .idle(secs(10))
            .attempt(secs(100))
    }

    #[test]
    fn each_phase_has_its_limit() {
        let start = Instant::now();
        let due = |phase, after, limit| {
            Some(Due {
                at: start + secs(after),
                elapsed: Elapsed::new(phase, secs(limit)),
            })
        };
        let mut phases = Phases::new(limits(), start, None);
        assert_eq!(phases.due(start), due(Phase::Headers, 5, 5));
        phases.headers();
        assert_eq!(
            phases.due(start + secs(4)),
            due(Phase::FirstContent, 20, 20)
        );
        phases.content();
        // The head can't come again.
        phases.headers();
        assert_eq!(phases.due(start + secs(40)), due(Phase::Idle, 50, 10));
        assert_eq!(phases.due(start + secs(90)), due(Phase::Idle, 100, 10));
        assert_eq!(phases.due(start + secs(91)), due(Phase::Attempt, 100, 100));
    }

    #[test]
    fn the_first_content_may_be_due_before_the_head() {
        let start = Instant::now();
        let limits = limits().first_content(secs(3));
        let due = Phases::new(limits, start, None).due(start).unwrap();
        assert_eq!(due.elapsed, Elapsed::new(Phase::FirstContent, secs(3)));
    }

    #[test]
    fn the_deadline_of_the_call_holds_in_every_phase() {
        let start = Instant::now();
        let mut phases = Phases::new(limits(), start, Some(start + secs(2)));
        let expected = Elapsed::new(Phase::Deadline, secs(2));
        assert_eq!(phases.due(start).unwrap().elapsed, expected);
        phases.content();
        assert_eq!(phases.due(start).unwrap().elapsed, expected);
        let later = Phases::new(Limits::whole(), start, Some(start + secs(700)));
        assert_eq!(later.due(start).unwrap().elapsed.phase, Phase::Attempt);
    }

    #[test]
    fn what_the_clock_can_t_express_is_no_limit() {
        let start = Instant::now();
        let limits = Limits::none().headers(Duration::MAX).attempt(Duration::MAX);
        assert_eq!(Phases::new(limits, start, None).due(start), None);
    }
}
