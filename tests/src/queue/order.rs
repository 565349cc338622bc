use serde::{Deserialize, Serialize};

/// What a process is to do.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Order {
    /// Where the queue is.
    pub url: String,
    pub role: Role,
    /// How it dies by itself, if it does.
    pub death: Option<Death>,
    pub max_deliveries: u32,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub enum Role {
    /// It puts jobs in: each lane one after the other, with so many milliseconds in between.
    Enqueue { lanes: Vec<Lane>, pause: u64 },
    /// It works at what is there, so many at once, with leases of so many milliseconds.
    Work { at_once: usize, lease: u64 },
}

/// From where on a lane is to be filled, and to where.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Lane {
    pub number: u64,
    pub from: u64,
    pub to: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub enum Death {
    /// SIGKILL at this call of the store: before it, or when it is done and nobody knows yet.
    Call { nth: u64, after: bool },
    /// SIGXFSZ in the middle of the write that would let a file grow beyond so many bytes.
    File { bytes: u64 },
    /// It does not die of that: the disk is full there.
    FullDisk { bytes: u64 },
}
