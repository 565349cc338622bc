use std::{collections::VecDeque, task::Waker};
use tokio::time::Instant;

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

    /// Wakes this one when something happens that concerns it.
    pub(crate) fn watch(&mut self, at: usize, waker: &Waker) {
        let Some(place) = self.waiting.get_mut(at) else {
            return;
        };
        if !place
            .waker
            .as_ref()
            .is_some_and(|known| known.will_wake(waker))
        {
            place.waker = Some(waker.clone());
        }
    }

    /// Gives a place up, and says whom to wake: the one that is first now and was not before.
    pub(crate) fn leave(&mut self, at: usize) -> Option<Waker> {
        self.waiting.remove(at)?;
        if at > 0 {
            return None;
        }
        self.first()
    }

    /// Whom to wake when the first one may have to look again.
    pub(crate) fn first(&mut self) -> Option<Waker> {
        self.waiting.front_mut()?.waker.take()
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
