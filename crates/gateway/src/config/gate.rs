use super::{
    documented::documented,
    fields::Fields,
    settings::{Contradiction, Settings},
    units,
    value::{duration, flag, integer},
};
use std::time::Duration;

documented! {
    /// `[gate]`: where calls stand in line while their key is limited.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Gate {
        /// Whether there is one.
        pub enabled: bool,
        /// The longest that a call stands in line.
        pub max_wait: Duration,
        /// The most calls that stand in line.
        pub max_waiting: usize,
        /// How long it closes at first when a limit was hit and no wait was told.
        pub backoff: Duration,
        /// The longest that it closes when this happens again and again.
        pub max_backoff: Duration,
        /// How long a key that can't be used is left alone when no wait was told.
        pub park_for: Duration,
        /// How long a provider's word keeps a key shut at most, before a call tries it.
        pub max_closed: Duration,
        /// How long a call that tries the key keeps others from doing so.
        pub probe_lease: Duration,
        /// The time between two calls when it begins to open again, unless the provider told one.
        pub spacing: Duration,
        /// How long it has to do well before it lets everybody through again.
        pub well_after: Duration,
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            enabled: true,
            max_wait: Duration::from_secs(30),
            max_waiting: 1000,
            backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(30),
            park_for: Duration::from_secs(60),
            max_closed: Duration::from_secs(3600),
            probe_lease: Duration::from_secs(30),
            spacing: Duration::from_millis(200),
            well_after: Duration::from_secs(10),
        }
    }
}

impl Gate {
    /// What it is set to, field by field, in the words of a file; not whether there is one.
    pub(super) fn fields(&self) -> [(&'static str, String); 9] {
        let Self {
            enabled: _,
            max_wait,
            max_waiting,
            backoff,
            max_backoff,
            park_for,
            max_closed,
            probe_lease,
            spacing,
            well_after,
        } = *self;
        [
            ("max_wait", units::duration(max_wait)),
            ("max_waiting", max_waiting.to_string()),
            ("backoff", units::duration(backoff)),
            ("max_backoff", units::duration(max_backoff)),
            ("park_for", units::duration(park_for)),
            ("max_closed", units::duration(max_closed)),
            ("probe_lease", units::duration(probe_lease)),
            ("spacing", units::duration(spacing)),
            ("well_after", units::duration(well_after)),
        ]
    }
}

impl Settings for Gate {
    const TABLE: &'static str = "gate";

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.of::<Self>();
        let up_to_an_hour = |least| duration(least..=Duration::from_secs(3600));
        let waits = || up_to_an_hour(Duration::ZERO);
        let closed = || up_to_an_hour(Duration::from_millis(1));
        fields.set("enabled", &mut self.enabled, flag());
        fields.set("max_wait", &mut self.max_wait, waits());
        fields.set("max_waiting", &mut self.max_waiting, integer(0..=1_000_000));
        fields.set("backoff", &mut self.backoff, closed());
        fields.set("max_backoff", &mut self.max_backoff, closed());
        fields.set("park_for", &mut self.park_for, closed());
        let days = duration(Duration::from_millis(1)..=Duration::from_secs(7 * 86_400));
        fields.set("max_closed", &mut self.max_closed, days);
        fields.set("probe_lease", &mut self.probe_lease, closed());
        fields.set("spacing", &mut self.spacing, waits());
        fields.set("well_after", &mut self.well_after, waits());
    }

    fn contradictions(&self) -> Vec<Contradiction> {
        let (first, most) = (
            units::duration(self.backoff),
            units::duration(self.max_backoff),
        );
        let short = Contradiction::error(&["max_backoff", "backoff"])
            .message(format!(
                "`max_backoff` ({most}) is shorter than `backoff` ({first})"
            ))
            .help("raise `max_backoff`, or lower `backoff`");
        Vec::from_iter((self.enabled && self.max_backoff < self.backoff).then_some(short))
    }
}
