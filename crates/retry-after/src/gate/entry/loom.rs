//! The gate under every interleaving: run with `RUSTFLAGS="--cfg loom"`.

use super::*;
use crate::gate::{GateState, SharedKey, state::Verdict, witness::Pass};
use ::loom::{
    sync::{
        Notify,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};
use std::task::Wake;

/// Without pacing and without reading a clock: loom knows no time.
fn gate() -> (Anchor, Instant) {
    let settings = GateSettings {
        spacing: Duration::ZERO,
        ..GateSettings::standard()
    };
    (Anchor::leak(&settings), Instant::now())
}

/// The witness would read the clock when it is dropped.
fn pass(witness: GateWitness) -> Pass {
    let pass = witness.pass().unwrap();
    std::mem::forget(witness);
    pass
}

fn enter(anchor: &Anchor, now: Instant) -> Entered {
    match anchor.pass() {
        Some(witness) => Entered::Go(witness),
        None => anchor.enter(&(), now),
    }
}

struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// Waits for the turn of a call that may have to wait. A wake-up that is lost is a deadlock,
/// which loom reports.
fn wait(entered: Entered, now: Instant) -> GateWitness {
    let turn = match entered {
        Entered::Go(witness) => return witness,
        Entered::Rejected(rejected) => panic!("{rejected}"),
        Entered::Wait(turn, _) => turn,
    };
    let bell = Arc::new(Bell(Notify::new()));
    let waker = Waker::from(Arc::clone(&bell));
    loop {
        match turn.poll(&waker, now) {
            Turned::Go(witness) => return witness,
            Turned::Until(_) => bell.0.wait(),
            Turned::Rejected(rejected) => panic!("{rejected}"),
        }
    }
}

/// A gate whose key is parked, and may be tried.
fn parked() -> (Anchor, Instant) {
    let (anchor, now) = gate();
    anchor.block().park(Some(Duration::ZERO), now);
    (anchor, now)
}

#[test]
fn loom_a_limit_closes_whatever_else_is_told() {
    ::loom::model(|| {
        let (anchor, now) = gate();
        let block = anchor.block();
        let calls = [(); 2].map(|()| pass(anchor.pass().unwrap()));
        let wait = Verdict::Limited(Some(Duration::from_secs(9)));
        let limited = thread::spawn(move || calls[0].tell(wait, None, now));
        let well = thread::spawn(move || calls[1].tell(Verdict::Well, None, now));
        let late = anchor.pass();
        limited.join().unwrap();
        well.join().unwrap();
        assert!(!block.is_open());
        // Whoever still got in belongs to the time before, and has no say.
        if let Some(late) = late {
            pass(late).tell(Verdict::Well, None, now);
        }
        assert!(matches!(block.read(now).0, GateState::Closed { .. }));
    });
}

#[test]
fn loom_what_is_found_out_of_a_key_reaches_its_other_gate() {
    ::loom::model(|| {
        let key = SharedKey::new();
        let gates = [gate(), gate()];
        let now = gates[0].1;
        let [one, other] = gates.map(|(anchor, _)| {
            key.join(anchor.block(), now);
            (anchor.block(), pass(anchor.pass().unwrap()))
        });
        let unusable = |(_, pass): (&'static Block, Pass)| {
            move || pass.tell(Verdict::Unusable(None), None, now)
        };
        // Both find out, and tell each other.
        let found = thread::spawn(unusable(one));
        unusable(other)();
        found.join().unwrap();
        for (block, _) in [one, other] {
            assert!(matches!(block.read(now).0, GateState::Parked { .. }));
        }
    });
}

#[test]
fn loom_one_call_at_a_time_tries_a_parked_key() {
    ::loom::model(|| {
        let (anchor, now) = parked();
        let other = anchor.clone();
        let other = thread::spawn(move || {
            let probe = pass(wait(enter(&other, now), now));
            assert!(probe.is_probe());
            // It comes to nothing, and the next one gets its chance.
            probe.tell(Verdict::Beside, None, now);
        });
        let probe = pass(wait(enter(&anchor, now), now));
        assert!(probe.is_probe());
        assert_eq!(anchor.block().read(now).0, GateState::Probing);
        probe.tell(Verdict::Beside, None, now);
        other.join().unwrap();
    });
}

#[test]
fn loom_one_call_at_a_time_tries_a_key_of_two_gates() {
    ::loom::model(|| {
        let key = SharedKey::new();
        let [(one, now), (other, _)] = [(); 2].map(|()| gate());
        key.join(one.block(), now);
        key.join(other.block(), now);
        one.block().park(Some(Duration::ZERO), now);
        let out = Arc::new(AtomicU64::new(0));
        let tries = |anchor: Anchor| {
            let out = Arc::clone(&out);
            move || {
                let probe = pass(wait(enter(&anchor, now), now));
                assert!(probe.is_probe());
                assert_eq!(out.fetch_add(1, Ordering::SeqCst), 0, "two at a time");
                out.fetch_sub(1, Ordering::SeqCst);
                // The call that waits at the other gate has to hear it.
                probe.tell(Verdict::Beside, None, now);
            }
        };
        let tried = thread::spawn(tries(other));
        tries(one)();
        tried.join().unwrap();
    });
}

#[test]
fn loom_a_turn_that_is_given_up_passes_on() {
    ::loom::model(|| {
        let (anchor, now) = parked();
        let probe = pass(wait(enter(&anchor, now), now));
        let Entered::Wait(first, _) = enter(&anchor, now) else {
            panic!("the probe is out");
        };
        let entered = enter(&anchor, now);
        let gives_up = thread::spawn(move || drop(first));
        let settles = thread::spawn(move || probe.tell(Verdict::Well, None, now));
        std::mem::forget(wait(entered, now));
        gives_up.join().unwrap();
        settles.join().unwrap();
        assert_eq!(anchor.block().read(now).1, 0);
    });
}
