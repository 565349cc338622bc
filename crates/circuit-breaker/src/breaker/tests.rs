use super::*;
use crate::Settings;
use std::sync::LazyLock;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);
const SUCCESS: Outcome = Outcome::Success;
const FAILURE: Outcome = Outcome::Failure(None);

fn breaker(settings: Settings) -> Breaker {
    settings.validate().expect("valid settings");
    Breaker::new(settings.jitter(0.0).rules(), None)
}

fn at(secs: u64) -> impl Fn() -> Instant {
    move || *START + Duration::from_secs(secs)
}

/// Makes a call at this time, if it is let in.
fn call(breaker: &Breaker, secs: u64, outcome: Outcome) -> Result<(), Refused> {
    let pass = breaker.admit(at(secs))?;
    if outcome == SUCCESS {
        breaker.succeed(pass, at(secs));
    } else {
        breaker.settle(pass, outcome, false, at(secs)());
    }
    Ok(())
}

fn state(breaker: &Breaker) -> State {
    breaker.word().state()
}

#[test]
fn trips_on_consecutive_failures() {
    let breaker = breaker(Settings::standard());
    for _ in 0..2 {
        for _ in 0..7 {
            call(&breaker, 0, FAILURE).unwrap();
        }
        call(&breaker, 0, SUCCESS).unwrap();
    }
    assert_eq!(state(&breaker), State::Closed);
    for _ in 0..8 {
        call(&breaker, 0, FAILURE).unwrap();
    }
    assert_eq!(state(&breaker), State::Open);
    let wait = Duration::from_secs(29);
    assert_eq!(call(&breaker, 1, SUCCESS), Err(Some(wait)));
}

#[test]
fn trips_on_the_rate_once_there_are_enough_calls() {
    let breaker = breaker(Settings::standard().consecutive_failures(None));
    // Two of three calls fail.
    for n in 0..28 {
        let outcome = if n % 3 == 0 { SUCCESS } else { FAILURE };
        call(&breaker, 0, outcome).unwrap();
    }
    call(&breaker, 0, FAILURE).unwrap();
    assert_eq!(state(&breaker), State::Closed, "29 calls");
    call(&breaker, 0, FAILURE).unwrap();
    assert_eq!(state(&breaker), State::Open, "30 calls");
}

#[test]
fn opens_within_one_window_after_a_long_healthy_run() {
    let minute = Duration::from_secs(60);
    let rate_only = Settings::standard().consecutive_failures(None);
    for settings in [rate_only.clone(), rate_only.time_window(minute)] {
        let breaker = breaker(settings);
        for n in 0..10_000 {
            call(&breaker, n / 10, SUCCESS).unwrap();
        }
        // One a second, from the second after.
        let failures = (0..).take_while(|n| call(&breaker, 1_000 + n, FAILURE).is_ok());
        let failures = failures.count();
        assert!((33..=60).contains(&failures), "{failures}");
    }
}

#[test]
fn the_plain_counter_takes_one_failure_back() {
    let breaker = breaker(Settings::classic());
    // Two up, one down: 2, 1, 3, 2, 4, 3, then 4 and 5.
    for outcome in [FAILURE, FAILURE, SUCCESS].repeat(3) {
        call(&breaker, 0, outcome).unwrap();
    }
    assert_eq!(breaker.counts(at(0)()).consecutive_failures, 3);
    call(&breaker, 0, FAILURE).unwrap();
    assert_eq!(state(&breaker), State::Closed);
    call(&breaker, 0, FAILURE).unwrap();
    assert_eq!(state(&breaker), State::Open);

    assert!(call(&breaker, 59, SUCCESS).is_err());
    call(&breaker, 60, SUCCESS).unwrap();
    assert_eq!(state(&breaker), State::HalfOpen);
    call(&breaker, 60, SUCCESS).unwrap();
    assert_eq!(state(&breaker), State::Closed);
}

#[test]
fn what_is_not_the_service_s_fault_counts_neither_way() {
    let breaker = breaker(Settings::standard());
    for _ in 0..7 {
        call(&breaker, 0, FAILURE).unwrap();
        call(&breaker, 0, Outcome::Unknown).unwrap();
    }
    let counts = breaker.counts(at(0)());
    assert_eq!((counts.calls, counts.consecutive_failures), (7, 7));
}

