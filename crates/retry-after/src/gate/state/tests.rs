use super::*;

const GO: Admit = Admit::Go { probe: false };
const PROBE: Admit = Admit::Go { probe: true };
const AUTH: Name = Name::new(&"auth");
const QUOTA: Name = Name::new(&"quota_exhausted");

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn state() -> (State, Instant) {
    (State::new(&GateSettings::standard(), 7), Instant::now())
}

fn limited(secs: u64) -> Verdict {
    Verdict::Limited(Some(Duration::from_secs(secs)))
}

#[test]
fn a_limit_closes_until_the_wait_is_over() {
    let (mut state, now) = state();
    assert_eq!(state.admit(now, true), GO);
    state.settle(7, limited(20), None, now);
    assert_eq!(state.admit(now, true), Admit::At(now + secs(20)));
    let then = now + secs(20);
    assert_eq!(state.admit(then, true), GO);
    // One, and not all who come now.
    assert_eq!(
        state.admit(then, true),
        Admit::At(then + Duration::from_millis(200))
    );
}

#[test]
fn many_calls_that_hit_one_limit_close_once() {
    let (mut state, now) = state();
    for _ in 0..100 {
        state.settle(7, Verdict::Limited(None), None, now);
    }
    assert_eq!(state.admit(now, true), Admit::At(now + secs(1)));
    state.settle(7, limited(5), None, now);
    assert_eq!(state.admit(now, true), Admit::At(now + secs(5)));
    state.settle(7, limited(3), None, now);
    assert_eq!(state.admit(now, true), Admit::At(now + secs(5)));
}

#[test]
fn limits_without_a_wait_double_it_until_a_success() {
    let (mut state, mut now) = state();
    for wait in [1, 2, 4, 8, 16, 30, 30] {
        assert_eq!(state.admit(now, true), GO);
        state.settle(state.epoch(), Verdict::Limited(None), None, now);
        now += secs(wait);
        assert_eq!(state.mode(), Mode::Closed { until: now });
    }
    assert_eq!(state.admit(now, true), GO);
    state.settle(state.epoch(), Verdict::Well, None, now);
    state.settle(state.epoch(), Verdict::Limited(None), None, now);
    assert_eq!(state.admit(now, true), Admit::At(now + secs(1)));
}

#[test]
fn a_gate_that_is_opened_by_hand_begins_anew() {
    let (mut state, now) = state();
    state.settle(7, Verdict::Limited(None), None, now);
    state.open(now, true);
    state.settle(state.epoch(), Verdict::Limited(None), None, now);
    assert_eq!(state.admit(now, true), Admit::At(now + secs(1)));
}

#[test]
fn the_pace_grows_with_successes_and_halves_at_a_limit() {
    let (mut state, now) = state();
    state.settle(7, limited(1), None, now);
    let mut now = now + secs(1);
    assert_eq!(state.admit(now, true), GO);
    for _ in 0..15 {
        state.settle(state.epoch(), Verdict::Well, None, now);
    }
    let grown = state.per_second();
    assert!(grown > 10.0, "{grown}");
    state.settle(state.epoch(), limited(1), None, now);
    assert!((state.per_second() - grown / 2.0).abs() < 0.001);
    now += secs(1);
    assert_eq!(state.admit(now, true), GO);
    let Admit::At(next) = state.admit(now, true) else {
        panic!("not paced");
    };
    assert_eq!(next - now, Duration::from_secs_f64(2.0 / grown));
}

#[test]
fn it_is_open_again_when_all_was_well_for_a_while_and_nobody_waits() {
    let (mut state, now) = state();
    state.settle(7, limited(1), None, now);
    let now = now + secs(1);
    assert_eq!(state.admit(now, true), GO);
    assert_eq!(state.admit(now + secs(11), true), GO);
    assert!(matches!(state.mode(), Mode::Paced { well: false, .. }));
    state.settle(state.epoch(), Verdict::Well, None, now);
    assert_eq!(state.admit(now + secs(12), false), GO);
    assert!(matches!(state.mode(), Mode::Paced { well: true, .. }));
    assert_eq!(state.admit(now + secs(13), true), GO);
    assert_eq!(state.mode(), Mode::Open);
}

