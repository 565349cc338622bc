//! Rules: what a provider's codes and words mean, as data.

use super::Said;
use crate::Verdict;

/// One line of a provider's table: when all its conditions hold, its verdict counts.
///
/// Tables are read in order and the first rule that matches counts, so that the particular
/// stands before the general. A condition that is not set holds always.
#[derive(Debug)]
pub(crate) struct Rule {
    verdict: Verdict,
    statuses: &'static [u16],
    names: &'static [&'static str],
    part_of_name: &'static [&'static str],
    says: &'static [&'static [&'static str]],
    timed: bool,
    over_limit: bool,
}

impl Rule {
    pub(crate) const fn new(verdict: Verdict) -> Self {
        Self {
            verdict,
            statuses: &[],
            names: &[],
            part_of_name: &[],
            says: &[],
            timed: false,
            over_limit: false,
        }
    }

    /// The status is one of these.
    pub(crate) const fn status(mut self, statuses: &'static [u16]) -> Self {
        self.statuses = statuses;
        self
    }

    /// One of the codes, types and reasons is one of these. In lower case.
    pub(crate) const fn named(mut self, names: &'static [&'static str]) -> Self {
        self.names = names;
        self
    }

    /// One of the codes, types and reasons holds one of these. In lower case.
    pub(crate) const fn named_like(mut self, parts: &'static [&'static str]) -> Self {
        self.part_of_name = parts;
        self
    }

    /// The message holds all the words of one of these groups. In lower case.
    pub(crate) const fn says(mut self, groups: &'static [&'static [&'static str]]) -> Self {
        self.says = groups;
        self
    }

    /// The server asked for a wait.
    pub(crate) const fn timed(mut self) -> Self {
        self.timed = true;
        self
    }

    /// The message names a limit and a larger request: `Limit 8000, Requested 37685`.
    pub(crate) const fn over_limit(mut self) -> Self {
        self.over_limit = true;
        self
    }

    /// Its verdict, if it is about what was said.
    pub(crate) fn read(&self, said: &Said) -> Option<Verdict> {
        let status = || self.statuses.is_empty() || self.statuses.contains(&said.status);
        let named = || self.names.is_empty() || said.is_named(|name| self.names.contains(&name));
        let like = || {
            let holds = |name: &str| self.part_of_name.iter().any(|part| name.contains(part));
            self.part_of_name.is_empty() || said.is_named(holds)
        };
        let says = || {
            let all = |group: &&[&str]| group.iter().all(|words| said.says(words));
            self.says.is_empty() || self.says.iter().any(all)
        };
        let timed = !self.timed || said.timed;
        let over = || !self.over_limit || is_over_limit(&said.message);
        (timed && status() && named() && like() && says() && over()).then_some(self.verdict)
    }
}

/// Whether one request asks for more than the whole of a limit.
fn is_over_limit(message: &str) -> bool {
    // "Rate limit reached" comes before "limit 8000".
    let number = |word: &str| {
        message.split(word).skip(1).find_map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != ',');
            let digits = rest.get(..end.unwrap_or(rest.len()))?;
            digits.replace(',', "").parse::<u64>().ok()
        })
    };
    matches!((number("limit "), number("requested ")), (Some(limit), Some(asked)) if asked > limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_larger_than_the_limit_is_told_by_its_numbers() {
        assert!(is_over_limit(
            "(tpm): limit 8000, requested 37685, please reduce"
        ));
        assert!(is_over_limit("limit 30,000, used 3, requested 61,337."));
        assert!(!is_over_limit(
            "limit 30000, used 29937, requested 385. please"
        ));
        assert!(is_over_limit(
            "rate limit reached: limit 8000, requested 9000"
        ));
        assert!(!is_over_limit("limit reached"));
        assert!(!is_over_limit("limit 99999999999999999999999, requested 1"));
    }
}
