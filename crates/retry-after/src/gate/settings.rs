use std::{error, fmt, time::Duration};

/// How a gate closes, who may wait behind it, and how it reopens.
///
/// The table in the [crate's docs](crate#settings-of-the-gate) says where the defaults come from.
/// The numbers are looked at when a layer is made of them.
///
/// ```
/// use buttress_retry_after::{GateLayer, GateSettings};
/// use std::time::Duration;
///
/// let settings = GateSettings::standard()
///     .max_wait(Duration::from_secs(10))
///     .spacing(Duration::from_millis(50));
/// let layer = GateLayer::new(settings)?;
/// # let _: GateLayer = layer;
/// # Ok::<_, buttress_retry_after::InvalidGateSettings>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GateSettings {
    pub(crate) max_wait: Duration,
    pub(crate) max_waiting: usize,
    pub(crate) backoff: Duration,
    pub(crate) max_backoff: Duration,
    pub(crate) park: Duration,
    pub(crate) max_closed: Duration,
    pub(crate) probe_lease: Duration,
    pub(crate) spacing: Duration,
    pub(crate) well_after: Duration,
    pub(crate) max_keys: usize,
}

impl GateSettings {
    /// The defaults.
    #[must_use]
    pub const fn standard() -> Self {
        Self {
            max_wait: Duration::from_secs(30),
            max_waiting: 1000,
            backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(30),
            park: Duration::from_secs(60),
            max_closed: Duration::from_secs(3600),
            probe_lease: Duration::from_secs(30),
            spacing: Duration::from_millis(200),
            well_after: Duration::from_secs(10),
            max_keys: 1024,
        }
    }

    /// Sets how long a call may stand in line. It is turned away at once when it would have to
    /// wait longer, also than until its deadline or than its patience allows. Zero: nobody waits.
    /// At most a year; the default is 30 s.
    #[must_use]
    pub const fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// Sets how many calls may stand in line at one gate. Zero: nobody waits. At most 1,000,000;
    /// the default is 1,000.
    #[must_use]
    pub const fn max_waiting(mut self, calls: usize) -> Self {
        self.max_waiting = calls;
        self
    }

    /// Sets for how long the gate closes when a limit was hit and no wait was told: `first`,
    /// doubled each time that this happens without a success in between, up to `max`. Above zero,
    /// `max` not below `first` and at most a year; the default is 1 s, up to 30 s.
    #[must_use]
    pub const fn backoff(mut self, first: Duration, max: Duration) -> Self {
        self.backoff = first;
        self.max_backoff = max;
        self
    }

    /// Sets for how long an unusable key is parked when no wait was told. Above zero, at most a
    /// year; the default is 60 s.
    #[must_use]
    pub const fn park_for(mut self, wait: Duration) -> Self {
        self.park = wait;
        self
    }

    /// Sets for how long a key stays shut at most on the word of its service. When a longer wait
    /// was told, one call tries the key after this much time, as it would a parked one, and
    /// callers who are turned away are told no more than this. Above zero, at most a year; the
    /// default is 1 h.
    ///
    /// What a [handle](crate::GateHandle) does and the times that are set here hold as they are.
    #[must_use]
    pub const fn max_closed(mut self, wait: Duration) -> Self {
        self.max_closed = wait;
        self
    }

    /// Sets for how long a call that tries a key keeps others from doing so. When nothing was heard
    /// of it by then, the next one tries, and what became of the first has no say any more. Above
    /// zero, at most a year; the default is 30 s, as long as a call may stand in line.
    #[must_use]
    pub const fn probe_lease(mut self, lease: Duration) -> Self {
        self.probe_lease = lease;
        self
    }

    /// Sets the time between two calls when the gate begins to reopen, unless the headers told
    /// one. Zero is no pacing: all who wait go at once, unless the headers told a pace. At most a
    /// day; the default is 200 ms.
    ///
    /// Where the headers told a faster pace, the gate begins at no more than ten times its own,
    /// grows from there, and takes what it was told when the key has done well for
    /// [`well_after`](Self::well_after).
    #[must_use]
    pub const fn spacing(mut self, spacing: Duration) -> Self {
        self.spacing = spacing;
        self
    }

    /// Sets for how long a reopening gate must do well before it lets everybody through. At most
    /// a day; the default is 10 s.
    #[must_use]
    pub const fn well_after(mut self, time: Duration) -> Self {
        self.well_after = time;
        self
    }

