use rand::{RngExt, SeedableRng, rngs::SmallRng};
use std::{error, fmt, time::Duration};

/// How long to wait before each retry, when the other side did not say.
///
/// Exponential: the n-th wait grows as `base · 2ⁿ` up to `cap`, and [`Jitter`] says what part of
/// that is left to chance. Waits are drawn in nanoseconds: nothing is truncated to whole seconds.
///
/// The defaults are a base of 1 s and a cap of 60 s with [`Jitter::Full`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Nanoseconds, above zero.
    base: u64,
    /// Nanoseconds, not below the base.
    cap: u64,
    jitter: Jitter,
    seed: Seed,
}

/// What part of a wait is left to chance, so that callers who failed together do not come back
/// together. `U(a, b)` is uniform over both ends.
///
/// The first three are compared in Marc Brooker's "Exponential Backoff And Jitter" (AWS
/// Architecture Blog, 2015); full jitter finishes with the least work for the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Jitter {
    /// `U(0, min(cap, base · 2ⁿ))`.
    #[default]
    Full,
    /// `w / 2 + U(0, w / 2)`, where `w` is `min(cap, base · 2ⁿ)`.
    Equal,
    /// `min(cap, U(base, 3 · previous wait))`, the previous wait being `base` at first.
    Decorrelated,
    /// `min(cap, base · 2ⁿ + U(0, 1 s))`. At the cap nothing of the jitter is left.
    Additive,
    /// `min(cap, base · 2ⁿ)`: all callers who failed together come back together.
    None,
}

/// Where a session's randomness comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Seed {
    /// From the thread's generator, which the operating system seeds.
    #[default]
    Random,
    /// From this number and the session's: repeatable, and another one for each session.
    Fixed(u64),
}

impl Backoff {
    /// The wait before the first retry, before jitter: 1 s.
    pub const DEFAULT_BASE: Duration = Duration::from_secs(1);
    /// The longest wait: 60 s.
    pub const DEFAULT_CAP: Duration = Duration::from_secs(60);

    /// A back-off that doubles from `base` up to `cap`, with [`Jitter::Full`].
    ///
    /// # Errors
    /// When `base` is zero, which would never grow, or `cap` is below it.
    pub const fn new(base: Duration, cap: Duration) -> Result<Self, InvalidBackoff> {
        let (base, cap) = (nanos(base), nanos(cap));
        if base == 0 {
            return Err(InvalidBackoff::ZeroBase);
        }
        if cap < base {
            return Err(InvalidBackoff::CapBelowBase);
        }
        Ok(Self {
            base,
            cap,
            jitter: Jitter::Full,
            seed: Seed::Random,
        })
    }

    /// Sets the kind of jitter.
    #[must_use]
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// Sets where the randomness comes from.
    #[must_use]
    pub const fn seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// The waits of one session: of one call with all its retries.
    ///
    /// Each session draws from a generator of its own. With a [`Seed::Fixed`], sessions of the
    /// same number draw the same waits; otherwise the number means nothing.
    #[must_use]
    pub fn session(&self, number: u64) -> Delays {
        let seed = match self.seed {
            Seed::Random => rand::random(),
            // An odd constant (2⁶⁴ over the golden ratio), so that neither neighbouring sessions
            // nor layers with neighbouring seeds share a sequence.
            Seed::Fixed(seed) => seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        };
        Delays {
            backoff: *self,
            drawn: 0,
            previous: self.base,
            rng: SmallRng::seed_from_u64(seed),
        }
    }

    /// `min(cap, base · 2ⁿ)`, for any `n`.
    const fn step(&self, n: u32) -> u64 {
        if n > self.base.leading_zeros() {
            return self.cap;
        }
        let step = self.base << n;
        if step < self.cap { step } else { self.cap }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            base: nanos(Self::DEFAULT_BASE),
            cap: nanos(Self::DEFAULT_CAP),
            jitter: Jitter::Full,
            seed: Seed::Random,
        }
    }
}

/// The waits of one session, without end. See [`Backoff::session`].
#[derive(Clone, Debug)]
pub struct Delays {
    backoff: Backoff,
    drawn: u32,
    previous: u64,
    rng: SmallRng,
}

impl Iterator for Delays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.draw())
    }
}

impl Delays {
    /// The wait before the next retry.
    pub(crate) fn draw(&mut self) -> Duration {
        let Backoff { base, cap, .. } = self.backoff;
        let step = self.backoff.step(self.drawn);
        self.drawn = self.drawn.saturating_add(1);
        let delay = match self.backoff.jitter {
            Jitter::Full => self.uniform(0, step),
            Jitter::Equal => step - step / 2 + self.uniform(0, step / 2),
            Jitter::Decorrelated => {
                let high = self.previous.saturating_mul(3);
                self.previous = self.uniform(base, high).min(cap);
                self.previous
            }
            Jitter::Additive => {
                let extra = self.uniform(0, nanos(Duration::from_secs(1)));
                step.saturating_add(extra).min(cap)
            }
            Jitter::None => step,
        };
        Duration::from_nanos(delay)
    }

    /// A draw from `U(0, bound)`, to put on top of a wait that somebody else chose.
    pub(crate) fn up_to(&mut self, bound: Duration) -> Duration {
        Duration::from_nanos(self.uniform(0, nanos(bound)))
    }

    fn uniform(&mut self, low: u64, high: u64) -> u64 {
        self.rng.random_range(low..=high)
    }
}

/// Numbers that make no back-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidBackoff {
    /// The base is zero and would stay zero however often it is doubled.
    ZeroBase,
    /// The longest wait is shorter than the first.
    CapBelowBase,
}

