use super::{
    documented::documented,
    fields::Fields,
    settings::{Contradiction, Settings},
    units,
    value::{duration, or_off},
};
use buttress::timeout::Limits;
use std::time::Duration;

documented! {
    /// `[timeout]`: how long an attempt may keep silent. `None` is without a limit.
    #[derive(Clone, Debug, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Timeout {
        /// From the request to the headers of a streamed answer.
        pub headers: Option<Duration>,
        /// From the request to the first content of a streamed answer.
        pub first_content: Option<Duration>,
        /// Between two pieces of content.
        pub idle: Option<Duration>,
        /// From the request to the end of an answer in one piece.
        pub attempt: Option<Duration>,
        /// From the request to the end of a streamed answer.
        pub stream: Option<Duration>,
    }
}

impl Default for Timeout {
    fn default() -> Self {
        let streamed = Limits::streamed();
        Self {
            headers: streamed.headers,
            first_content: streamed.first_content,
            idle: streamed.idle,
            // As long as the official SDKs wait, and a third of the deadline: one that hangs
            // leaves time for another.
            attempt: Limits::whole().attempt,
            // The deadline holds for it.
            stream: None,
        }
    }
}

impl Settings for Timeout {
    const TABLE: &'static str = "timeout";

    fn read(&mut self, fields: &mut Fields<'_>) {
        fields.of::<Self>();
        let limit = || {
            or_off(duration(
                Duration::from_millis(1)..=Duration::from_secs(86_400),
            ))
        };
        fields.set("headers", &mut self.headers, limit());
        fields.set("first_content", &mut self.first_content, limit());
        fields.set("idle", &mut self.idle, limit());
        fields.set("attempt", &mut self.attempt, limit());
        fields.set("stream", &mut self.stream, limit());
    }

    fn contradictions(&self) -> Vec<Contradiction> {
        let stream = ("stream", self.stream);
        let first_content = ("first_content", self.first_content);
        let found = [
            shadowed(("headers", self.headers), &[first_content, stream]),
            shadowed(first_content, &[stream]),
            shadowed(("idle", self.idle), &[stream]),
        ];
        found.into_iter().flatten().collect()
    }
}

/// A limit by its name.
type Limit = (&'static str, Option<Duration>);

/// A limit that never acts, because another one always does so before it.
fn shadowed((name, limit): Limit, others: &[Limit]) -> Option<Contradiction> {
    let limit = limit?;
    let others = others
        .iter()
        .filter_map(|(name, other)| Some(((*other)?, *name)));
    let (sooner, by) = others.min().filter(|(sooner, _)| *sooner < limit)?;
    let (limit, sooner) = (units::duration(limit), units::duration(sooner));
    let never = format!("never acts: {limit} is longer than `{by}` ({sooner})");
    let help = format!("lower it, or raise `{by}`");
    Some(Contradiction::warning(&[name]).message(never).help(help))
}