#[test]
fn a_straggler_opens_nothing_and_closes_only_when_it_knows_more() {
    let (mut state, now) = state();
    state.settle(7, limited(20), None, now);
    state.settle(7, Verdict::Well, None, now);
    assert_eq!(state.admit(now, true), Admit::At(now + secs(20)));
    let now = now + secs(20);
    assert_eq!(state.admit(now, true), GO);
    let pace = state.per_second();
    for verdict in [Verdict::Well, Verdict::Limited(None), Verdict::Spent(None)] {
        state.settle(7, verdict, None, now);
    }
    assert!(matches!(state.mode(), Mode::Paced { well: false, .. }));
    state.settle(7, limited(9), None, now);
    assert_eq!(
        state.mode(),
        Mode::Closed {
            until: now + secs(9)
        }
    );
    assert_eq!(state.per_second(), pace);
    state.settle(6, limited(900), None, now);
    assert_eq!(
        state.mode(),
        Mode::Closed {
            until: now + secs(9)
        }
    );
}

#[test]
fn a_parked_key_is_tried_by_one_call_at_a_time() {
    let (mut state, now) = state();
    state.settle(7, Verdict::Spent(None), None, now);
    assert_eq!(state.admit(now, true), Admit::At(now + secs(60)));
    let now = now + secs(60);
    assert_eq!(state.admit(now, true), PROBE);
    assert_eq!(state.admit(now, true), Admit::At(now + secs(30)));
    // It came to nothing: the next one tries.
    let first = state.epoch();
    state.settle(first, Verdict::Beside, None, now);
    assert_eq!(state.admit(now, true), PROBE);
    // Of the first one nothing is to be heard any more.
    state.settle(first, Verdict::Beside, None, now);
    state.answered(first, now);
    assert!(matches!(state.mode(), Mode::Probing { .. }));
    // It is still of no use, and says for how long.
    state.settle(state.epoch(), Verdict::Spent(Some(secs(3000))), None, now);
    assert_eq!(state.admit(now, true), Admit::At(now + secs(3000)));
    let now = now + secs(3000);
    assert_eq!(state.admit(now, true), PROBE);
    state.settle(state.epoch(), Verdict::Well, None, now);
    assert_eq!(state.admit(now, true), GO);
    assert!(matches!(state.mode(), Mode::Paced { .. }));
}

#[test]
fn a_probe_that_meets_a_limit_shows_that_the_key_works() {
    let (mut state, now) = state();
    state.settle(7, Verdict::Spent(None), None, now);
    let now = now + secs(60);
    assert_eq!(state.admit(now, true), PROBE);
    state.settle(state.epoch(), limited(5), None, now);
    assert_eq!(
        state.mode(),
        Mode::Closed {
            until: now + secs(5)
        }
    );
}

#[test]
fn a_straggler_that_met_an_unusable_key_is_heard() {
    let none = Verdict::Unusable(None);
    // A limit closed the gate first, and may be over.
    for passed in [0, 1] {
        let (mut state, now) = state();
        state.settle(7, limited(1), None, now);
        let now = now + secs(passed);
        state.admit(now, true);
        assert!(state.settle(7, none, Some(AUTH), now));
        assert!(state.is_parked_of_key());
        assert_eq!(parked_until(&state), Some(now + secs(60)));
        // The others that were out with it tell nothing new.
        assert!(!state.settle(7, none, Some(AUTH), now + secs(5)));
        assert_eq!(parked_until(&state), Some(now + secs(60)));
    }
}

