//! The breaker against a plain sequential one, with outcomes that come late or never.

use super::{Breaker, Outcome, Pass, Refused};
use crate::{Settings, State};
use proptest::prelude::*;
use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// What the model and the breaker both do.
#[derive(Clone, Debug)]
enum Step {
    Admit,
    /// This one of the calls in flight ends, if there is one.
    Settle(usize, Outcome, bool),
    Advance(u32),
    ForceOpen,
    ForceClose,
    Isolate,
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        4 => Just(Outcome::Success),
        6 => Just(Outcome::Failure(None)),
        1 => (0_u32..100).prop_map(|secs| Outcome::Failure(Some(secs * SECOND))),
        2 => Just(Outcome::Unknown),
    ];
    prop_oneof![
        30 => Just(Step::Admit),
        30 => (0_usize..6, outcome, prop::bool::weighted(0.2))
            .prop_map(|(n, outcome, slow)| Step::Settle(n, outcome, slow)),
        10 => (0_u32..40).prop_map(Step::Advance),
        1 => Just(Step::ForceOpen),
        1 => Just(Step::ForceClose),
        1 => Just(Step::Isolate),
        1 => Just(Step::Reset),
    ]
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    run: Option<u32>,
    counter: bool,
    rate: f64,
    size: usize,
    min_calls: usize,
    slow: Option<f64>,
    probes: usize,
    successes: usize,
}

fn shape() -> impl Strategy<Value = Shape> {
    let window = (1_usize..12).prop_flat_map(|size| (Just(size), 1..=size));
    let slow = prop::option::of(prop::sample::select(vec![0.2, 0.5, 1.0]));
    let rate = prop::sample::select(vec![0.25, 0.5, 0.55, 1.0]);
    let run = prop::option::of(1_u32..6);
    (
        run,
        any::<bool>(),
        rate,
        window,
        slow,
        1_usize..4,
        1_usize..4,
    )
        .prop_map(
            |(run, counter, rate, (size, min_calls), slow, probes, successes)| Shape {
                run,
                counter,
                rate,
                size,
                min_calls,
                slow,
                probes,
                successes,
            },
        )
}

impl Shape {
    fn settings(self) -> Settings {
        let settings = Settings::standard().jitter(0.0);
        let settings = match self.run {
            Some(run) if self.counter => settings.failure_counter(run),
            run => settings.consecutive_failures(run),
        };
        let settings = match self.slow {
            Some(rate) => settings.slow_calls(SECOND, rate),
            None => settings,
        };
        settings
            .failure_rate(self.rate)
            .count_window(self.size as u32)
            .min_calls(self.min_calls as u32)
            .probes(self.probes as u32)
            .successes_to_close(self.successes as u32)
            .probe_lease(50 * SECOND)
    }
}

/// The rules once more, written for reading: no words, no bits, no atomics.
struct Model {
    shape: Shape,
    state: State,
    epoch: u64,
    /// Failed, slow.
    window: VecDeque<(bool, bool)>,
    run: u32,
    open_until: Instant,
    reopens: u32,
    probed_at: Instant,
    probes: usize,
    successes: usize,
}

impl Model {
    fn new(shape: Shape, now: Instant) -> Self {
        Self {
            shape,
            state: State::Closed,
            epoch: 0,
            window: VecDeque::new(),
            run: 0,
            open_until: now,
            reopens: 0,
            probed_at: now,
            probes: 0,
            successes: 0,
        }
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.epoch += 1;
        self.window.clear();
        (self.run, self.probes, self.successes) = (0, 0, 0);
    }

    fn open(&mut self, again: bool, asked: Option<Duration>, now: Instant) {
        self.reopens = if again { self.reopens + 1 } else { 0 };
        let doubled = 30 * SECOND * 2_u32.pow(self.reopens.min(10));
        let open_for = doubled.max(asked.unwrap_or_default());
        self.open_until = now + open_for.min(300 * SECOND);
        self.enter(State::Open);
    }