#[test]
fn one_probe_at_a_time_and_two_successes_close_it() {
    let breaker = breaker(Settings::standard());
    breaker.force_open(at(0)());
    assert!(breaker.admit(at(29)).is_err());
    let probe = breaker.admit(at(30)).unwrap();
    assert!(breaker.admit(at(30)).is_err());
    breaker.settle(probe, SUCCESS, false, at(31)());
    assert_eq!(state(&breaker), State::HalfOpen);
    let probe = breaker.admit(at(31)).unwrap();
    assert!(breaker.admit(at(31)).is_err());
    breaker.settle(probe, SUCCESS, false, at(32)());
    assert_eq!(state(&breaker), State::Closed);
}

#[test]
fn a_probe_without_an_outcome_gives_its_place_back_and_counts_neither_way() {
    let breaker = breaker(Settings::standard());
    breaker.force_open(at(0)());
    for _ in 0..100 {
        call(&breaker, 30, Outcome::Unknown).unwrap();
        let counts = breaker.counts(at(30)());
        assert_eq!((counts.probes, counts.successes), (0, 0));
    }
    call(&breaker, 30, SUCCESS).unwrap();
    call(&breaker, 30, Outcome::Unknown).unwrap();
    call(&breaker, 30, SUCCESS).unwrap();
    assert_eq!(state(&breaker), State::Closed);
}

#[test]
fn open_time_doubles_at_each_failed_probe_and_starts_anew_after_closing() {
    let breaker = breaker(Settings::standard());
    let mut now = 0;
    breaker.force_open(at(now)());
    for open_for in [30, 60, 120, 240, 300, 300] {
        now += open_for;
        let wait = Some(Duration::from_secs(1));
        assert_eq!(call(&breaker, now - 1, SUCCESS), Err(wait));
        call(&breaker, now, FAILURE).unwrap();
    }
    now += 300;
    for _ in 0..2 {
        call(&breaker, now, SUCCESS).unwrap();
    }
    for _ in 0..8 {
        call(&breaker, now, FAILURE).unwrap();
    }
    let wait = Some(Duration::from_secs(30));
    assert_eq!(call(&breaker, now, SUCCESS), Err(wait));
}

#[test]
fn a_longer_retry_after_of_the_service_extends_it() {
    let breaker = breaker(Settings::standard().consecutive_failures(1));
    let asked = Some(Duration::from_secs(90));
    call(&breaker, 0, Outcome::Failure(asked)).unwrap();
    assert_eq!(call(&breaker, 0, SUCCESS), Err(asked));
    let short = Some(Duration::from_secs(1));
    call(&breaker, 90, Outcome::Failure(short)).unwrap();
    let doubled = Some(Duration::from_secs(60));
    assert_eq!(call(&breaker, 90, SUCCESS), Err(doubled));
}

#[test]
fn stragglers_are_ignored() {
    let breaker = breaker(Settings::standard());
    let early = breaker.admit(at(0)).unwrap();
    breaker.force_open(at(0)());
    breaker.settle(early, FAILURE, false, at(1)());
    let probe = breaker.admit(at(30)).unwrap();
    // Neither closes it, nor opens it again, nor frees the probe's place.
    for outcome in [SUCCESS, FAILURE, Outcome::Unknown] {
        breaker.settle(early, outcome, false, at(30)());
        assert_eq!(state(&breaker), State::HalfOpen);
        assert_eq!(breaker.counts(at(30)()).probes, 1);
        assert_eq!(breaker.counts(at(30)()).successes, 0);
    }
    breaker.settle(probe, SUCCESS, false, at(30)());
    call(&breaker, 30, SUCCESS).unwrap();
    breaker.settle(early, FAILURE, false, at(30)());
    assert_eq!(breaker.counts(at(30)()).failures, 0);
}

#[test]
fn the_second_of_two_probes_does_not_undo_what_the_first_decided() {
    let settings = Settings::standard().probes(2).successes_to_close(1);
    let breaker = breaker(settings);
    breaker.force_open(at(0)());
    let probes = [(); 2].map(|()| breaker.admit(at(30)).unwrap());
    assert!(breaker.admit(at(30)).is_err());
    breaker.settle(probes[0], SUCCESS, false, at(30)());
    breaker.settle(probes[1], FAILURE, false, at(30)());
    assert_eq!(state(&breaker), State::Closed);
    assert_eq!(breaker.counts(at(30)()).failures, 0);
}

