//! Several gates of one key, each with limits of its own, through any order of arrivals, outcomes,
//! cancellations, changes of owner and passing time: they agree on whether the key works, one call at a time tries it, and whoever may go, or
//! can't wait any longer, was woken.

use super::{
    model::{Flag, nth},
    *,
};
use crate::gate::{
    SharedKey,
    state::{Mode, Verdict},
    witness::Pass,
};
use buttress_core::recycle::Recycle;
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::atomic::Ordering::SeqCst};

const GATES: usize = 3;
const LEASE: Duration = Duration::from_secs(7);

#[derive(Clone, Debug)]
enum Step {
    Arrive(usize),
    Pass(u64),
    Settle(usize, Verdict),
    GiveUp(usize),
    Park(usize, u64),
    Unpark(usize),
    Renew(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let wait = prop::option::of((0_u64..20_000).prop_map(Duration::from_millis));
    let verdict = prop_oneof![
        1 => Just(Verdict::Well),
        2 => Just(Verdict::Beside),
        2 => wait.clone().prop_map(Verdict::Unusable),
        1 => wait.clone().prop_map(Verdict::Limited),
        1 => wait.prop_map(Verdict::Spent),
    ];
    prop_oneof![
        6 => (0..GATES).prop_map(Step::Arrive),
        4 => (1_u64..30_000).prop_map(Step::Pass),
        4 => (any::<usize>(), verdict).prop_map(|(which, verdict)| Step::Settle(which, verdict)),
        1 => any::<usize>().prop_map(Step::GiveUp),
        1 => (0..GATES, 0_u64..20_000).prop_map(|(gate, wait)| Step::Park(gate, wait)),
        1 => (0..GATES).prop_map(Step::Unpark),
        1 => (0..GATES).prop_map(Step::Renew),
    ]
}

struct Waiting {
    gate: usize,
    turn: Turn,
    flag: Arc<Flag>,
    until: Instant,
}

struct Out {
    gate: usize,
    pass: Pass,
    /// Until when nobody else may try the key, if it does.
    alone: Option<Instant>,
}

struct Real {
    now: Instant,
    gates: [Anchor; GATES],
    calls: usize,
    waiting: BTreeMap<usize, Waiting>,
    out: BTreeMap<usize, Out>,
}

impl Real {
    fn arrive(&mut self, gate: usize) {
        let anchor = &self.gates[gate];
        let entered = match anchor.pass() {
            Some(witness) => Entered::Go(witness),
            None => anchor.enter(&(), self.now),
        };
        let call = self.calls;
        self.calls += 1;
        match entered {
            Entered::Go(witness) => self.go(call, gate, witness),
            Entered::Wait(turn, _) => {
                let (flag, until) = (Arc::default(), self.now);
                let waiting = Waiting {
                    gate,
                    turn,
                    flag,
                    until,
                };
                self.waiting.insert(call, waiting);
            }
            Entered::Rejected(_) => {}
        }
    }

    fn go(&mut self, call: usize, gate: usize, witness: GateWitness) {
        let pass = witness.pass().unwrap();
        // It would read the clock.
        std::mem::forget(witness);
        // It may try a limit that only its gate has.
        let tries_key = self.gates[gate].block().lock().state.tries_key();
        let alone = tries_key.then_some(self.now + LEASE);
        if tries_key {
            assert!(pass.is_probe());
            let mut others = self.out.values().filter_map(|out| out.alone);
            assert!(!others.any(|until| self.now < until), "two try the key");
        }
        self.out.insert(call, Out { gate, pass, alone });
    }

    /// The block of a gate that is no more becomes another one of the key.
    fn renew(&mut self, gate: usize, settings: &GateSettings, key: &SharedKey) {
        self.waiting.retain(|_, waiting| waiting.gate != gate);
        for out in self.out.values_mut().filter(|out| out.gate == gate) {
            out.alone = None;
        }
        let block = self.gates[gate].block();
        block.renew(settings);
        key.join(block, self.now);
    }

    /// Whoever tries the key does so for nobody any more.
    fn is_known(&mut self) {
        self.out.values_mut().for_each(|out| out.alone = None);
    }

    /// Looks at those who were woken, or whose time has come, until there is none.
    fn work(&mut self) {
        let now = self.now;
        let due = |waiting: &Waiting| waiting.flag.0.load(SeqCst) || waiting.until <= now;
        while let Some((&call, waiting)) = self.waiting.iter_mut().find(|(_, w)| due(w)) {
            waiting.flag.0.store(false, SeqCst);
            let waker = Waker::from(Arc::clone(&waiting.flag));
            match waiting.turn.poll(&waker, now) {
                Turned::Until(until) => {
                    assert!(until > now, "asks to be looked at for ever");
                    waiting.until = until;
                }
                Turned::Go(witness) => {
                    let gate = waiting.gate;
                    self.waiting.remove(&call);
                    self.go(call, gate, witness);
                }
                Turned::Rejected(_) => {
                    self.waiting.remove(&call);
                }
            }
        }
    }

    fn check(&mut self) {
        let works = self
            .gates
            .iter()
            .map(|anchor| !anchor.block().lock().state.is_parked_of_key());
        let works = Vec::from_iter(works);
        assert!(works.iter().all(|it| *it == works[0]), "{works:?}");
        if works[0] {
            self.is_known();
        }
        let mut tries = self.out.values().filter_map(|out| out.alone);
        let tried = tries.any(|until| self.now < until);
        for anchor in &self.gates {
            let mode = anchor.block().lock().state.mode();
            let waits = matches!(mode, Mode::Elsewhere { until } if self.now < until);
            assert!(tried || !waits, "waits for nobody");
        }
        for waiting in self.waiting.values() {
            let waker = Waker::from(Arc::clone(&waiting.flag));
            let turned = waiting.turn.poll(&waker, self.now);
            assert!(matches!(turned, Turned::Until(_)), "not woken: {turned:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_gates_of_a_key_agree(steps in prop::collection::vec(step(), 1..60)) {
        let settings = GateSettings {
            max_wait: Duration::from_secs(10),
            spacing: Duration::ZERO,
            probe_lease: LEASE,
            ..GateSettings::standard()
        };
        let key = SharedKey::new();
        let gates = [(); GATES].map(|()| Anchor::leak(&settings));
        let now = Instant::now();
        gates.iter().for_each(|anchor| key.join(anchor.block(), now));
        let mut real = Real {
            now,
            gates,
            calls: 0,
            waiting: BTreeMap::new(),
            out: BTreeMap::new(),
        };
        for step in steps {
            let now = real.now;
            match step {
                Step::Arrive(gate) => real.arrive(gate),
                Step::Pass(millis) => real.now += Duration::from_millis(millis),
                Step::Settle(which, verdict) => if let Some(call) = nth(&real.out, which) {
                    let out = real.out.remove(&call).unwrap();
                    if verdict != Verdict::Beside || out.pass.is_probe() {
                        out.pass.tell(verdict, None, now);
                    }
                },
                Step::GiveUp(which) => if let Some(call) = nth(&real.waiting, which) {
                    real.waiting.remove(&call);
                },
                Step::Park(gate, wait) => {
                    real.gates[gate].block().park(Some(Duration::from_millis(wait)), now);
                    real.is_known();
                }
                Step::Unpark(gate) => real.gates[gate].block().unpark(now),
                Step::Renew(gate) => real.renew(gate, &settings, &key),
            }
            real.work();
            real.check();
        }
    }
}
