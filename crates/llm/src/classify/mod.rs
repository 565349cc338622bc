//! From an answer to a verdict.
//!
//! Everything peculiar to a provider is a [`Rule`] in its table, everything that all of them
//! share a rule in [`common`]; what is left is the status.

mod answer;
mod common;
mod details;
mod finish;
mod grpc;
pub(crate) mod means;
mod rule;
mod said;
mod wait;
mod whole;

#[cfg(test)]
mod tests;

pub use self::{
    answer::{Answer, classify, classify_error_object, delay},
    finish::classify_finish,
};
pub(crate) use self::{
    answer::{Report, event, report},
    rule::Rule,
    said::{Quoted, Said},
    whole::is_error,
};
use crate::{Provider, Verdict};

/// What a failure means, by its status, its codes and its words.
fn read(provider: Provider, said: &Said) -> Verdict {
    let own = provider.profile().rules.iter();
    let mut verdicts = own.chain(common::RULES).filter_map(|rule| rule.read(said));
    if let Some(verdict) = verdicts.next() {
        return verdict;
    }
    if said.status == 0 {
        let mut verdicts = common::WITHOUT_STATUS
            .iter()
            .filter_map(|rule| rule.read(said));
        if let Some(verdict) = verdicts.next() {
            return verdict;
        }
    }
    common::by_status(said.status)
}
