use super::{
    backoff::Backoff,
    pace::{Epoch, Pace},
};
use crate::Lanes;
use std::{collections::HashMap, sync::Arc};
use tokio::time::Instant;

/// The paces of all lanes: what is learned of one says nothing of the others.
///
/// So many are told apart that there is no end of memory to them. A lane for which there is no
/// place takes that of one that has nothing under way and does not pause; where all do, it shares
/// one pace with all others like it.
#[derive(Debug)]
pub(super) struct Paces {
    most: usize,
    backoff: Backoff,
    known: HashMap<Arc<str>, Lane>,
    /// Of those for which there is no place.
    rest: Lane,
    /// Counts what was begun.
    last: u64,
}

#[derive(Debug)]
struct Lane {
    pace: Pace,
    under_way: usize,
    /// When something of it was begun last.
    used: u64,
}

/// What a delivery that was begun has to keep.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    /// None where it shares its pace.
    lane: Option<Arc<str>>,
    epoch: Epoch,
}

/// So many lanes are told apart.
pub(super) const MOST_LANES: usize = 128;

impl Paces {
    /// In each lane at most so many at a time.
    pub(super) fn new(most: usize, backoff: Backoff) -> Self {
        Self {
            most,
            backoff,
            known: HashMap::new(),
            rest: Lane::new(most, backoff),
            last: 0,
        }
    }

    /// How many may begin, of which lanes. Of those that are not known, one: with what becomes of
    /// it, its lane is.
    pub(super) fn wanted(&self, now: Instant) -> Lanes {
        let others = match self.known.len() < MOST_LANES || self.idle(now).is_some() {
            true => 1,
            false => self.rest.room(now),
        };
        let known = self.known.iter();
        known.fold(Lanes::new(others), |lanes, (name, lane)| {
            lanes.of(Arc::clone(name), lane.room(now))
        })
    }

    /// Whether something of this lane has begun before.
    pub(super) fn knows(&self, lane: &str) -> bool {
        self.known.contains_key(lane)
    }

    /// Something of this lane begins.
    pub(super) fn begin(&mut self, lane: &str, now: Instant) -> Ticket {
        self.last += 1;
        let known = self.known.get_key_value(lane);
        let name = match known.map(|(name, _)| Arc::clone(name)) {
            Some(name) => Some(name),
            None => self.place(now).then(|| Arc::from(lane)),
        };
        let lane = match &name {
            Some(name) => {
                let name = Arc::clone(name);
                let new = || Lane::new(self.most, self.backoff);
                self.known.entry(name).or_insert_with(new)
            }
            None => &mut self.rest,
        };
        lane.under_way += 1;
        lane.used = self.last;
        let epoch = lane.pace.epoch();
        Ticket { lane: name, epoch }
    }

    /// It has ended: its lane learns this of it.
    pub(super) fn end(&mut self, ticket: &Ticket, learn: impl FnOnce(&mut Pace, Epoch)) {
        let lane = match &ticket.lane {
            // One with something under way is not forgotten.
            Some(name) => self.known.get_mut(name),
            None => Some(&mut self.rest),
        };
        if let Some(lane) = lane {
            lane.under_way = lane.under_way.saturating_sub(1);
            learn(&mut lane.pace, ticket.epoch);
        }
    }

    /// When the first of the lanes that pause goes on.
    pub(super) fn wakes(&self, now: Instant) -> Option<Instant> {
        self.lanes().filter_map(|lane| lane.pace.paused(now)).min()
    }

    /// How many lanes pause.
    pub(super) fn paused(&self, now: Instant) -> usize {
        let paused = self.lanes().filter(|lane| lane.pace.paused(now).is_some());
        paused.count()
    }

    /// Whether nothing but pauses is known.
    pub(super) fn all_paused(&self, now: Instant) -> bool {
        let mut known = self.known.values().peekable();
        known.peek().is_some() && known.all(|lane| lane.pace.paused(now).is_some())
    }

    /// How many may be under way.
    pub(super) fn limit(&self) -> usize {
        let limits = self.known.values().map(|lane| lane.pace.limit());
        limits.sum::<usize>().clamp(1, self.most)
    }

    fn lanes(&self) -> impl Iterator<Item = &Lane> {
        self.known.values().chain([&self.rest])
    }

