use super::{
    documented::documented,
    fields::Fields,
    settings::{Contradiction, Settings},
    units,
    value::{Read, duration, integer, one_of, or_off, percent},
};
use buttress::retry::Backoff;
use std::time::Duration;

documented! {
    /// `[retry]`: when and how often a route tries again.
    #[derive(Clone, Debug, PartialEq)]
    #[non_exhaustive]
    pub struct Retry {
        /// The most retries of one call on one route.
        pub max_retries: u32,
        /// Of these, the most after an attempt that nobody answered in time.
        pub max_timeouts: u32,
        /// The back-off that the first retry is drawn from.
        pub base: Duration,
        /// The longest back-off, jitter included.
        pub cap: Duration,
        /// How the back-off is drawn: uniform up to the step, uniform over its upper half, uniform
        /// from the base to three times the wait before, the step and up to a second more, or the
        /// step itself. The step is the base, doubled with each retry.
        pub jitter: Jitter,
        /// The longest wait asked for by a provider that is sat out.
        pub max_wait: Duration,
        /// How many retries a hundred successes pay for; `None` is without a budget.
        pub budget: Option<u32>,
        /// The most retries that can be saved up.
        pub budget_cap: u32,
        /// The retries there are to start with.
        pub budget_reserve: u32,
    }
}

/// How the wait before the `n`-th retry is drawn, of which `base·2ⁿ` is the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Jitter {
    /// Uniform from nothing to the step.
    Full,
    /// Half of the step, and uniform over the other half.
    Equal,
    /// Uniform from the base to three times the wait before.
    Decorrelated,
    /// The step, and up to a second more.
    Additive,
    /// The step itself.
    None,
}

const JITTERS: [(&str, Jitter); 5] = [
    ("full", Jitter::Full),
    ("equal", Jitter::Equal),
    ("decorrelated", Jitter::Decorrelated),
    ("additive", Jitter::Additive),
    ("none", Jitter::None),
];

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_retries: 3,
            max_timeouts: 1,
            base: Backoff::DEFAULT_BASE,
            cap: Backoff::DEFAULT_CAP,
            jitter: Jitter::Full,
            max_wait: Duration::from_secs(60),
            budget: Some(20),
            budget_cap: 100,
            budget_reserve: 10,
        }
    }
}

impl Settings for Retry {
    const TABLE: &'static str = "retry";

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.of::<Self>();
        fields.set("max_retries", &mut self.max_retries, integer(0..=100));
        fields.set("max_timeouts", &mut self.max_timeouts, integer(0..=100));
        fields.set("base", &mut self.base, back_off());
        fields.set("cap", &mut self.cap, back_off());
        fields.set("jitter", &mut self.jitter, one_of(&JITTERS));
        fields.set(
            "max_wait",
            &mut self.max_wait,
            duration(Duration::ZERO..=HOUR),
        );
        fields.set("budget", &mut self.budget, or_off(percent()));
        fields.set("budget_cap", &mut self.budget_cap, integer(1..=1_000_000));
        fields.set(
            "budget_reserve",
            &mut self.budget_reserve,
            integer(0..=1_000_000),
        );
    }

    fn contradictions(&self) -> Vec<Contradiction> {
        let (base, cap) = (units::duration(self.base), units::duration(self.cap));
        let short = Contradiction::error(&["cap", "base"])
            .message(format!("the cap ({cap}) is shorter than the base ({base})"))
            .help("raise `cap`, or lower `base`");
        let (reserve, most) = (self.budget_reserve, self.budget_cap);
        let full = Contradiction::error(&["budget_reserve", "budget_cap"])
            .message(format!(
                "a reserve of {reserve} does not fit a budget of {most} (`budget_cap`)"
            ))
            .help("raise `budget_cap`, or lower `budget_reserve`");
        let short = (self.cap < self.base).then_some(short);
        let full = (self.budget.is_some() && reserve > most).then_some(full);
        let never = Contradiction::warning(&["max_timeouts"])
            .message(format!(
                "never reached: `max_retries` is {}",
                self.max_retries
            ))
            .help("lower it, or raise `max_retries`");
        // One without retries has been told enough.
        let some = (1..self.max_timeouts).contains(&self.max_retries);
        let never = some.then_some(never);
        let found = [short, full, never];
        found.into_iter().flatten().collect()
    }
}

impl Retry {
    /// Whether the budget of the other one is made like its own.
    pub(crate) fn has_same_budget(&self, other: &Self) -> bool {
        self.budget == other.budget
            && self.budget_cap == other.budget_cap
            && self.budget_reserve == other.budget_reserve
    }
}

const HOUR: Duration = Duration::from_secs(3600);

fn back_off() -> impl Read<Duration> {
    duration(Duration::from_millis(1)..=HOUR)
}

impl Jitter {
    /// The name it has in a file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let named = JITTERS.iter().find(|(_, jitter)| *jitter == self);
        named.map_or("", |(name, _)| name)
    }
}