#[test]
fn a_straggler_from_before_a_key_reopened_has_no_say_of_it() {
    let unusable = [None, Some(secs(5))].map(Verdict::Unusable);
    let found_out: [fn(&mut State, Instant); 5] = [
        |state, now| _ = state.settle(state.epoch(), Verdict::Well, None, now),
        |state, now| _ = state.settle(state.epoch(), limited(9), None, now),
        |state, now| _ = state.settle(state.epoch(), Verdict::Spent(None), None, now),
        |state, now| state.hear(Verdict::Well, None, now),
        |state, now| state.open(now, true),
    ];
    for works in found_out {
        let (mut state, now) = state();
        state.settle(7, Verdict::Unusable(Some(secs(5))), None, now);
        let now = now + secs(5);
        assert_eq!(state.admit(now, true), PROBE);
        let probe = state.epoch();
        works(&mut state, now);
        for verdict in unusable {
            assert!(!state.settle(7, verdict, None, now));
            assert!(!state.is_parked_of_key());
        }
        // Who was let in since has.
        state.close(secs(1), now);
        assert!(state.settle(probe, unusable[0], None, now));
        assert!(state.is_parked_of_key());
    }
}

#[test]
fn a_limit_that_a_call_met_which_tried_the_key_is_that_of_its_gate() {
    for verdict in [limited(9), Verdict::Spent(None)] {
        let (mut state, now) = state();
        state.park(Some(Duration::ZERO), now);
        let mut other = state.clone();
        assert_eq!(state.admit(now, true), PROBE);
        assert!(state.settle(state.epoch(), verdict, None, now));
        assert!(matches!(
            state.mode(),
            Mode::Closed { .. } | Mode::Parked { .. }
        ));
        assert!(!state.is_parked_of_key());
        // The key works, so it does for the other one.
        other.hear(verdict, None, now);
        assert!(matches!(other.mode(), Mode::Paced { .. }));
    }
}

/// When a parked gate may be tried.
fn parked_until(state: &State) -> Option<Instant> {
    match state.mode() {
        Mode::Parked { until } => until,
        mode => panic!("{mode:?}"),
    }
}

#[test]
fn only_what_is_of_the_key_concerns_its_other_gates() {
    let wait = Some(secs(5));
    for (verdict, concerns) in [
        (Verdict::Unusable(None), true),
        (Verdict::Unusable(wait), true),
        (Verdict::Spent(None), false),
        (Verdict::Limited(wait), false),
        (Verdict::Well, false),
        (Verdict::Beside, false),
    ] {
        let (mut state, now) = state();
        assert_eq!(state.settle(7, verdict, None, now), concerns, "{verdict:?}");
        // Not what nobody listens to here.
        let (mut state, _) = self::state();
        assert!(!state.settle(6, verdict, None, now));
    }
    let (mut state, now) = state();
    state.settle(7, limited(1), None, now);
    assert!(state.settle(7, Verdict::Unusable(wait), None, now), "late");
    assert_eq!(parked_until(&state), Some(now + secs(5)));
    // That the key works is news when it was parked, however that is found out.
    let now = now + secs(5);
    for streamed in [false, true] {
        state.park(Some(Duration::ZERO), now);
        assert_eq!(state.admit(now, true), PROBE);
        let epoch = state.epoch();
        assert!(match streamed {
            true => state.answered(epoch, now),
            false => state.settle(epoch, Verdict::Well, None, now),
        });
        assert!(!state.answered(epoch, now), "told twice");
    }
    // A probe of one limit is none of the key.
    state.settle(state.epoch(), limited(1_000_000), None, now);
    let now = now + secs(3600);
    assert_eq!(state.admit(now, true), PROBE);
    assert!(!state.settle(state.epoch(), Verdict::Well, None, now));
}

#[test]
fn what_another_gate_found_out_of_the_key_counts_here() {
    let (mut state, now) = state();
    let unusable = |wait: Option<u64>| Verdict::Unusable(wait.map(secs));
    state.hear(unusable(None), Some(AUTH), now);
    assert_eq!(parked_until(&state), Some(now + secs(60)));
    assert_eq!(state.reject(state.refusal(), None, now).origin, Some(AUTH));
    // What was let in before has nothing to say of it.
    state.settle(7, Verdict::Well, None, now);
    state.settle(7, unusable(None), None, now);
    assert_eq!(parked_until(&state), Some(now + secs(60)));
    // Longer, and not shorter, nor longer than is believed.
    state.hear(unusable(Some(90)), None, now);
    state.hear(unusable(Some(80)), None, now);
    assert_eq!(parked_until(&state), Some(now + secs(90)));
    state.hear(unusable(Some(1_000_000)), None, now);
    assert_eq!(parked_until(&state), Some(now + secs(3600)));
    // It works there, so it does here.
    state.hear(Verdict::Well, None, now);
    assert!(matches!(state.mode(), Mode::Paced { .. }));
    assert_eq!(state.admit(now, true), GO);
    // A limit is not over because the key is of no use.
    state.settle(state.epoch(), limited(100), None, now);
    state.hear(unusable(None), None, now);
    assert_eq!(parked_until(&state), Some(now + secs(100)));
}