#[test]
fn a_probe_that_takes_very_long_keeps_nobody_out_for_ever() {
    let breaker = breaker(Settings::standard());
    breaker.force_open(at(0)());
    let long = breaker.admit(at(30)).unwrap();
    assert_eq!(breaker.admit(at(89)), Err(None), "it may end any moment");
    let second = breaker.admit(at(90)).unwrap();
    assert!(breaker.admit(at(90)).is_err(), "one more, not two");
    breaker.settle(long, SUCCESS, false, at(100)());
    breaker.settle(second, SUCCESS, false, at(100)());
    assert_eq!(state(&breaker), State::Closed);
}

#[test]
fn slow_calls_trip_it_whether_they_end_well_or_are_given_up() {
    let settings = || Settings::standard().slow_calls(Duration::from_secs(5), 0.5);
    for outcome in [SUCCESS, Outcome::Unknown] {
        let breaker = breaker(settings());
        for _ in 0..15 {
            call(&breaker, 0, SUCCESS).unwrap();
        }
        for n in 0..15 {
            assert_eq!(state(&breaker), State::Closed, "{n}");
            let pass = breaker.admit(at(0)).unwrap();
            breaker.settle(pass, outcome, true, at(0)());
        }
        assert_eq!(state(&breaker), State::Open);
    }
}

#[test]
fn a_slow_probe_opens_it_again() {
    for outcome in [SUCCESS, Outcome::Unknown] {
        let settings = Settings::standard().slow_calls(Duration::from_secs(5), 0.5);
        let breaker = breaker(settings);
        breaker.force_open(at(0)());
        let probe = breaker.admit(at(30)).unwrap();
        breaker.settle(probe, outcome, true, at(36)());
        assert_eq!(state(&breaker), State::Open);
    }
}

#[test]
fn isolated_it_stays_until_told_otherwise() {
    let breaker = breaker(Settings::standard());
    breaker.force(State::Isolated);
    assert_eq!(breaker.admit(at(1_000_000)), Err(None));
    breaker.force(State::Closed);
    assert!(breaker.admit(at(0)).is_ok());
}

#[test]
fn changes_are_told_in_order_with_their_reason() {
    let breaker = breaker(Settings::standard());
    let mut watch = breaker.ledger().watch();
    let mut told = |secs, outcome| {
        call(&breaker, secs, outcome).unwrap();
        let change = watch
            .has_changed()
            .unwrap()
            .then(|| *watch.borrow_and_update());
        change.map(|change| (change.state, change.reason, change.generation))
    };
    for _ in 0..7 {
        assert_eq!(told(0, FAILURE), None);
    }
    let tripped = (State::Open, Reason::ConsecutiveFailures, 1);
    assert_eq!(told(0, FAILURE), Some(tripped));
    // Half-open in between, which the watcher is too slow to see.
    let reopened = (State::Open, Reason::ProbeFailed, 3);
    assert_eq!(told(30, FAILURE), Some(reopened));
    let probing = (State::HalfOpen, Reason::Probing, 4);
    assert_eq!(told(90, SUCCESS), Some(probing));
    let closed = (State::Closed, Reason::ProbesSucceeded, 5);
    assert_eq!(told(90, SUCCESS), Some(closed));
    assert_eq!(breaker.counts(at(90)()).opened, 2);
    breaker.reset();
    assert_eq!(breaker.counts(at(90)()).opened, 0);
    assert_eq!(watch.borrow_and_update().reason, Reason::Manual);
}

#[test]
fn the_plain_counter_keeps_to_a_retry_after_too() {
    let breaker = breaker(Settings::classic().failure_counter(1));
    let asked = Some(Duration::from_secs(120));
    call(&breaker, 0, Outcome::Failure(asked)).unwrap();
    assert_eq!(call(&breaker, 0, SUCCESS), Err(asked));
    // Of itself it never stays open for longer than the first time.
    call(&breaker, 120, FAILURE).unwrap();
    let wait = Some(Duration::from_secs(60));
    assert_eq!(call(&breaker, 120, SUCCESS), Err(wait));
}
