//! How much is to be thought.

use crate::{
    InvalidRequest, Target,
    cross::{Effort, Prompt, Reasoning},
    model,
    request::{Str, typed},
};
use serde::{Deserialize, Serialize};

pub(super) fn decode(name: &str, config: &str) -> Result<Option<Reasoning>, InvalidRequest> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Config<'a> {
        #[serde(alias = "thinking_budget")]
        thinking_budget: Option<i64>,
        #[serde(borrow, alias = "thinking_level")]
        thinking_level: Option<Str<'a>>,
    }
    let config: Config<'_> = typed(name, config, "must be an object")?;
    let level = config.thinking_level.as_ref().and_then(|Str(level)| {
        let levels = [
            ("minimal", Effort::Minimal),
            ("low", Effort::Low),
            ("medium", Effort::Medium),
            ("high", Effort::High),
        ];
        let mut levels = levels.into_iter();
        levels.find(|(word, _)| level.eq_ignore_ascii_case(word))
    });
    let budget = config.thinking_budget.map(|budget| match budget {
        0 => Reasoning::Off,
        budget => u64::try_from(budget).map_or(Reasoning::Dynamic, Reasoning::Budget),
    });
    Ok(level
        .map(|(_, effort)| Reasoning::Effort(effort))
        .or(budget))
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Thinking {
    /// So many tokens, or -1 for as many as the model thinks right.
    ThinkingBudget(i64),
    ThinkingLevel(&'static str),
}

/// What is said of thinking, if anything: a budget to the models before the third generation, a
/// level from there on. A model without a number is one of the newest.
pub(super) fn encode(prompt: &mut Prompt<'_>, target: &Target) -> Option<Thinking> {
    let reasoning = prompt.reasoning?;
    if !target.reasons(&prompt.model) {
        if reasoning != Reasoning::Off {
            prompt.note("dropped reasoning");
        }
        return None;
    }
    let old = model::gemini(&prompt.model).is_some_and(|version| version < (3, 0));
    if old {
        Some(Thinking::ThinkingBudget(budget(prompt, reasoning)))
    } else {
        level(prompt, reasoning, target).map(Thinking::ThinkingLevel)
    }
}

/// The budgets that Google's own compatible endpoint makes of OpenAI's words, within the limits
/// of the model and, where it has one, of the answer, which the thinking is part of.
fn budget(prompt: &mut Prompt<'_>, reasoning: Reasoning) -> i64 {
    let pro = prompt.model.contains("pro");
    let (least, most) = match () {
        () if pro => (128, 32_768),
        () if prompt.model.contains("lite") => (512, 24_576),
        () => (1, 24_576),
    };
    let tokens = match reasoning {
        Reasoning::Off if pro => {
            prompt.note("lowered the effort of reasoning");
            least
        }
        Reasoning::Off => 0,
        Reasoning::Dynamic => return -1,
        Reasoning::Budget(budget) => budget.clamp(least, most),
        Reasoning::Effort(effort) => {
            let usual = match effort {
                Effort::Minimal | Effort::Low => 1024,
                Effort::Medium => 8192,
                Effort::High => 24_576,
                Effort::Max => most,
            };
            let room = prompt.max_tokens.map(|tokens| effort.budget(tokens));
            room.map_or(usual, |room| room.min(usual))
                .clamp(least, most)
        }
    };
    i64::try_from(tokens).unwrap_or(-1)
}

/// The larger ones of the third generation have fewer levels than the smaller.
fn level(prompt: &mut Prompt<'_>, reasoning: Reasoning, target: &Target) -> Option<&'static str> {
    let effort = match reasoning {
        Reasoning::Dynamic => return None,
        Reasoning::Off => {
            prompt.note("lowered the effort of reasoning");
            Effort::Minimal
        }
        Reasoning::Effort(effort) => effort,
        Reasoning::Budget(budget) => {
            let most = prompt.max_tokens.unwrap_or(target.default_max_tokens);
            Effort::of_budget(budget, most)
        }
    };
    let pro = prompt.model.contains("pro");
    let first_pro = pro && model::gemini(&prompt.model) == Some((3, 0));
    Some(match effort {
        Effort::Minimal if pro => "low",
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium if first_pro => "high",
        Effort::Medium => "medium",
        Effort::High | Effort::Max => "high",
    })
}