    fn admit(&mut self, now: Instant) -> Result<u64, Refused> {
        match self.state {
            State::Closed => return Ok(self.epoch),
            State::Isolated => return Err(None),
            State::Open if now < self.open_until => return Err(Some(self.open_until - now)),
            State::Open => self.enter(State::HalfOpen),
            State::HalfOpen => {
                let lease_ends = self.probed_at + 50 * SECOND;
                if self.probes >= self.shape.probes && now < lease_ends {
                    return Err(None);
                }
            }
        }
        self.probes += 1;
        self.probed_at = now;
        Ok(self.epoch)
    }

    fn settle(&mut self, epoch: u64, outcome: Outcome, slow: bool, now: Instant) {
        if epoch != self.epoch {
            return;
        }
        let asked = match outcome {
            Outcome::Failure(asked) => asked,
            _ => None,
        };
        let failed = matches!(outcome, Outcome::Failure(_));
        if self.state == State::HalfOpen {
            self.probes -= 1;
            if failed || slow {
                self.open(true, asked, now);
            } else if outcome == Outcome::Success {
                self.successes += 1;
                if self.successes == self.shape.successes {
                    self.enter(State::Closed);
                }
            }
            return;
        }
        match outcome {
            Outcome::Success if self.shape.counter && self.shape.run.is_some() => {
                self.run = self.run.saturating_sub(1);
            }
            Outcome::Success => self.run = 0,
            Outcome::Failure(_) => self.run += 1,
            Outcome::Unknown if slow => {}
            Outcome::Unknown => return,
        }
        self.window.push_back((failed, slow));
        if self.window.len() > self.shape.size {
            self.window.pop_front();
        }
        let calls = self.window.len();
        let part = |bad: usize| bad as f64 / calls as f64;
        let failures = part(self.window.iter().filter(|call| call.0).count());
        let slow_calls = part(self.window.iter().filter(|call| call.1).count());
        let enough = calls >= self.shape.min_calls;
        let by_run = failed && self.shape.run.is_some_and(|run| self.run >= run);
        let by_rate = failed && enough && failures >= self.shape.rate;
        let by_slow = slow && enough && self.shape.slow.is_some_and(|rate| slow_calls >= rate);
        if by_run || by_rate || by_slow {
            self.open(false, asked, now);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_breaker_does_what_the_model_does(
        shape in shape(),
        steps in prop::collection::vec(step(), 0..300),
    ) {
        let settings = shape.settings();
        prop_assert!(settings.validate().is_ok());
        let breaker = Breaker::new(settings.rules(), None);
        let mut now = Instant::now();
        let mut model = Model::new(shape, now);
        let mut flights: Vec<(Pass, u64)> = Vec::new();
        for step in steps {
            match step {
                Step::Admit => {
                    let peeked = breaker.peek(|| now);
                    let admitted = breaker.admit(|| now);
                    let expected = model.admit(now);
                    prop_assert_eq!(peeked, admitted.map(|_| ()));
                    prop_assert_eq!(peeked, expected.map(|_| ()));
                    flights.extend(admitted.ok().zip(expected.ok()));
                }
                Step::Settle(n, outcome, slow) if n < flights.len() => {
                    let (pass, epoch) = flights.swap_remove(n);
                    let slow = slow && shape.slow.is_some();
                    if outcome == Outcome::Success && !slow {
                        breaker.succeed(pass, || now);
                    } else {
                        breaker.settle(pass, outcome, slow, now);
                    }
                    model.settle(epoch, outcome, slow, now);
                }
                Step::Settle(..) => {}
                Step::Advance(secs) => now += secs * SECOND,
                Step::ForceOpen => {
                    breaker.force_open(now);
                    model.open(false, None, now);
                }
                Step::ForceClose => {
                    breaker.force(State::Closed);
                    model.enter(State::Closed);
                }
                Step::Isolate => {
                    breaker.force(State::Isolated);
                    model.enter(State::Isolated);
                }
                Step::Reset => {
                    breaker.reset();
                    model.enter(State::Closed);
                }
            }
            prop_assert_eq!(breaker.word().state(), model.state);
            prop_assert_eq!(breaker.word().generation(), model.epoch);
            let counts = breaker.counts(now);
            prop_assert_eq!(counts.probes as usize, model.probes);
            prop_assert_eq!(counts.successes as usize, model.successes);
            prop_assert_eq!(counts.calls as usize, model.window.len());
            prop_assert_eq!(counts.consecutive_failures, model.run);
        }
    }
}
