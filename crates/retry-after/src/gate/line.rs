use super::state::later;
use std::{collections::VecDeque, task::Waker, time::Duration};
use tokio::time::Instant;

/// How long after its limit a call may hold its place: timers are late by up to a millisecond.
const GRACE: Duration = Duration::from_millis(10);

/// Calls that wait, first come, first served.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// In the order of their numbers.
    waiting: VecDeque<Place>,
    next: u64,
}

#[derive(Debug)]
struct Place {
    number: u64,
    /// When this call gives up.
    limit: Instant,
    waker: Option<Waker>,
}

/// What a call leaves behind that goes out of the line.
pub(crate) struct Left {
    /// Whom to wake.
    pub(crate) next: Option<Waker>,
    _place: Option<Place>,
}

impl Line {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Takes the last place, and gives its number.
    pub(crate) fn join(&mut self, limit: Instant) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waiting.push_back(Place {
            number,
            limit,
            waker: None,
        });
        number
    }

    /// How many calls stand before this one.
    pub(crate) fn ahead_of(&self, number: u64) -> Option<usize> {
        let found = self
            .waiting
            .binary_search_by_key(&number, |place| place.number);
        found.ok()
    }

    /// Wakes this one when something happens that concerns it. The waker that this replaces is
    /// given back, as is everything here whose drop may run foreign code: the caller holds a lock.
    #[must_use]
    pub(crate) fn watch(&mut self, at: usize, waker: &Waker) -> Option<Waker> {
        let known = &mut self.waiting.get_mut(at)?.waker;
        match known {
            Some(known) if known.will_wake(waker) => None,
            _ => known.replace(waker.clone()),
        }
    }

    /// Gives a place up. The one that is first now, and was not before, is to be woken.
    #[must_use]
    pub(crate) fn leave(&mut self, at: usize) -> Left {
        let left = self.waiting.remove(at);
        let next = match at {
            0 => self
                .waiting
                .front_mut()
                .and_then(|first| first.waker.take()),
            _ => None,
        };
        Left { next, _place: left }
    }

    /// Takes away the first places whose limit has passed, but none from this number on: nobody
    /// polls their calls any more, or they would have left. Gives whom to wake, who are also the
    /// one that is first then.
    #[must_use]
    pub(crate) fn expire(&mut self, number: u64, now: Instant) -> Vec<Waker> {
        let mut wakers = Vec::new();
        while let Some(first) = self.waiting.front()
            && first.number < number
            && later(first.limit, GRACE) <= now
        {
            let left = self.waiting.pop_front();
            wakers.extend(left.and_then(|place| place.waker));
            if let Some(next) = self.waiting.front_mut() {
                wakers.extend(next.waker.take());
            }
        }
        wakers
    }

    /// When all before this one must have left.
    pub(crate) fn free_at(&self, at: usize) -> Option<Instant> {
        let before = self.waiting.iter().take(at).map(|place| place.limit);
        before.max().map(|limit| later(limit, GRACE))
    }

    /// Whom to wake when nobody is let in before this: the first, and all that give up earlier.
    pub(crate) fn hopeless(&mut self, before: Option<Instant>) -> Vec<Waker> {
        let places = self.waiting.iter_mut().enumerate();
        let concerned = places.filter_map(|(at, place)| {
            let hopeless = before.is_none_or(|before| place.limit < before);
            (at == 0 || hopeless).then(|| place.waker.take())?
        });
        concerned.collect()
    }
}
