//! Every interleaving of a few calls.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p buttress-circuit-breaker --lib --release`

use super::{
    Breaker, Outcome, Pass,
    count_window::CountWindow,
    window::{Mark, Sums},
};
use crate::{Settings, State};
use loom::{sync::Arc, thread};
use std::{sync::LazyLock, time::Duration};
use tokio::time::Instant;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);
const FAILURE: Outcome = Outcome::Failure(None);
const OK: Mark = Mark::GOOD;
const FAILED: Mark = Mark::new(true, false);

fn late() -> Instant {
    *START + Duration::from_secs(3600)
}

/// A breaker whose next call is a probe.
fn due(settings: Settings) -> Arc<Breaker> {
    let breaker = Breaker::new(settings.jitter(0.0).rules(), None);
    breaker.force_open(*START);
    Arc::new(breaker)
}

fn spawn<T: 'static>(
    breaker: &Arc<Breaker>,
    f: impl FnOnce(&Breaker) -> T + 'static,
) -> thread::JoinHandle<T> {
    let breaker = Arc::clone(breaker);
    thread::spawn(move || f(&breaker))
}

/// For models with three threads: loom's authors find that bugs need two or three preemptions.
fn model(f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(f);
}

fn admitted(breaker: &Breaker) -> Option<Pass> {
    breaker.admit(late).ok()
}

#[test]
fn of_a_crowd_only_the_configured_probes_get_through() {
    for probes in 1..=2 {
        model(move || {
            let breaker = due(Settings::standard().probes(probes));
            let crowd = [(); 2].map(|()| spawn(&breaker, admitted));
            let mut through = u32::from(admitted(&breaker).is_some());
            for call in crowd {
                through += u32::from(call.join().unwrap().is_some());
            }
            assert_eq!(through, probes);
            assert_eq!(breaker.word().probes(), probes);
            assert_eq!(breaker.word().generation(), 2);
        });
    }
}

#[test]
fn of_a_crowd_only_one_gets_the_place_of_an_overdue_probe() {
    loom::model(|| {
        let breaker = due(Settings::standard());
        breaker.admit(|| *START + Duration::from_secs(30)).unwrap();
        let crowd = [(); 2].map(|()| spawn(&breaker, admitted));
        let through = crowd.map(|call| u32::from(call.join().unwrap().is_some()));
        assert_eq!(through[0] + through[1], 1);
        assert_eq!(breaker.word().probes(), 2);
    });
}

#[test]
fn a_place_given_back_is_taken_by_nobody_or_by_one() {
    loom::model(|| {
        let breaker = due(Settings::standard());
        let probe = admitted(&breaker).unwrap();
        let crowd = [(); 2].map(|()| spawn(&breaker, admitted));
        breaker.settle(probe, Outcome::Unknown, false, late());
        let through = crowd.map(|call| u32::from(call.join().unwrap().is_some()));
        assert!(through[0] + through[1] <= 1);
        assert_eq!(breaker.word().probes(), through[0] + through[1]);
    });
}

#[test]
fn of_two_probes_that_disagree_one_decides() {
    loom::model(|| {
        let breaker = due(Settings::standard().probes(2).successes_to_close(1));
        let [one, other] = [(); 2].map(|()| admitted(&breaker).unwrap());
        let well = spawn(&breaker, move |breaker| {
            breaker.succeed(one, late);
        });
        breaker.settle(other, FAILURE, false, late());
        well.join().unwrap();
        let word = breaker.word();
        assert_eq!(word.generation(), 3);
        assert!(matches!(word.state(), State::Open | State::Closed));
        assert_eq!((word.probes(), word.successes()), (0, 0));
        assert_eq!(breaker.counts(late()).failures, 0);
    });
}

#[test]
fn a_success_a_call_given_up_and_a_new_probe_do_not_lose_each_other() {
    loom::model(|| {
        let breaker = due(Settings::standard().probes(2));
        let [one, other] = [(); 2].map(|()| admitted(&breaker).unwrap());
        let well = spawn(&breaker, move |breaker| {
            breaker.succeed(one, late);
        });
        let given_up = spawn(&breaker, move |breaker| {
            breaker.settle(other, Outcome::Unknown, false, late());
        });
        let third = u32::from(admitted(&breaker).is_some());
        well.join().unwrap();
        given_up.join().unwrap();
        let word = breaker.word();
        assert_eq!(word.state(), State::HalfOpen);
        assert_eq!((word.probes(), word.successes()), (third, 1));
    });
}