    /// Makes place for one more. Says whether there is.
    fn place(&mut self, now: Instant) -> bool {
        if self.known.len() < MOST_LANES {
            return true;
        }
        let Some(idle) = self.idle(now) else {
            return false;
        };
        self.known.remove(&idle);
        true
    }

    /// The lane that has been idle for longest, and can be forgotten.
    fn idle(&self, now: Instant) -> Option<Arc<str>> {
        let idle = self
            .known
            .iter()
            .filter(|(_, lane)| lane.under_way == 0 && lane.pace.paused(now).is_none());
        let longest = idle.min_by_key(|(_, lane)| lane.used);
        longest.map(|(name, _)| Arc::clone(name))
    }
}

impl Lane {
    fn new(most: usize, backoff: Backoff) -> Self {
        Self {
            pace: Pace::new(most, backoff),
            under_way: 0,
            used: 0,
        }
    }

    fn room(&self, now: Instant) -> usize {
        self.pace.room(now, self.under_way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);
    const BACKOFF: Backoff = Backoff {
        base: SECOND,
        cap: Duration::from_secs(300),
    };

    fn refuse(paces: &mut Paces, lane: &str, now: Instant) {
        let ticket = paces.begin(lane, now);
        paces.end(&ticket, |pace, began| pace.refused(began, now, None, 0.0));
    }

    fn succeed(paces: &mut Paces, lane: &str, now: Instant) {
        let ticket = paces.begin(lane, now);
        paces.end(&ticket, Pace::succeeded);
    }

    /// How many are wanted of this lane.
    fn of(paces: &Paces, lane: &str, now: Instant) -> usize {
        let lanes = paces.wanted(now);
        let named = lanes.named().find(|(name, _)| *name == lane);
        named.map_or(lanes.others(), |(_, most)| most)
    }

    #[test]
    fn what_is_learned_of_one_lane_says_nothing_of_another() {
        let now = Instant::now();
        let mut paces = Paces::new(8, BACKOFF);
        for _ in 0..7 {
            succeed(&mut paces, "well", now);
        }
        refuse(&mut paces, "down", now);
        assert_eq!(of(&paces, "well", now), 8);
        assert_eq!(of(&paces, "down", now), 0);
        assert_eq!(of(&paces, "new", now), 1);
        assert_eq!((paces.paused(now), paces.all_paused(now)), (1, false));
        assert_eq!(paces.wakes(now), Some(now + SECOND));
        assert_eq!(of(&paces, "down", now + SECOND), 1);
    }

    #[test]
    fn what_is_under_way_takes_room_in_its_own_lane() {
        let now = Instant::now();
        let mut paces = Paces::new(8, BACKOFF);
        let ticket = paces.begin("a", now);
        assert_eq!((of(&paces, "a", now), of(&paces, "b", now)), (0, 1));
        paces.end(&ticket, |_, _| {});
        assert_eq!(of(&paces, "a", now), 1);
    }

    #[test]
    fn no_more_lanes_are_told_apart_than_there_is_place_for() {
        let now = Instant::now();
        let mut paces = Paces::new(8, BACKOFF);
        for lane in 0..MOST_LANES {
            refuse(&mut paces, &lane.to_string(), now);
        }
        // There is no place for these: they share what is learned.
        assert_eq!(of(&paces, "more", now), 1);
        refuse(&mut paces, "more", now);
        assert_eq!(of(&paces, "others", now), 0);
        assert_eq!(paces.known.len(), MOST_LANES);
        // Until others do not pause any more: the longest idle one makes place.
        let later = now + SECOND;
        succeed(&mut paces, "others", later);
        assert_eq!(paces.known.len(), MOST_LANES);
        assert!(paces.knows("others") && !paces.knows("0") && paces.knows("1"));
    }

    #[test]
    fn a_lane_with_something_under_way_is_not_forgotten() {
        let now = Instant::now();
        let mut paces = Paces::new(8, BACKOFF);
        let first = paces.begin("first", now);
        for lane in 0..2 * MOST_LANES {
            succeed(&mut paces, &lane.to_string(), now);
        }
        assert!(paces.knows("first"));
        paces.end(&first, Pace::succeeded);
        succeed(&mut paces, "last", now);
        assert!(!paces.knows("first"));
    }
}