#[test]
fn a_key_that_works_elsewhere_gives_back_no_quota() {
    let (mut state, now) = state();
    state.settle(7, Verdict::Spent(Some(secs(3000))), None, now);
    state.hear(Verdict::Unusable(None), None, now);
    state.hear(Verdict::Well, None, now);
    assert_eq!(parked_until(&state), Some(now + secs(3000)));
    // Nor is it taken for open where it is not shut.
    let (mut state, now) = self::state();
    state.settle(7, limited(20), None, now);
    state.hear(Verdict::Well, None, now);
    assert_eq!(state.admit(now, true), Admit::At(now + secs(20)));
}

#[test]
fn a_gate_that_is_spent_for_longer_than_its_key_is_parked_is_of_the_key_too() {
    let spent = |wait| {
        let (mut state, now) = state();
        state.settle(7, Verdict::Spent(Some(secs(wait))), Some(QUOTA), now);
        state.hear(Verdict::Unusable(None), Some(AUTH), now);
        assert_eq!(parked_until(&state), Some(now + secs(wait.max(60))));
        assert!(state.is_parked_of_key());
        assert_eq!(state.origin(), Some(AUTH));
        (state, now)
    };
    // Its own time over, it leaves the trying to others, and works when the key does.
    for wait in [50, 100] {
        let (mut state, now) = spent(wait);
        let now = now + secs(100);
        assert!(state.would_try_key(now).is_some());
        assert_eq!(state.admit(now, true), PROBE);
        state.hear(Verdict::Well, None, now);
        assert!(matches!(state.mode(), Mode::Paced { .. }));
    }
    // Earlier, its own wait is left, however often the key was refused before.
    let (mut state, now) = spent(3000);
    let then = now + secs(60);
    state.hear(Verdict::Unusable(Some(secs(9))), Some(AUTH), then);
    assert_eq!(parked_until(&state), Some(now + secs(3000)));
    // Who comes to the key now does not wait for the quota of this one.
    let (mut late, _) = self::state();
    late.join(&state, then);
    assert_eq!(parked_until(&late), Some(then + secs(9)));
    state.hear(Verdict::Well, None, then);
    assert_eq!(parked_until(&state), Some(now + secs(3000)));
    assert!(!state.is_parked_of_key());
    assert_eq!(state.origin(), Some(QUOTA));

    // So it is with a limit, also one that is not believed.
    for (wait, admits) in [(100, GO), (FOR_EVER, PROBE)] {
        let (mut state, now) = self::state();
        state.settle(7, limited(wait), Some(QUOTA), now);
        state.hear(Verdict::Unusable(None), Some(AUTH), now);
        state.hear(Verdict::Well, None, now + secs(60));
        let until = now + secs(wait.min(3600));
        assert_eq!(state.mode(), Mode::Closed { until });
        assert_eq!(state.origin(), Some(QUOTA));
        assert_eq!(state.admit(until, true), admits);
    }
}

#[test]
fn who_tries_a_limit_hears_that_the_key_is_unusable() {
    for verdict in [Verdict::Spent(Some(secs(5))), limited(FOR_EVER)] {
        let (mut state, now) = state();
        state.settle(7, verdict, None, now);
        let now = now + secs(3600);
        assert_eq!(state.admit(now, true), PROBE);
        let probe = state.epoch();
        state.hear(Verdict::Unusable(None), Some(AUTH), now);
        assert!(state.is_parked_of_key() && !state.tries_key());
        assert!(!state.settle(probe, Verdict::Well, None, now));
        assert_eq!(parked_until(&state), Some(now + secs(60)));
    }
}

