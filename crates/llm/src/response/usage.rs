/// The tokens that a call was counted as, where the provider says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// All tokens of the request, those read from and written to a cache included.
    ///
    /// Dialects differ: OpenAI's `prompt_tokens` is this, Anthropic's `input_tokens` leaves out
    /// what has to do with the cache.
    pub input: Option<u64>,
    /// All tokens of the answer, thinking included.
    pub output: Option<u64>,
    /// Of `input`, those read from a cache.
    pub cached: Option<u64>,
    /// Of `input`, those written to a cache.
    pub cache_written: Option<u64>,
    /// Of `output`, those of thinking.
    pub reasoning: Option<u64>,
}

impl Usage {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Input and output together, if both are known.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.input?.checked_add(self.output?)
    }

    /// What this answer and another one were counted as, together: what is known of one of them
    /// only is that.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let sum = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
        Self {
            input: sum(self.input, other.input),
            output: sum(self.output, other.output),
            cached: sum(self.cached, other.cached),
            cache_written: sum(self.cache_written, other.cache_written),
            reasoning: sum(self.reasoning, other.reasoning),
        }
    }

    /// Takes over what a later part of the same answer says: providers count up, they do not
    /// count on.
    pub fn update(&mut self, later: Self) {
        self.input = later.input.or(self.input);
        self.output = later.output.or(self.output);
        self.cached = later.cached.or(self.cached);
        self.cache_written = later.cache_written.or(self.cache_written);
        self.reasoning = later.reasoning.or(self.reasoning);
    }
}
