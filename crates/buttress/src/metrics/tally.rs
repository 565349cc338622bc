use super::{Recorder, names};
use crate::{Prices, Route};
use buttress_core::{Judge, Witness};
use buttress_llm::{AnswerBody, AtStreamEnd, LlmError, LlmResponse, Tally, Usage};
use metrics::{Counter, Gauge};
use std::sync::Arc;

/// Judges a call when its answer has ended, as [`AtStreamEnd`] does, and counts its tokens then.
#[derive(Clone)]
pub struct Tallied {
    tokens: Option<Arc<Tokens>>,
}

/// The tokens of all routes.
pub(super) struct Tokens {
    routes: Box<[(Arc<str>, Counts)]>,
}

#[derive(Clone)]
struct Counts {
    input: Counter,
    output: Counter,
    abandoned: Counter,
    cost: Gauge,
    prices: Option<Prices>,
}

impl Tallied {
    pub(super) fn new(tokens: &Arc<Tokens>) -> Self {
        let tokens = Some(Arc::clone(tokens));
        Self { tokens }
    }

    /// Counts no tokens.
    pub(crate) const fn off() -> Self {
        Self { tokens: None }
    }
}

impl Judge<LlmResponse, LlmError> for Tallied {
    type Response<W: Witness> = LlmResponse;

    fn judge<W: Witness>(
        &self,
        mut result: Result<LlmResponse, LlmError>,
        witness: W,
    ) -> Result<LlmResponse, LlmError> {
        let (Ok(response), Some(tokens)) = (&mut result, &self.tokens) else {
            return AtStreamEnd::new().judge(result, witness);
        };
        let counts = tokens.count(response);
        match (&mut response.body, counts) {
            // Both are told by one who hears of the end.
            (AnswerBody::Stream(stream), Some((counts, corrected))) => {
                stream.tally(move |tally| {
                    counts.end(&tally, corrected);
                    tally.settle(witness);
                });
                result
            }
            _ => AtStreamEnd::new().judge(result, witness),
        }
    }
}

impl Tokens {
    pub(super) fn new(routes: &[&Route], recorder: &Recorder) -> Self {
        let counts = |route: &&Route| {
            let name = || ("route", Arc::clone(route.name()).into());
            let tokens = |direction: &'static str| {
                recorder.counter(names::TOKENS, [name(), ("direction", direction.into())])
            };
            let counts = Counts {
                input: tokens("input"),
                output: tokens("output"),
                abandoned: recorder.counter(names::ABANDONED_TOKENS, [name()]),
                cost: recorder.gauge(names::COST, [name()]),
                prices: route.prices(),
            };
            (Arc::clone(route.name()), counts)
        };
        Self {
            routes: routes.iter().map(counts).collect(),
        }
    }

    fn of(&self, route: Option<&Arc<str>>) -> Option<&Counts> {
        let route = route?;
        let found = self.routes.iter().find(|(name, _)| name == route);
        found.map(|(_, counts)| counts)
    }

    /// Counts what is known by now. Of a stream it is told whose tokens are to be counted when it
    /// has ended, and whether those that it is known to have cost are counted already.
    fn count(&self, response: &LlmResponse) -> Option<(Counts, bool)> {
        // Of answers that were corrected all are known by now: they were paid for all the same.
        let corrected = !response.attempts.is_empty();
        for (left, attempt) in (0..response.attempts.len()).rev().zip(&response.attempts) {
            if let Some(counts) = self.of(attempt.route.as_ref()) {
                counts.add(&attempt.usage);
                if left > 0 {
                    counts.abandon(attempt.usage.output.unwrap_or(0));
                }
            }
        }
        let counts = self.of(response.route.as_ref())?;
        match &response.body {
            AnswerBody::Json(_) if corrected => None,
            AnswerBody::Json(_) => {
                counts.add(&response.usage);
                None
            }
            AnswerBody::Stream(_) => Some((counts.clone(), corrected)),
        }
    }
}

impl Counts {
    fn add(&self, usage: &Usage) {
        self.input.increment(usage.input.unwrap_or(0));
        self.output.increment(usage.output.unwrap_or(0));
        if let Some(cost) = self.prices.and_then(|prices| prices.cost(usage)) {
            self.cost.increment(cost);
        }
    }

    fn abandon(&self, tokens: u64) {
        self.abandoned.increment(tokens);
    }

    /// A stream has ended, or was left.
    fn end(&self, tally: &Tally, counted: bool) {
        /// A usual guess, right for English within a third or so.
        const BYTES_PER_TOKEN: u64 = 4;
        if !counted {
            self.add(&tally.usage);
        }
        if !tally.is_complete() {
            let guessed = tally.text_bytes.div_ceil(BYTES_PER_TOKEN);
            self.abandon(tally.usage.output.unwrap_or(0).max(guessed));
        }
    }
}

impl std::fmt::Debug for Tallied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tallied")
            .field("counts", &self.tokens.is_some())
            .finish()
    }
}