#[test]
fn a_probe_and_a_hand_have_the_last_word_on_the_key() {
    let (mut state, now) = state();
    state.hear(Verdict::Unusable(None), None, now);
    let now = now + secs(60);
    assert_eq!(state.admit(now, true), PROBE);
    let probe = state.epoch();
    state.hear(Verdict::Unusable(None), None, now);
    state.hear(Verdict::Beside, None, now);
    assert!(matches!(state.mode(), Mode::Probing { .. }));
    assert_eq!(state.epoch(), probe);
    // That the key works is known, whoever found it out.
    state.hear(Verdict::Well, None, now);
    assert!(matches!(state.mode(), Mode::Paced { .. }));
    state.settle(probe, Verdict::Beside, None, now);
    assert!(matches!(state.mode(), Mode::Paced { .. }));

    state.park(None, now);
    state.hear(Verdict::Unusable(None), None, now);
    state.hear(Verdict::Well, None, now);
    assert_eq!(parked_until(&state), None);
}

#[test]
fn a_gate_leaves_the_trying_of_the_key_to_another() {
    let (mut state, now) = state();
    assert_eq!(state.would_try_key(now), None);
    state.hear(Verdict::Unusable(None), Some(AUTH), now);
    assert_eq!(state.would_try_key(now), None);
    let then = now + secs(60);
    assert_eq!(state.would_try_key(then), Some(then + secs(30)));
    let elsewhere = |state: &mut State| {
        state.leave_to_other(then + secs(9));
        assert_eq!(state.admit(then, true), Admit::At(then + secs(9)));
        assert_eq!(state.expect(then, 0), Some(then + secs(9)));
        assert_eq!(state.earliest(then), Some(then));
        assert_eq!(state.refusal(), Cause::KeyUnusable);
        assert!(!state.tries_key() && state.is_parked_of_key());
    };
    // It came to nothing there.
    elsewhere(&mut state);
    state.hear(Verdict::Beside, None, then);
    assert_eq!(parked_until(&state), Some(then));
    assert_eq!(state.origin(), Some(AUTH));
    // It found out something.
    elsewhere(&mut state);
    state.hear(Verdict::Unusable(Some(secs(5))), None, then);
    assert_eq!(parked_until(&state), Some(then + secs(5)));
    elsewhere(&mut state);
    state.hear(Verdict::Well, None, then);
    assert!(matches!(state.mode(), Mode::Paced { .. }));
    // Nothing was heard of it.
    state.hear(Verdict::Unusable(None), None, now);
    elsewhere(&mut state);
    let then = then + secs(9);
    assert!(state.would_try_key(then).is_some());
    assert_eq!(state.admit(then, true), PROBE);
    assert!(state.tries_key());
    // And another gate took its place in turn: what is out here has no say.
    let first = state.epoch();
    state.leave_to_other(then + secs(60));
    assert!(!state.settle(first, Verdict::Well, None, then));
    assert!(matches!(state.mode(), Mode::Elsewhere { .. }));
}

#[test]
fn what_is_tried_for_a_limit_is_not_the_key() {
    let (mut state, now) = state();
    state.settle(7, Verdict::Spent(Some(secs(5))), None, now);
    let now = now + secs(5);
    assert_eq!(state.would_try_key(now), None);
    assert_eq!(state.admit(now, true), PROBE);
    assert!(!state.tries_key() && state.is_parked() && !state.is_parked_of_key());
    state.hear(Verdict::Well, None, now);
    assert!(matches!(state.mode(), Mode::Probing { .. }));
    // A key that was parked once, and a limit that is not believed since.
    state.park(Some(Duration::ZERO), now);
    assert_eq!(state.admit(now, true), PROBE);
    assert!(state.tries_key());
    state.settle(state.epoch(), limited(FOR_EVER), None, now);
    let now = now + secs(3600);
    assert_eq!(state.would_try_key(now), None);
    assert_eq!(state.admit(now, true), PROBE);
    assert!(!state.tries_key());
}

#[test]
fn what_is_parked_until_further_notice_stays_so() {
    let (mut state, now) = state();
    state.park(None, now);
    state.settle(7, limited(900), None, now);
    assert_eq!(state.admit(now + secs(1_000_000), true), Admit::Wait);
    assert_eq!(state.expect(now, 0), None);
    state.open(now, true);
    assert_eq!(state.admit(now, true), GO);
}

