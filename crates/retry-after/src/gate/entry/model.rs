//! A gate beside a plain model of one, through any order of arrivals, outcomes that may come
//! late, cancellations and passing time. Without pacing, so that the model can stay plain.
//!
//! Who waits is looked at only when woken, or when the time has come that it asked for: a wake-up
//! that is lost shows as a call that the model has let in and the gate has not.

use super::*;
use crate::gate::state::Verdict;
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    task::Wake,
};

const MOST: usize = 5;
const LEASE: u64 = 7_000;

fn settings() -> GateSettings {
    GateSettings {
        max_wait: Duration::from_secs(10),
        max_waiting: MOST,
        spacing: Duration::ZERO,
        probe_lease: Duration::from_millis(LEASE),
        ..GateSettings::standard()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Arrive(u64),
    Pass(u64),
    Settle(usize, Verdict),
    Abandon(usize),
    GiveUp(usize),
    CloseFor(u64),
    Unpark,
}

fn step() -> impl Strategy<Value = Step> {
    let wait = prop::option::of((0_u64..20_000).prop_map(Duration::from_millis));
    let verdict = prop_oneof![
        3 => Just(Verdict::Well),
        2 => Just(Verdict::Beside),
        2 => wait.clone().prop_map(Verdict::Limited),
        1 => wait.clone().prop_map(Verdict::Spent),
        1 => wait.prop_map(Verdict::Unusable),
    ];
    prop_oneof![
        6 => (0_u64..15_000).prop_map(Step::Arrive),
        4 => (1_u64..30_000).prop_map(Step::Pass),
        4 => (any::<usize>(), verdict).prop_map(|(which, verdict)| Step::Settle(which, verdict)),
        1 => any::<usize>().prop_map(Step::Abandon),
        1 => any::<usize>().prop_map(Step::GiveUp),
        1 => (0_u64..20_000).prop_map(Step::CloseFor),
        1 => Just(Step::Unpark),
    ]
}

struct Patience(u64);

impl Context for Patience {
    fn patience(&self) -> Option<Duration> {
        Some(Duration::from_millis(self.0))
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Out,
    Waiting,
    Rejected(Cause),
}

/// What should be. Time is in milliseconds.
#[derive(Default)]
struct Model {
    now: u64,
    round: u64,
    shut_until: Option<u64>,
    parked: bool,
    /// Parked because of the key itself.
    of_key: bool,
    /// The round in which the key was last found to work after it was parked.
    reopened: u64,
    /// Until when the probe that is out has its place.
    probe: Option<u64>,
    in_a_row: u32,
    waiting: VecDeque<(usize, u64)>,
    fates: Vec<Fate>,
    rounds: BTreeMap<usize, u64>,
}

impl Model {
    fn may_go(&self) -> bool {
        self.probe.is_none_or(|until| until <= self.now)
            && self.shut_until.is_none_or(|until| until <= self.now)
    }

    /// For who comes.
    fn soonest(&self) -> u64 {
        self.probe.or(self.shut_until).unwrap_or(0).max(self.now)
    }

    /// For who waits.
    fn earliest(&self) -> u64 {
        match self.probe {
            Some(_) => self.now,
            None => self.soonest(),
        }
    }

    fn go(&mut self, call: usize) {
        if self.parked {
            self.round += u64::from(self.probe.is_some());
            self.probe = Some(self.now + LEASE);
        } else {
            self.shut_until = None;
        }
        self.fates[call] = Fate::Out;
        self.rounds.insert(call, self.round);
    }

    fn arrive(&mut self, patience: u64) {
        let call = self.fates.len();
        self.fates.push(Fate::Waiting);
        let limit = self.now + patience.min(10_000);
        if self.waiting.is_empty() && self.may_go() {
            self.go(call);
        } else if self.waiting.len() == MOST {
            self.fates[call] = Fate::Rejected(Cause::QueueFull);
        } else if self.soonest() > limit {
            self.fates[call] = Fate::Rejected(self.refusal());
        } else {
            self.waiting.push_back((call, limit));
        }
    }

    fn refusal(&self) -> Cause {
        match self.parked {
            true => Cause::KeyUnusable,
            false => Cause::GateClosed,
        }
    }

    fn shut(&mut self, wait: u64, parked: bool) {
        self.shut_until = Some(self.now + wait);
        self.parked = parked;
        self.of_key = false;
        self.probe = None;
        self.round += 1;
    }

    fn park_key(&mut self, wait: u64) {
        self.shut(wait, true);
        self.of_key = true;
    }

    fn key_works(&mut self) {
        if self.of_key {
            self.of_key = false;
            self.reopened = self.round;
        }
    }

    fn settle(&mut self, call: usize, verdict: Verdict) {
        let round = self.rounds.remove(&call).unwrap();
        let millis = |wait: Duration| u64::try_from(wait.as_millis()).unwrap();
        if let Verdict::Unusable(wait) = verdict {
            let parked = self.parked && self.of_key;
            let late = round < self.round;
            if late && (round < self.reopened || parked && (wait.is_none() || self.probe.is_some()))
            {
                return;
            }
            let wait = wait.map_or(60_000, millis);
            // The key itself: that is worse than a limit, which is not over because of it.
            match self.shut_until.filter(|_| late && self.probe.is_none()) {
                Some(until) if parked && until >= self.now + wait => {}
                until => self.park_key(wait.max(until.unwrap_or(0).saturating_sub(self.now))),
            }
            return;
        }
        if round < self.round {
            let (wait, spent) = match verdict {
                Verdict::Limited(Some(wait)) => (millis(wait), false),
                Verdict::Spent(Some(wait)) => (millis(wait), true),
                _ => return,
            };
            match self.shut_until {
                _ if self.probe.is_some() => {}
                Some(until) => self.shut_until = Some(until.max(self.now + wait)),
                None => self.shut(wait, spent),
            }
            return;
        }
        let of_key = self.of_key;
        if verdict != Verdict::Beside {
            self.key_works();
        }
        match verdict {
            Verdict::Well => {
                self.in_a_row = 0;
                (self.parked, self.probe, self.shut_until) = (false, None, None);
            }
            Verdict::Beside if self.probe.is_some() => {
                self.shut(0, true);
                self.of_key = of_key;
            }
            Verdict::Beside => {}
            Verdict::Limited(Some(wait)) => self.shut(millis(wait), false),
            Verdict::Limited(None) => {
                let wait = (1000 << self.in_a_row.min(10)).min(30_000);
                self.in_a_row += 1;
                self.shut(wait, false);
            }
            Verdict::Spent(wait) => self.shut(wait.map_or(60_000, millis), true),
            Verdict::Unusable(_) => unreachable!("told above"),
        }
    }

    /// Lets in and turns away who waits.
    fn work(&mut self) {
        let mut at = 0;
        while let Some(&(call, limit)) = self.waiting.get(at) {
            if at == 0 && self.may_go() {
                self.waiting.pop_front();
                self.go(call);
            } else if limit <= self.now || self.earliest() > limit {
                self.waiting.remove(at);
                self.fates[call] = Fate::Rejected(self.refusal());
            } else {
                at += 1;
            }
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Flag(pub(super) AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

struct Waiting {
    turn: Turn,
    woken: Arc<Flag>,
    until: Option<Instant>,
}

/// What is.
struct Real {
    now: Instant,
    anchor: Anchor,
    waiting: BTreeMap<usize, Waiting>,
    out: BTreeMap<usize, GateWitness>,
    fates: Vec<Fate>,
}

impl Real {
    fn arrive(&mut self, patience: u64) {
        let call = self.fates.len();
        let patience = Patience(patience);
        let entered = match self.anchor.pass() {
            Some(witness) => Entered::Go(witness),
            None => self.anchor.enter(&patience, self.now),
        };
        self.fates.push(match entered {
            Entered::Go(witness) => {
                self.out.insert(call, witness);
                Fate::Out
            }
            Entered::Wait(turn, _) => {
                let woken = Arc::default();
                let until = Some(self.now);
                let waiting = Waiting { turn, woken, until };
                self.waiting.insert(call, waiting);
                Fate::Waiting
            }
            Entered::Rejected(rejected) => Fate::Rejected(rejected.cause),
        });
    }

    /// Looks at those who were woken, or whose time has come, until there is none.
    fn work(&mut self) {
        let due = |waiting: &Waiting, now| {
            waiting.woken.0.load(SeqCst) || waiting.until.is_some_and(|until| until <= now)
        };
        while let Some((&call, waiting)) = self
            .waiting
            .iter_mut()
            .find(|(_, waiting)| due(waiting, self.now))
        {
            waiting.woken.0.store(false, SeqCst);
            let waker = Waker::from(Arc::clone(&waiting.woken));
            match waiting.turn.poll(&waker, self.now) {
                Turned::Until(until) => {
                    assert!(until > self.now, "asks to be looked at for ever");
                    waiting.until = Some(until);
                }
                Turned::Go(witness) => {
                    self.out.insert(call, witness);
                    self.fates[call] = Fate::Out;
                    self.waiting.remove(&call);
                }
                Turned::Rejected(rejected) => {
                    self.fates[call] = Fate::Rejected(rejected.cause);
                    self.waiting.remove(&call);
                }
            }
        }
    }
}

pub(super) fn nth<V>(map: &BTreeMap<usize, V>, nth: usize) -> Option<usize> {
    map.keys().nth(nth.checked_rem(map.len())?).copied()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_gate_does_what_its_model_does(steps in prop::collection::vec(step(), 1..60)) {
        let mut model = Model::default();
        let start = Instant::now();
        let mut real = Real {
            now: start,
            anchor: Anchor::leak(&settings()),
            waiting: BTreeMap::new(),
            out: BTreeMap::new(),
            fates: Vec::new(),
        };
        for step in steps {
            let now = real.now;
            match step {
                Step::Arrive(patience) => {
                    real.arrive(patience);
                    model.arrive(patience);
                }
                Step::Pass(millis) => {
                    real.now += Duration::from_millis(millis);
                    model.now += millis;
                }
                Step::Settle(which, verdict) => if let Some(call) = nth(&real.out, which) {
                    // The witness would read the clock.
                    real.out[&call].pass().unwrap().tell(verdict, None, now);
                    std::mem::forget(real.out.remove(&call));
                    model.settle(call, verdict);
                },
                Step::Abandon(which) => if let Some(call) = nth(&real.out, which) {
                    let witness = real.out.remove(&call).unwrap();
                    let pass = witness.pass().unwrap();
                    if pass.is_probe() {
                        pass.tell(Verdict::Beside, None, now);
                        model.settle(call, Verdict::Beside);
                    } else {
                        model.rounds.remove(&call);
                    }
                    std::mem::forget(witness);
                },
                Step::GiveUp(which) => if let Some(call) = nth(&real.waiting, which) {
                    real.waiting.remove(&call);
                    model.waiting.retain(|(waiting, _)| *waiting != call);
                },
                Step::CloseFor(millis) => {
                    real.anchor.block().close(Duration::from_millis(millis), now);
                    model.shut(millis, false);
                }
                Step::Unpark => {
                    real.anchor.block().unpark(now);
                    if model.parked {
                        model.key_works();
                        (model.parked, model.probe, model.shut_until) = (false, None, None);
                        model.in_a_row = 0;
                    }
                }
            }
            real.work();
            model.work();
            prop_assert_eq!(&real.fates, &model.fates);
            prop_assert_eq!(real.waiting.len(), real.anchor.block().read(now).1);
        }
        // Nothing stays behind.
        real.waiting.clear();
        prop_assert_eq!(real.anchor.block().read(real.now).1, 0);
    }
}
