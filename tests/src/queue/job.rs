use buttress_queue::Task;
use bytes::Bytes;
use serde_json::{json, value::to_raw_value};
use std::time::Duration;

/// A task that is known by its number: what is in it, how long it takes and what comes of it, all
/// follow from that, so that whoever knows the number can tell whether all is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Job(pub u64);

/// What becomes of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    Done,
    /// Done, but later: the first delivery fails.
    Later,
    Dead,
    /// It never ends: whoever has it dies of it.
    Poison,
}

impl Job {
    /// From here on jobs are poison.
    pub const POISON: u64 = 1 << 40;

    /// The job of this place in this lane.
    #[must_use]
    pub const fn new(lane: u64, at: u64) -> Self {
        Self(at << 8 | lane)
    }

    /// The lane, which is a session too where its number divides by four.
    #[must_use]
    pub const fn lane(self) -> u64 {
        self.0 & 0xff
    }

    /// Which one it is of its lane.
    #[must_use]
    pub const fn at(self) -> u64 {
        self.0 >> 8
    }

    #[must_use]
    pub const fn has_session(self) -> bool {
        self.lane().is_multiple_of(4)
    }

    #[must_use]
    pub const fn plan(self) -> Plan {
        if self.0 >= Self::POISON {
            return Plan::Poison;
        }
        match self.chance() % 34 {
            0 | 17 => Plan::Dead,
            1..4 => Plan::Later,
            _ => Plan::Done,
        }
    }

    /// How long it takes; some take longer than a lease of a second.
    #[must_use]
    pub const fn takes(self) -> Duration {
        let chance = self.chance() >> 8;
        if chance.is_multiple_of(150) {
            return Duration::from_millis(1500);
        }
        Duration::from_millis(chance % 20)
    }

    /// The task, as it is queued.
    ///
    /// # Panics
    /// Never: it is JSON.
    #[must_use]
    pub fn task(self) -> Task {
        let request = json!({ "job": self.0, "text": self.text() });
        let mut task = Task::new(to_raw_value(&request).expect("it is JSON"));
        task.session_id = self.has_session().then(|| format!("lane-{}", self.lane()));
        task.idempotency_key = Some(format!("job-{}", self.0));
        task
    }

    /// The job that this is, if it is whole.
    #[must_use]
    pub fn of(task: &Task) -> Option<Self> {
        let request: serde_json::Value = serde_json::from_str(task.messages.get()).ok()?;
        let job = Self(request["job"].as_u64()?);
        (request["text"] == job.text()).then_some(job)
    }

    /// What comes of it.
    #[must_use]
    pub fn result(self) -> Bytes {
        format!("{}: {}", self.0, self.text()).into()
    }

    fn text(self) -> String {
        let chance = self.chance() >> 16;
        // Now and then one that takes many pages of a database.
        let length = if chance.is_multiple_of(40) {
            60_000
        } else {
            chance % 2000
        };
        format!("{chance:016x} ").repeat(usize::try_from(length).unwrap_or(0) / 17 + 1)
    }

    /// SplitMix64.
    const fn chance(self) -> u64 {
        let z = self.0.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
