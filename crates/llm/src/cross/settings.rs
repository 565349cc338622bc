//! What a request asks of the answer.

use serde_json::value::RawValue;
use std::borrow::Cow;

/// The form that the text of an answer is to have.
#[derive(Clone, Debug)]
pub(crate) enum Format<'a> {
    /// Some JSON.
    Json,
    /// JSON that follows a schema.
    Schema {
        name: Option<Cow<'a, str>>,
        description: Option<Cow<'a, str>>,
        schema: Cow<'a, RawValue>,
        /// Whether to follow it to the letter, where that is said.
        strict: Option<bool>,
    },
}

impl<'a> Format<'a> {
    pub(crate) fn into_schema(self) -> Option<Cow<'a, RawValue>> {
        match self {
            Self::Json => None,
            Self::Schema { schema, .. } => Some(schema),
        }
    }
}

/// How much the model is to think before it answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reasoning {
    /// Not at all.
    Off,
    /// As much as it thinks right.
    Dynamic,
    Effort(Effort),
    /// At most this many tokens.
    Budget(u64),
}

/// OpenAI's words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    Minimal,
    Low,
    Medium,
    High,
    Max,
}

impl Effort {
    const ALL: [Self; 5] = [
        Self::Minimal,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Max,
    ];

    /// The share of an answer's tokens that this effort may take: the ratios by which OpenRouter
    /// turns one into the other.
    const fn percent(self) -> u64 {
        match self {
            Self::Minimal => 10,
            Self::Low => 20,
            Self::Medium => 50,
            Self::High => 80,
            Self::Max => 95,
        }
    }

    /// How many of so many tokens that is.
    pub(crate) const fn budget(self, max_tokens: u64) -> u64 {
        // Nobody allows more than the latter, and the product must fit.
        (if max_tokens < 1 << 50 {
            max_tokens
        } else {
            1 << 50
        }) * self.percent()
            / 100
    }

    /// The effort for this budget of so many tokens: the one whose share is nearest.
    pub(crate) fn of_budget(budget: u64, max_tokens: u64) -> Self {
        let near = |effort: &Self| effort.budget(max_tokens).abs_diff(budget);
        Self::ALL
            .into_iter()
            .min_by_key(near)
            .unwrap_or(Self::Medium)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effort_is_a_share_of_the_tokens_and_back() {
        for effort in Effort::ALL {
            let budget = effort.budget(10_000);
            assert_eq!(Effort::of_budget(budget, 10_000), effort);
        }
        assert_eq!(Effort::High.budget(10_000), 8_000);
        assert_eq!(Effort::of_budget(1, 10_000), Effort::Minimal);
        assert_eq!(Effort::of_budget(u64::MAX, 10_000), Effort::Max);
        let _ = Effort::Max.budget(u64::MAX);
    }
}
