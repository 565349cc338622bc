//! Doing later what could not be done at once.

mod backoff;
mod deliver;
mod hold;
mod lanes;
mod meter;
mod outage;
mod pace;
mod run;
#[cfg(test)]
mod tests;
mod verdict;

pub use self::{
    meter::Progress,
    run::Worker,
    verdict::{Delivery, Verdict},
};