#[test]
fn a_used_up_limit_holds_the_next_call() {
    let (mut state, now) = state();
    let every = Duration::from_millis(120);
    state.learn(7, every);
    state.hold(7, every, now);
    let next = now + every;
    assert_eq!(state.admit(now, true), Admit::At(next));
    assert_eq!(state.admit(next, true), GO);
    assert_eq!(state.admit(next, true), Admit::At(next + every));
    state.hold(3, secs(9), now);
    state.learn(3, secs(9));
    assert_eq!(state.admit(next, true), Admit::At(next + every));
}

#[test]
fn a_wait_that_no_clock_can_hold_is_a_long_one() {
    let max_closed = Duration::MAX;
    let settings = GateSettings {
        max_closed,
        ..GateSettings::standard()
    };
    let (mut state, now) = (State::new(&settings, 7), Instant::now());
    state.settle(7, Verdict::Limited(Some(Duration::MAX)), None, now);
    let years = secs(10 * 365 * 86_400);
    assert!(matches!(state.admit(now + years, true), Admit::At(_)));
}

#[test]
fn only_failures_of_the_key_say_something_of_it() {
    use buttress_core::RetryAfter;
    let of = |class, blame| Verdict::of(Err(Failure::new(class, blame)));
    assert_eq!(Verdict::of(Ok(())), Verdict::Well);
    for blame in [Blame::Key, Blame::Limit] {
        assert_eq!(of(Class::Transient, blame), Verdict::Limited(None));
        assert_eq!(of(Class::BadInput, blame), Verdict::Beside);
    }
    assert_eq!(of(Class::Persistent, Blame::Key), Verdict::Unusable(None));
    assert_eq!(of(Class::Persistent, Blame::Limit), Verdict::Spent(None));
    assert_eq!(of(Class::Rejected, Blame::Local), Verdict::Beside);
    let busy = Failure::SERVICE.retry_after(RetryAfter::After(secs(9)));
    assert_eq!(Verdict::of(Err(busy)), Verdict::Beside);
    let never = Failure::new(Class::Persistent, Blame::Key).retry_after(RetryAfter::Never);
    assert_eq!(Verdict::of(Err(never)), Verdict::Unusable(None));
}

#[test]
fn a_very_fast_pace_that_was_told_is_taken_when_the_key_did_well() {
    let (mut state, now) = state();
    state.learn(7, Duration::from_millis(1));
    state.settle(7, limited(5), None, now);
    let then = now + secs(5);
    assert_eq!(state.admit(then, false), GO);
    assert_eq!(state.per_second(), 50.0);
    state.settle(state.epoch(), Verdict::Well, None, then + secs(9));
    assert!(state.per_second() < 51.0);
    state.settle(state.epoch(), Verdict::Well, None, then + secs(10));
    assert_eq!(state.per_second(), 1000.0);
}

/// A year.
const FOR_EVER: u64 = 31_536_000;

#[test]
fn a_key_that_was_shut_for_very_long_is_tried_by_one_call() {
    let (mut state, now) = state();
    state.settle(7, limited(FOR_EVER), None, now);
    let hour = now + secs(3600);
    assert_eq!(state.mode(), Mode::Closed { until: hour });
    assert_eq!(state.refusal(), Cause::GateClosed);
    assert_eq!(state.admit(hour, true), PROBE);
    assert_eq!(state.admit(hour, true), Admit::At(hour + secs(30)));
    assert_eq!(state.refusal(), Cause::GateClosed);
    // Abandoned, it is tried again.
    state.settle(state.epoch(), Verdict::Beside, None, hour);
    assert_eq!(state.admit(hour, true), PROBE);
    state.settle(state.epoch(), limited(FOR_EVER), None, hour);
    let later = hour + secs(3600);
    assert_eq!(state.mode(), Mode::Closed { until: later });
    assert_eq!(state.admit(later, true), PROBE);
    state.settle(state.epoch(), Verdict::Well, None, later);
    assert_eq!(state.admit(later, true), GO);
    // The next limit is an ordinary one.
    state.settle(state.epoch(), limited(3600), None, later);
    assert_eq!(state.admit(later + secs(3600), true), GO);
}

