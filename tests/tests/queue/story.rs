//! What all processes together did, and whether that is what a queue may do.

use crate::process::Life;
use buttress_queue::TaskId;
use buttress_tests::queue::{End, Job, What};
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

/// All deliveries of all tasks, as those who had them told it.
#[derive(Default)]
pub(crate) struct Story {
    /// What was acknowledged.
    pub(crate) kept: BTreeMap<Job, TaskId>,
    deliveries: HashMap<TaskId, Vec<Delivery>>,
}

struct Delivery {
    job: Option<Job>,
    token: u64,
    given: u64,
    /// When the lease was asked for, at first and then for longer.
    asked: Vec<(u64, u64)>,
    began: Option<u64>,
    /// When the work was over, at the latest.
    over: u64,
    tells: Option<u64>,
    told: Option<End>,
    lost: bool,
    killed: bool,
}

/// What happened that is not wrong, by its number.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) kept: usize,
    pub(crate) deliveries: usize,
    /// Deliveries that were under way when their worker was killed.
    pub(crate) in_flight: usize,
    /// Deliveries after one of those.
    pub(crate) after_a_kill: usize,
    /// After one that ended otherwise without the store's word for it: it could not be reached, or
    /// the lease was lost.
    pub(crate) after_a_loss: usize,
    /// After one that was put off.
    pub(crate) put_off: usize,
    /// Work that went on for a while after its lease had run out and another had begun.
    pub(crate) overlaps: usize,
    pub(crate) longest_overlap: Duration,
}

impl Story {
    pub(crate) fn add(&mut self, life: &Life) {
        let killed = life.was_killed();
        let mut here: HashMap<TaskId, Delivery> = HashMap::new();
        for event in &life.events {
            let Some(id) = event.what.id() else { continue };
            let at = event.at;
            if let What::Given { token, asked, .. } = event.what {
                let delivery = Delivery {
                    job: None,
                    token,
                    given: at,
                    asked: vec![(asked, at)],
                    began: None,
                    over: life.ended,
                    tells: None,
                    told: None,
                    lost: false,
                    killed,
                };
                if let Some(before) = here.insert(id, delivery) {
                    self.deliveries.entry(id).or_default().push(before);
                }
                continue;
            }
            if let What::Kept { job, .. } = event.what {
                let before = self.kept.insert(Job(job), id);
                assert!(
                    before.is_none_or(|before| before == id),
                    "kept twice: {job}"
                );
                continue;
            }
            let delivery = here.get_mut(&id).expect("it was given out here");
            match event.what {
                What::Renewed { asked, .. } => delivery.asked.push((asked, at)),
                What::Begins { job, .. } => {
                    assert!(job.is_some(), "what was kept came back damaged: {id}");
                    delivery.job = job.map(Job);
                    delivery.began = Some(at);
                }
                What::Ends { .. } | What::Broken { .. } => delivery.over = at,
                What::Tells { .. } => delivery.tells = delivery.tells.or(Some(at)),
                What::Told { end, .. } => delivery.told = Some(end),
                What::Lost { .. } => delivery.lost = true,
                _ => {}
            }
        }
        for (id, delivery) in here {
            self.deliveries.entry(id).or_default().push(delivery);
        }
    }

    /// How far each lane is known to be kept.
    pub(crate) fn next_of(&self, lane: u64) -> u64 {
        let of_lane = self.kept.keys().filter(|job| job.lane() == lane);
        of_lane.map(|job| job.at() + 1).max().unwrap_or(0)
    }

    /// Looks at all of it.
    pub(crate) fn check(&mut self, lease: Duration) -> Tally {
        let mut tally = Tally {
            kept: self.kept.len(),
            ..Tally::default()
        };
        for (id, deliveries) in &mut self.deliveries {
            deliveries.sort_by_key(|delivery| delivery.given);
            tally.deliveries += deliveries.len();
            for delivery in &*deliveries {
                let in_flight = delivery.began.is_some() && delivery.told.is_none();
                tally.in_flight += usize::from(in_flight && delivery.killed);
            }
            for pair in deliveries.windows(2) {
                tally.follow(*id, &pair[0], &pair[1], lease);
            }
        }
        self.check_sessions();
        assert!(
            tally.after_a_kill <= tally.in_flight,
            "more duplicates than there was in flight: {tally:?}"
        );
        tally
    }

    /// Of a session each is begun when the one before it has ended.
    fn check_sessions(&self) {
        let mut last: HashMap<u64, (Job, u64)> = HashMap::new();
        for (job, id) in self.kept.iter().filter(|(job, _)| job.has_session()) {
            let Some(deliveries) = self.deliveries.get(id) else {
                continue;
            };
            let first = deliveries.iter().map(|delivery| delivery.given).min();
            if let (Some((before, ended)), Some(first)) = (last.get(&job.lane()), first) {
                assert!(
                    first >= *ended,
                    "{job:?} was given out before {before:?} had ended"
                );
            }
            let ended = deliveries.iter().map(|one| one.tells.unwrap_or(one.given));
            last.insert(job.lane(), (*job, ended.max().unwrap_or(0)));
        }
    }
}

impl Tally {
    /// One delivery of a task follows another.
    fn follow(&mut self, id: TaskId, one: &Delivery, next: &Delivery, lease: Duration) {
        assert!(next.token > one.token, "{id}: a token that is not newer");
        assert!(
            one.job.is_none() || next.job.is_none() || one.job == next.job,
            "{id}: another job"
        );
        // Who has said nothing of an end has it until the lease runs out, which is in
        // milliseconds.
        if one.tells.is_none_or(|tells| tells > next.given) {
            let asked = one.asked.iter().filter(|(_, at)| *at < next.given);
            let asked = asked.map(|(asked, _)| *asked).max().unwrap_or(0);
            let until = asked + u64::try_from(lease.as_micros()).unwrap_or(u64::MAX) - 2_000;
            assert!(
                next.given >= until,
                "{id}: given out {} µs before its lease was over",
                until - next.given
            );
        }
        let (Some(_), Some(began)) = (one.began, next.began) else {
            return;
        };
        if began < one.over {
            self.overlaps += 1;
            let overlap = Duration::from_micros(one.over - began);
            self.longest_overlap = self.longest_overlap.max(overlap);
        }
        match one.told {
            Some(End::Done | End::Dead) => panic!("{id}: run again after it had ended"),
            Some(End::Later) => self.put_off += 1,
            None if one.killed && !one.lost => self.after_a_kill += 1,
            None => self.after_a_loss += 1,
        }
    }
}