impl fmt::Display for InvalidBackoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ZeroBase => "the base of a back-off must be above zero",
            Self::CapBelowBase => "the cap of a back-off must not be below its base",
        })
    }
}

impl error::Error for InvalidBackoff {}

/// Saturating: 584 years are as good as for ever.
const fn nanos(duration: Duration) -> u64 {
    let nanos = duration.as_nanos();
    if nanos > u64::MAX as u128 {
        u64::MAX
    } else {
        nanos as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KINDS: [Jitter; 5] = [
        Jitter::Full,
        Jitter::Equal,
        Jitter::Decorrelated,
        Jitter::Additive,
        Jitter::None,
    ];

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn backoff(jitter: Jitter) -> Backoff {
        Backoff::default().jitter(jitter).seed(Seed::Fixed(7))
    }

    /// How alike two rows of numbers are, from -1 to 1.
    fn correlation(a: &[f64], b: &[f64]) -> f64 {
        let mean = |row: &[f64]| row.iter().sum::<f64>() / row.len() as f64;
        let (mean_a, mean_b) = (mean(a), mean(b));
        let of = |a: &[f64], mean_a, b: &[f64], mean_b| -> f64 {
            a.iter()
                .zip(b)
                .map(|(a, b)| (a - mean_a) * (b - mean_b))
                .sum()
        };
        let spread = of(a, mean_a, a, mean_a) * of(b, mean_b, b, mean_b);
        of(a, mean_a, b, mean_b) / spread.sqrt()
    }

    proptest! {
        #[test]
        fn no_wait_is_above_the_cap_or_below_what_its_jitter_allows(
            base in 1..u64::MAX,
            cap in 1..u64::MAX,
            seed: u64,
            kind in 0..KINDS.len(),
        ) {
            let (base, cap) = (base.min(cap), base.max(cap));
            let backoff = Backoff::new(Duration::from_nanos(base), Duration::from_nanos(cap));
            let backoff = backoff.unwrap().jitter(KINDS[kind]).seed(Seed::Fixed(seed));
            for (n, delay) in backoff.session(0).take(130).enumerate() {
                let delay = nanos(delay);
                let step = (u128::from(base) << n.min(64)).min(u128::from(cap)) as u64;
                prop_assert!(delay <= cap);
                match KINDS[kind] {
                    Jitter::Full => prop_assert!(delay <= step),
                    Jitter::Equal => prop_assert!(delay >= step / 2 && delay <= step),
                    Jitter::Decorrelated => prop_assert!(delay >= base),
                    Jitter::Additive => prop_assert!(delay >= step),
                    _ => prop_assert_eq!(delay, step),
                }
            }
        }
    }

    /// Sessions that share one generator's state, or waits cut to whole seconds, fail here.
    #[test]
    fn two_sessions_are_uncorrelated_also_for_a_base_of_whole_seconds() {
        for jitter in &KINDS[..4] {
            // The same wait of many neighbouring sessions, so that its growth plays no part.
            for n in 0..4 {
                let draw = |number| {
                    backoff(*jitter)
                        .session(number)
                        .nth(n)
                        .unwrap()
                        .as_secs_f64()
                };
                let even: Vec<f64> = (0..1000).map(|i| draw(2 * i)).collect();
                let odd: Vec<f64> = (0..1000).map(|i| draw(2 * i + 1)).collect();
                let alike = correlation(&even, &odd);
                assert!(alike.abs() < 0.12, "{jitter:?} {n}: {alike}");
            }
        }
    }

    #[test]
    fn draws_fill_their_range_evenly() {
        for (jitter, low, high) in [
            (Jitter::Full, 0.0, 1.0),
            (Jitter::Equal, 0.5, 1.0),
            (Jitter::Decorrelated, 1.0, 3.0),
            (Jitter::Additive, 1.0, 2.0),
        ] {
            let first = |number| backoff(jitter).session(number).next().unwrap();
            let draws = (0..4000).map(|number| first(number).as_secs_f64());
            let mut tenths = [0; 10];
            for draw in draws {
                let tenth = (draw - low) / (high - low) * 10.0;
                tenths[(tenth as usize).min(9)] += 1;
            }
            let even = tenths.iter().all(|count| (330..470).contains(count));
            assert!(even, "{jitter:?}: {tenths:?}");
        }
    }

    #[test]
    fn a_fixed_seed_repeats_each_session_and_a_random_one_does_not() {
        let draw =
            |backoff: Backoff, number| -> Vec<_> { backoff.session(number).take(5).collect() };
        let fixed = backoff(Jitter::Full);
        assert_eq!(draw(fixed, 3), draw(fixed, 3));
        assert_ne!(draw(fixed, 3), draw(fixed, 4));
        assert_ne!(draw(fixed, 4), draw(fixed.seed(Seed::Fixed(8)), 3));
        let random = Backoff::default();
        assert_ne!(draw(random, 3), draw(random, 3));
    }

    #[test]
    fn without_jitter_it_doubles_up_to_the_cap() {
        let delays = backoff(Jitter::None).session(0);
        let expected = [1, 2, 4, 8, 16, 32, 60, 60].map(secs);
        assert!(delays.take(8).eq(expected));
    }

    #[test]
    fn bad_numbers_are_refused() {
        let new = |base, cap| Backoff::new(secs(base), secs(cap));
        assert_eq!(new(0, 60), Err(InvalidBackoff::ZeroBase));
        assert_eq!(new(2, 1), Err(InvalidBackoff::CapBelowBase));
        assert_eq!(new(1, 60), Ok(Backoff::default()));
        assert!(Backoff::new(Duration::MAX, Duration::MAX).is_ok());
    }
}
