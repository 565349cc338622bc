use super::{
    documented::documented,
    fields::Fields,
    kind::Kind,
    settings::{Contradiction, Settings},
    units,
    value::{Read, Wrong, duration, flag, integer, one_of, or_off, rate, reader},
};
use buttress::circuit_breaker;
use std::{ops::RangeInclusive, time::Duration};
use toml::de::DeValue;

documented! {
    /// `[breaker]`: when a route is taken for broken, and how it comes back.
    #[derive(Clone, Debug, PartialEq)]
    #[non_exhaustive]
    pub struct Breaker {
        /// Whether there is one.
        pub enabled: bool,
        /// This many failures in a row open it; `None` is however many.
        pub consecutive_failures: Option<u32>,
        /// Which of them a success makes forgotten: all, so that they count in a row, or one.
        pub success_forgives: Forgives,
        /// This share of failures in the window opens it; `None` is whatever share.
        pub failure_rate: Option<f64>,
        /// The calls that the rates are taken over: the last so many, or those of the last so much
        /// time.
        pub window: Window,
        /// Fewer calls than this in the window say nothing.
        pub min_calls: u32,
        /// A first content that takes longer than this is slow; `None` is that nothing is.
        pub slow: Option<Duration>,
        /// This share of slow calls in the window opens it.
        pub slow_rate: Option<f64>,
        /// How long it stays open at first.
        pub open: Duration,
        /// The longest that it stays open, when it opens again and again.
        pub open_max: Duration,
        /// Up to this share of the time open is taken off at random, so that gateways do not come
        /// back all at once; `None` is none of it.
        pub jitter: Option<f64>,
        /// How many calls may try a route at a time that was open.
        pub probes: u32,
        /// How many of them have to succeed, one after the other, to close it.
        pub successes: u32,
        /// When the last probe left this long ago and has not come back, one more may go.
        pub probe_lease: Duration,
    }
}

/// What a success does to the failures that were counted before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forgives {
    /// All are forgotten: failures count in a row.
    All,
    /// One is taken back: failures count as far as they outnumber successes.
    One,
}

const FORGIVES: [(&str, Forgives); 2] = [("all", Forgives::All), ("one", Forgives::One)];

/// What a sliding window counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Window {
    /// The last so many calls.
    Calls(u32),
    /// The calls of the last so much time.
    Time(Duration),
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            enabled: true,
            consecutive_failures: Some(8),
            success_forgives: Forgives::All,
            failure_rate: Some(0.55),
            window: Window::Calls(60),
            min_calls: 30,
            slow: None,
            slow_rate: None,
            open: Duration::from_secs(30),
            open_max: circuit_breaker::Settings::DEFAULT_OPEN_MAX,
            jitter: Some(0.1),
            probes: 1,
            successes: 2,
            probe_lease: Duration::from_secs(60),
        }
    }
}

/// The largest window of calls that the breaker keeps.
const MOST_CALLS: u32 = 10_000;

/// The most calls that a window of time can tell apart, and so the largest `min_calls` there.
const MOST_CALLS_IN_TIME: u32 = 2000;

const TIMES: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(86_400);

impl Settings for Breaker {
    const TABLE: &'static str = "breaker";

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.of::<Self>();
        let failures = or_off(integer(1..=1_000_000));
        fields.set("enabled", &mut self.enabled, flag());
        fields.set(
            "consecutive_failures",
            &mut self.consecutive_failures,
            failures,
        );
        fields.set(
            "success_forgives",
            &mut self.success_forgives,
            one_of(&FORGIVES),
        );
        fields.set("failure_rate", &mut self.failure_rate, or_off(rate()));
        fields.set("window", &mut self.window, window());
        fields.set("min_calls", &mut self.min_calls, integer(1..=MOST_CALLS));
        fields.set("slow", &mut self.slow, or_off(duration(TIMES)));
        fields.set("slow_rate", &mut self.slow_rate, or_off(rate()));
        fields.set("open", &mut self.open, duration(TIMES));
        fields.set("open_max", &mut self.open_max, duration(TIMES));
        fields.set("jitter", &mut self.jitter, or_off(rate()));
        fields.set("probes", &mut self.probes, integer(1..=1024));
        fields.set("successes", &mut self.successes, integer(1..=255));
        fields.set("probe_lease", &mut self.probe_lease, duration(TIMES));
    }

    fn contradictions(&self) -> Vec<Contradiction> {
        if !self.enabled {
            return Vec::new();
        }
        let mut found = Vec::new();
        let rates = [self.failure_rate, self.slow_rate] != [None, None];
        let calls = match self.window {
            Window::Calls(calls) => calls,
            Window::Time(_) => MOST_CALLS_IN_TIME,
        };
        if rates && calls < self.min_calls {
            let least = self.min_calls;
            let never = Contradiction::error(&["window", "min_calls"])
                .message(format!(
                    "the window counts {calls} calls at most, never {least} (`min_calls`)"
                ))
                .help("raise `window`, or lower `min_calls`");
            found.push(never);
        }
        if self.open_max < self.open {
            let (open, most) = (units::duration(self.open), units::duration(self.open_max));
            let short = Contradiction::error(&["open_max", "open"])
                .message(format!(
                    "`open_max` ({most}) is shorter than `open` ({open})"
                ))
                .help("raise `open_max`, or lower `open`");
            found.push(short);
        }
        if self.slow.is_some() != self.slow_rate.is_some() {
            let half = Contradiction::error(&["slow", "slow_rate"])
                .message("`slow` and `slow_rate` do nothing without each other")
                .help("set both, or switch both \"off\"");
            found.push(half);
        }
        if self.consecutive_failures.is_none() && !rates {
            let never = Contradiction::error(&["consecutive_failures", "failure_rate"])
                .message("nothing opens this breaker")
                .help("set one of them, or write `enabled = false`");
            found.push(never);
        }
        found
    }
}

fn window() -> impl Read<Window> {
    let (calls, time) = (|| integer(1..=MOST_CALLS), || duration(TIMES));
    let kind = Kind::Either(Box::new([calls().kind(), time().kind()]));
    let read = move |value: &DeValue<'_>| {
        let read = match value.is_integer() {
            true => calls().read(value).map(Window::Calls),
            false => time().read(value).map(Window::Time),
        };
        read.map_err(|wrong| {
            let message = wrong
                .message
                .replace("a duration", "a number of calls or a duration");
            Wrong::new(
                message,
                "write 60 for the last 60 calls, \"60s\" for those of the last minute",
            )
        })
    };
    reader(kind, read, move |window| match window {
        Window::Calls(number) => calls().write(number),
        Window::Time(length) => time().write(length),
    })
}