    /// For [keyed](crate::GateLayer::keyed) layers: how many gates there can be. From 1 to
    /// 65,536; the default is 1,024.
    #[must_use]
    pub const fn max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidGateSettings> {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let year = 365 * DAY;
        let is_span = |span: Duration| !span.is_zero() && span <= year;
        let checks = [
            (self.max_wait <= year, "max_wait", "at most a year"),
            (
                self.max_waiting <= 1_000_000,
                "max_waiting",
                "at most 1,000,000",
            ),
            (
                is_span(self.backoff) && is_span(self.max_backoff),
                "backoff",
                "above zero and at most a year",
            ),
            (
                is_span(self.park),
                "park_for",
                "above zero and at most a year",
            ),
            (
                is_span(self.max_closed),
                "max_closed",
                "above zero and at most a year",
            ),
            (
                is_span(self.probe_lease),
                "probe_lease",
                "above zero and at most a year",
            ),
            (self.spacing <= DAY, "spacing", "at most a day"),
            (self.well_after <= DAY, "well_after", "at most a day"),
            (
                (1..=65_536).contains(&self.max_keys),
                "max_keys",
                "1 to 65,536",
            ),
        ];
        for (holds, setting, allowed) in checks {
            if !holds {
                return Err(InvalidGateSettings::OutOfRange { setting, allowed });
            }
        }
        let (first, max) = (self.backoff, self.max_backoff);
        if max < first {
            return Err(InvalidGateSettings::BackoffShrinks { first, max });
        }
        Ok(())
    }
}

impl Default for GateSettings {
    fn default() -> Self {
        Self::standard()
    }
}

/// [`GateSettings`] that no gate can work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidGateSettings {
    /// A number is outside its range.
    OutOfRange {
        /// The setter that took it.
        setting: &'static str,
        /// What it may be.
        allowed: &'static str,
    },
    /// The back-off would have to begin above its end.
    BackoffShrinks {
        /// Where it begins.
        first: Duration,
        /// Where it ends.
        max: Duration,
    },
}

impl fmt::Display for InvalidGateSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { setting, allowed } => write!(f, "{setting} must be {allowed}"),
            Self::BackoffShrinks { first, max } => write!(
                f,
                "backoff begins at {first:?}, above its end at {max:?}: \
                 lower the first or raise the second"
            ),
        }
    }
}

impl error::Error for InvalidGateSettings {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(settings: &GateSettings) -> &'static str {
        match settings.validate() {
            Err(InvalidGateSettings::OutOfRange { setting, .. }) => setting,
            Err(InvalidGateSettings::BackoffShrinks { .. }) => "shrinks",
            Ok(()) => "nothing",
        }
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused_by_name() {
        let with = GateSettings::standard;
        let day = Duration::from_secs(24 * 3600);
        let (zero, second) = (Duration::ZERO, Duration::from_secs(1));
        let cases = [
            (with(), "nothing"),
            (with().max_wait(366 * day), "max_wait"),
            (with().max_waiting(1_000_001), "max_waiting"),
            (with().backoff(zero, second), "backoff"),
            (with().backoff(zero, zero), "backoff"),
            (with().backoff(second, Duration::MAX), "backoff"),
            (with().backoff(2 * second, second), "shrinks"),
            (with().park_for(zero), "park_for"),
            (with().park_for(366 * day), "park_for"),
            (with().max_closed(zero), "max_closed"),
            (with().max_closed(Duration::MAX), "max_closed"),
            (with().probe_lease(zero), "probe_lease"),
            (with().spacing(2 * day), "spacing"),
            (with().well_after(2 * day), "well_after"),
            (with().max_keys(0), "max_keys"),
            (with().max_keys(65_537), "max_keys"),
            // Odd, but somebody may want it.
            (with().max_wait(zero).max_waiting(0), "nothing"),
            (with().spacing(zero).well_after(zero), "nothing"),
            (with().backoff(second, second).max_keys(1), "nothing"),
        ];
        for (settings, expected) in cases {
            assert_eq!(refused(&settings), expected, "{settings:?}");
        }
    }

    #[test]
    fn the_words_say_what_to_change() {
        let with = GateSettings::standard;
        let second = Duration::from_secs(1);
        let told = |settings: GateSettings| settings.validate().unwrap_err().to_string();
        assert_eq!(told(with().max_keys(0)), "max_keys must be 1 to 65,536");
        assert_eq!(
            told(with().backoff(2 * second, second)),
            "backoff begins at 2s, above its end at 1s: lower the first or raise the second"
        );
    }
}