#[test]
fn a_probe_given_up_late_does_not_free_the_place_of_a_later_one() {
    loom::model(|| {
        let breaker = due(Settings::standard());
        let early = admitted(&breaker).unwrap();
        let given_up = spawn(&breaker, move |breaker| {
            breaker.settle(early, Outcome::Unknown, false, late());
        });
        breaker.force_open(*START);
        assert!(admitted(&breaker).is_some());
        given_up.join().unwrap();
        assert_eq!(breaker.word().probes(), 1);
    });
}

#[test]
fn it_trips_once_for_two_failures() {
    loom::model(|| {
        let rules = Settings::standard().consecutive_failures(1).rules();
        let breaker = Arc::new(Breaker::new(rules, None));
        let passes = [(); 2].map(|()| admitted(&breaker).unwrap());
        let other = spawn(&breaker, move |breaker| {
            breaker.settle(passes[0], FAILURE, false, late());
        });
        breaker.settle(passes[1], FAILURE, false, late());
        other.join().unwrap();
        assert_eq!(breaker.word().state(), State::Open);
        assert_eq!(breaker.word().generation(), 1);
        assert_eq!(breaker.counts(late()).opened, 1);
    });
}

#[test]
fn nobody_takes_a_breaker_that_has_just_tripped_for_one_that_is_due() {
    loom::model(|| {
        let rules = Settings::standard().consecutive_failures(1).rules();
        let breaker = Arc::new(Breaker::new(rules, None));
        // As if it had been open before, for a time that is long past.
        breaker.force_open(*START);
        breaker.force(State::Closed);
        let failing = breaker.admit(late).unwrap();
        let other = spawn(&breaker, admitted);
        breaker.settle(failing, FAILURE, false, late());
        if let Some(pass) = other.join().unwrap() {
            assert_eq!(pass, failing, "in the same generation, before the trip");
        }
        assert_eq!(breaker.word().state(), State::Open);
    });
}

#[test]
fn a_straggler_leaves_nothing_in_the_next_generation() {
    loom::model(|| {
        let rules = Settings::standard().count_window(40).rules();
        let breaker = Arc::new(Breaker::new(rules, None));
        let early = breaker.admit(late).unwrap();
        let straggler = spawn(&breaker, move |breaker| {
            breaker.settle(early, FAILURE, false, late());
        });
        breaker.reset();
        let pass = breaker.admit(late).unwrap();
        breaker.succeed(pass, late);
        straggler.join().unwrap();
        let counts = breaker.counts(late());
        assert_eq!((counts.calls, counts.failures), (1, 0));
        assert_eq!(counts.consecutive_failures, 0);
    });
}

#[test]
fn no_mark_is_lost_while_the_window_fills() {
    model(|| {
        let window = Arc::new(CountWindow::new(3, false));
        let writers = [FAILED, OK].map(|mark| {
            let window = Arc::clone(&window);
            thread::spawn(move || window.record(1, mark))
        });
        window.record(1, FAILED);
        for writer in writers {
            writer.join().unwrap();
        }
        let expected = Sums {
            calls: 3,
            failures: 2,
            slow: 0,
        };
        assert_eq!(window.sums(1), expected);
    });
}

#[test]
fn a_new_generation_takes_the_window_over_while_the_old_one_writes() {
    loom::model(|| {
        let window = Arc::new(CountWindow::new(2, false));
        window.record(1, FAILED);
        let old = Arc::clone(&window);
        let old = thread::spawn(move || old.record(1, FAILED));
        window.record(2, OK);
        window.record(2, FAILED);
        old.join().unwrap();
        let expected = Sums {
            calls: 2,
            failures: 1,
            slow: 0,
        };
        assert_eq!(window.sums(2), expected);
    });
}
