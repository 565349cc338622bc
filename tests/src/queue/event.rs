use super::Job;
use buttress_queue::TaskId;
use serde::{Deserialize, Serialize};
use std::{
    io::Write,
    time::{SystemTime, UNIX_EPOCH},
};

/// Something that a process did, told in one line that is written at once: what was told before a
/// kill is known, and no line is torn.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Event {
    /// When, in microseconds, by the clock that all processes of the machine share.
    pub at: u64,
    pub what: What,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub enum What {
    /// It asks the store to keep a job.
    Asks { job: u64 },
    /// The store has said that it is kept.
    Kept { job: u64, id: String },
    /// The store has given a task out. It was asked for at that time.
    Given { id: String, token: u64, asked: u64 },
    /// A lease goes on. It was asked for at that time.
    Renewed { id: String, asked: u64 },
    /// It tells the store how a delivery ended.
    Tells { id: String, end: End },
    /// The store has understood.
    Told { id: String, end: End },
    /// The store says that the lease is not held any more.
    Lost { id: String },
    /// The service begins. A job that is not whole has no number.
    Begins {
        id: String,
        job: Option<u64>,
        deliveries: u32,
    },
    /// The service has come to an end.
    Ends { id: String },
    /// It was broken off.
    Broken { id: String },
    /// It refused, for this reason.
    Refused { job: u64, why: String },
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum End {
    Done,
    Dead,
    Later,
}

impl What {
    /// Tells it, now.
    pub fn tell(self) {
        let event = Event {
            at: now(),
            what: self,
        };
        if let Ok(mut line) = serde_json::to_vec(&event) {
            line.push(b'\n');
            // Nobody listens any more, at the end.
            let _ = std::io::stdout().lock().write_all(&line);
        }
    }

    /// The task that it is about.
    #[must_use]
    pub fn id(&self) -> Option<TaskId> {
        match self {
            Self::Kept { id, .. }
            | Self::Given { id, .. }
            | Self::Renewed { id, .. }
            | Self::Tells { id, .. }
            | Self::Told { id, .. }
            | Self::Lost { id }
            | Self::Begins { id, .. }
            | Self::Ends { id }
            | Self::Broken { id } => id.parse().ok(),
            Self::Asks { .. } | Self::Refused { .. } => None,
        }
    }

    /// The job that it is about, where it says so.
    #[must_use]
    pub const fn job(&self) -> Option<Job> {
        match self {
            Self::Asks { job } | Self::Kept { job, .. } | Self::Begins { job: Some(job), .. } => {
                Some(Job(*job))
            }
            _ => None,
        }
    }
}

/// In microseconds since 1970.
#[must_use]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(0))
}
