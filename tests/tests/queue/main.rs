//! The queue loses nothing, whatever happens to those who use it and to where it is.
//!
//! `BUTTRESS_KILLS` says how many processes are killed at random, for each store \[60\],
//! `BUTTRESS_SEED` in which way \[1\], `BUTTRESS_OUTAGE` how many seconds a Redis server is gone
//! \[4\], and `BUTTRESS_SERVER_KILLS` how often one is killed that flushes every second \[4\].
#![allow(
    clippy::print_stdout,
    reason = "how much was done says what a test that passed is worth"
)]

mod campaign;
mod everysec;
mod faults;
mod kills;
mod process;
mod proxy;
#[path = "../../../crates/queue/tests/redis_server/mod.rs"]
mod redis_server;
mod story;

use std::{env, str::FromStr};

fn setting<T: FromStr>(name: &str, default: T) -> T {
    let given = env::var(name).ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(default)
}
