use super::message::{Message, Stands};
use buttress::{
    circuit_breaker::{Handle, State},
    retry_after::{GateHandle, Notice},
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// Something that gateways share, and what the others know of it.
#[derive(Debug)]
pub(super) struct Item {
    /// What it is called in all gateways.
    pub(super) identity: Box<str>,
    /// What it is called here.
    pub(super) name: Arc<str>,
    subject: Subject,
    /// What was told or heard last.
    known: Seen,
    /// How it stood when it had heard of something, and only for that.
    heard: Option<Seen>,
}

/// What it is.
#[derive(Debug)]
pub(super) enum Subject {
    /// The circuit of a route.
    Circuit(Handle),
    /// The gate of a model at a provider.
    Gate(GateHandle),
    /// The key of a provider, by all of its gates.
    Key(Vec<GateHandle>),
}

/// How it was seen to stand. The same for as long as nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Well,
    Open { generation: u64 },
    Isolated,
    Limited { until: Instant },
    Spent { until: Instant },
    Parked { until: Option<Instant> },
}

/// What the others are to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct News {
    seen: Seen,
    pub(super) is: Stands,
    /// For how much longer. None is until further notice.
    pub(super) wait: Option<Duration>,
    /// Whether it was by hand, since it ends what stood until further notice.
    pub(super) hand: bool,
}

impl Item {
    pub(super) const fn new(identity: Box<str>, name: Arc<str>, subject: Subject) -> Self {
        Self {
            identity,
            name,
            subject,
            known: Seen::Well,
            heard: None,
        }
    }

    /// Takes the place of what it was before its configuration changed. How it stands now is no
    /// news: what begins anew with its settings does so for no reason that others have to know.
    pub(super) fn follow(&mut self, before: Option<&Self>) {
        let known = before.map_or(Seen::Well, |before| before.known);
        self.known = self.subject.seen().unwrap_or(known);
        self.heard = before.and_then(|before| before.heard);
    }

    /// What the others do not know yet. To be [told](Self::told) then.
    pub(super) fn news(&mut self, now: Instant) -> Option<News> {
        let seen = self.subject.seen()?;
        if seen == self.known {
            return None;
        }
        let ended_by_itself = match self.known {
            Seen::Limited { until } | Seen::Spent { until } => until <= now,
            _ => false,
        };
        let left = |until: Instant| until.saturating_duration_since(now);
        let (is, wait) = match seen {
            Seen::Well => (Stands::Well, None),
            Seen::Open { .. } => (Stands::Open, Some(self.subject.until_probe())),
            Seen::Isolated => (Stands::Isolated, None),
            Seen::Limited { until } => (Stands::Limited, Some(left(until))),
            Seen::Spent { until } => (Stands::Spent, Some(left(until))),
            Seen::Parked { until } => (Stands::Parked, until.map(left)),
        };
        let over = match seen {
            Seen::Well => ended_by_itself,
            Seen::Open { .. } | Seen::Isolated => false,
            Seen::Limited { .. } | Seen::Spent { .. } | Seen::Parked { .. } => {
                wait.is_some_and(|wait| wait.is_zero())
            }
        };
        if over {
            self.known = seen;
            return None;
        }
        let further = matches!(self.known, Seen::Isolated | Seen::Parked { until: None });
        let hand = further && matches!(is, Stands::Well | Stands::Open);
        Some(News {
            seen,
            is,
            wait,
            hand,
        })
    }

    /// Now they do.
    pub(super) const fn told(&mut self, news: News) {
        self.known = news.seen;
    }

    /// Takes in what was told elsewhere. Gives whether anything changed by it.
    pub(super) fn take_in(&mut self, told: &Message<'_>, now: Instant) -> bool {
        let before = self.subject.seen();
        let by_hearing = self.heard.is_some() && before == self.heard;
        self.subject.take_in(told, by_hearing, now);
        let Some(seen) = self.subject.seen() else {
            return false;
        };
        let changed = before != Some(seen);
        if changed {
            // Where nothing was changed by it, what has happened here is still to be told.
            self.known = seen;
            self.heard = Some(seen);
        }
        changed
    }
}

impl Subject {
    /// How it stands. `None` while it is tried, and that will be known soon.
    fn seen(&self) -> Option<Seen> {
        match self {
            Self::Circuit(circuit) => match circuit.state() {
                State::Closed => Some(Seen::Well),
                State::Open => {
                    let generation = circuit.generation();
                    Some(Seen::Open { generation })
                }
                State::Isolated => Some(Seen::Isolated),
                _ => None,
            },
            Self::Gate(gate) => match gate.notice() {
                Notice::Open => Some(Seen::Well),
                Notice::Limited { until } => Some(Seen::Limited { until }),
                Notice::Spent { until } => Some(Seen::Spent { until }),
                // What is parked is its key.
                _ => None,
            },
            Self::Key(gates) => {
                let notices = gates.iter().map(GateHandle::notice);
                let mut seen = Some(Seen::Well);
                for notice in notices {
                    seen = match (notice, seen) {
                        (Notice::Unusable { until }, Some(Seen::Parked { until: known })) => {
                            // Until further notice is longest.
                            let until = until.zip(known).map(|(one, other)| one.max(other));
                            Some(Seen::Parked { until })
                        }
                        (Notice::Unusable { until }, _) => Some(Seen::Parked { until }),
                        (Notice::Trying, Some(Seen::Well)) => None,
                        (_, seen) => seen,
                    };
                }
                seen
            }
        }
    }

    fn until_probe(&self) -> Duration {
        match self {
            Self::Circuit(circuit) => circuit.time_until_probe().unwrap_or_default(),
            Self::Gate(_) | Self::Key(_) => Duration::ZERO,
        }
    }

    /// Does what is told, unless what is known here says otherwise. `by_hearing`: it stands as it
    /// does because that was told, and for nothing else.
    fn take_in(&self, told: &Message<'_>, by_hearing: bool, now: Instant) {
        let is = told.is;
        // A time that can't be is none.
        let until = |wait: Duration| now.checked_add(wait).map(Some);
        let Some(until) = told.wait().map_or(Some(None), until) else {
            return;
        };
        // What a hand did only a hand ends, here or there.
        let may_end = by_hearing || told.hand;
        match self {
            Self::Circuit(circuit) => match (is, circuit.state()) {
                // It probes by itself then, after a time of its own.
                (Stands::Open, State::Closed) => circuit.force_open(),
                (Stands::Well, State::Open | State::HalfOpen) => circuit.force_close(),
                (Stands::Isolated, State::Closed | State::Open | State::HalfOpen) => {
                    circuit.isolate();
                }
                (Stands::Open, State::Isolated) if may_end => circuit.force_open(),
                (Stands::Well, State::Isolated) if may_end => circuit.force_close(),
                _ => {}
            },
            Self::Gate(gate) => match (is, until) {
                (Stands::Limited, Some(until)) => gate.heed(Notice::Limited { until }),
                (Stands::Spent, Some(until)) => gate.heed(Notice::Spent { until }),
                (Stands::Well, _) if by_hearing => gate.open(),
                _ => {}
            },
            Self::Key(gates) => {
                // What one of them knows of the key all of them do.
                let Some(gate) = gates.first() else {
                    return;
                };
                match is {
                    Stands::Parked => gate.heed(Notice::Unusable { until }),
                    Stands::Well if may_end => gate.unpark(),
                    Stands::Well => gate.heed(Notice::Open),
                    _ => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