#[test]
fn nothing_that_was_told_shuts_a_key_for_longer_than_set() {
    let hour = |now| now + secs(3600);
    let (mut state, now) = state();
    state.settle(7, Verdict::Spent(Some(secs(FOR_EVER))), None, now);
    let until = Some(hour(now));
    assert_eq!(state.mode(), Mode::Parked { until });
    // By stragglers neither.
    state.settle(7, Verdict::Spent(Some(secs(FOR_EVER))), None, now);
    assert_eq!(state.mode(), Mode::Parked { until });
    state.close(secs(1), now);
    state.settle(7, limited(FOR_EVER), None, now);
    assert_eq!(state.mode(), Mode::Closed { until: hour(now) });
    assert_eq!(state.admit(hour(now), true), PROBE);
    state.open(now, true);
    state.settle(7, limited(FOR_EVER), None, now);
    assert_eq!(state.admit(hour(now), true), PROBE);
    // Nor by what answers say of limits.
    state.open(now, true);
    state.learn(state.epoch(), secs(FOR_EVER));
    state.hold(state.epoch(), secs(FOR_EVER), now);
    assert_eq!(state.admit(hour(now), false), GO);
    assert_eq!(state.admit(now, false), Admit::At(hour(hour(now))));
    // Whoever has the handle may.
    state.close(secs(FOR_EVER), now);
    let until = now + secs(FOR_EVER);
    assert_eq!(state.mode(), Mode::Closed { until });
    assert_eq!(state.admit(until, true), GO);
}

#[test]
fn who_is_turned_away_hears_what_shut_the_gate() {
    const RATE_LIMITED: Name = Name::new(&"rate_limited");
    const QUOTA_EXHAUSTED: Name = Name::new(&"quota_exhausted");
    let origin = |state: &State, now| state.reject(state.refusal(), None, now).origin;
    let (mut state, now) = state();
    assert_eq!(origin(&state, now), None);
    state.settle(7, Verdict::Spent(None), Some(AUTH), now);
    assert_eq!(origin(&state, now), Some(AUTH));
    // A probe that came to nothing does not make it forgotten, and a straggler tells no other.
    let now = now + secs(60);
    assert_eq!(state.admit(now, true), PROBE);
    state.settle(state.epoch(), Verdict::Beside, None, now);
    state.settle(7, limited(9), Some(RATE_LIMITED), now);
    assert_eq!(origin(&state, now), Some(AUTH));
    // One that finds out something else does.
    let now = now + secs(9);
    assert_eq!(state.admit(now, true), PROBE);
    let spent = Verdict::Spent(None);
    state.settle(state.epoch(), spent, Some(QUOTA_EXHAUSTED), now);
    assert_eq!(origin(&state, now), Some(QUOTA_EXHAUSTED));
    // The key works: what is turned away from now on is so for the pace.
    let now = now + secs(60);
    assert_eq!(state.admit(now, true), PROBE);
    state.answered(state.epoch(), now);
    assert_eq!(origin(&state, now), None);

    // A limit is the reason until a call gets through.
    state.settle(state.epoch(), limited(9), Some(RATE_LIMITED), now);
    let now = now + secs(9);
    assert_eq!(state.admit(now, true), GO);
    assert_eq!(origin(&state, now), Some(RATE_LIMITED));
    state.settle(state.epoch(), Verdict::Well, None, now);
    assert_eq!(origin(&state, now), None);

    // A handle gives no reason.
    let shut = |state: &mut State| {
        state.settle(state.epoch(), limited(9), Some(RATE_LIMITED), now);
        assert_eq!(origin(state, now), Some(RATE_LIMITED));
    };
    shut(&mut state);
    state.park(None, now);
    assert_eq!(origin(&state, now), None);
    shut(&mut state);
    state.close(secs(9), now);
    assert_eq!(origin(&state, now), None);
    shut(&mut state);
    state.open(now, false);
    assert_eq!(origin(&state, now), None);
}
