use super::{
    fields::Fields,
    settings::{Contradiction, Settings},
    value::{duration, flag, integer},
};
use std::time::Duration;

/// `[gate]`: where calls stand in line while their key is limited.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gate {
    /// Whether there is one.
    pub enabled: bool,
    /// The longest that a call stands in line.
    pub max_wait: Duration,
    /// The most calls that stand in line.
    pub max_waiting: u32,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            enabled: true,
            max_wait: Duration::from_secs(30),
            max_waiting: 1000,
        }
    }
}

impl Settings for Gate {
    const TABLE: &'static str = "gate";

    fn read(&mut self, fields: &mut Fields<'_>) {
        let waits = Duration::ZERO..=Duration::from_secs(3600);
        fields.set("enabled", &mut self.enabled, flag);
        fields.set("max_wait", &mut self.max_wait, duration(waits));
        fields.set("max_waiting", &mut self.max_waiting, integer(0..=1_000_000));
    }

    fn contradictions(&self) -> Vec<Contradiction> {
        Vec::new()
    }
}
