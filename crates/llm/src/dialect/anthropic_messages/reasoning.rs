//! How much is to be thought.

use crate::{
    InvalidRequest, Target,
    cross::{Block, Effort, Prompt, Reasoning, Role, Sampling, ToolChoice},
    model,
    request::{Str, typed},
};
use serde::{Deserialize, Serialize};

/// Anthropic takes no smaller budget than this.
const LEAST: u64 = 1024;

pub(super) fn decode(thinking: &str, prompt: &mut Prompt<'_>) -> Result<(), InvalidRequest> {
    #[derive(Deserialize)]
    struct Thinking<'a> {
        #[serde(borrow, rename = "type")]
        kind: Str<'a>,
        budget_tokens: Option<u64>,
    }
    let problem = "must be an object with a `type`";
    let thinking: Thinking<'_> = typed("thinking", thinking, problem)?;
    let reasoning = match (&*thinking.kind.0, thinking.budget_tokens) {
        ("enabled", Some(budget)) => Reasoning::Budget(budget),
        ("enabled" | "adaptive", _) => Reasoning::Dynamic,
        // So it is where nothing is said.
        _ => return Ok(()),
    };
    // An effort, where it is told as well, says more.
    prompt.reasoning.get_or_insert(reasoning);
    Ok(())
}

pub(super) fn decode_effort(effort: &str) -> Option<Effort> {
    Some(match effort {
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" | "max" => Effort::Max,
        _ => return None,
    })
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Thinking {
    Enabled { budget_tokens: u64 },
    Adaptive,
}

/// What is said of thinking, and the effort where that is said in a field of its own.
pub(super) type Said = (Option<Thinking>, Option<&'static str>);

pub(super) fn encode(prompt: &mut Prompt<'_>, max_tokens: u64, target: &Target) -> Said {
    let Some(reasoning) = prompt.reasoning else {
        return (None, None);
    };
    if reasoning == Reasoning::Off {
        return (None, None);
    }
    // A turn that calls tools has to begin with the thinking that led to them, which has been
    // left behind; and thinking does not go with a tool that has to be called.
    let forced = prompt.json_tool
        || prompt
            .tool_choice
            .as_ref()
            .is_some_and(ToolChoice::is_forced);
    if !target.reasons(&prompt.model) || forced || in_tool_loop(prompt) {
        prompt.note("dropped reasoning");
        return (None, None);
    }
    let said = if model::claude(&prompt.model).is_some_and(|version| version >= (4, 7)) {
        let effort = match reasoning {
            Reasoning::Effort(effort) => Some(effort),
            Reasoning::Budget(budget) => Some(Effort::of_budget(budget, max_tokens)),
            Reasoning::Dynamic | Reasoning::Off => None,
        };
        let effort = effort.map(|effort| match effort {
            Effort::Minimal | Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::Max => "max",
        });
        (Some(Thinking::Adaptive), effort)
    } else {
        let budget = match reasoning {
            Reasoning::Effort(effort) => effort.budget(max_tokens),
            Reasoning::Budget(budget) => budget,
            Reasoning::Dynamic | Reasoning::Off => Effort::Medium.budget(max_tokens),
        };
        // It has to leave room for the answer.
        if max_tokens <= LEAST {
            prompt.note("dropped reasoning");
            return (None, None);
        }
        let budget_tokens = budget.clamp(LEAST, max_tokens - 1);
        (Some(Thinking::Enabled { budget_tokens }), None)
    };
    // These are refused beside it.
    prompt.leave_out(&[Sampling::Temperature, Sampling::TopP, Sampling::TopK]);
    said
}

/// Whether the model is waiting for the results of its calls.
fn in_tool_loop(prompt: &Prompt<'_>) -> bool {
    let last = prompt.turns.last();
    last.is_some_and(|turn| {
        turn.role == Role::User && turn.content.iter().any(|it| it.tool_result().is_some())
            || turn.role == Role::Assistant
                && turn
                    .content
                    .iter()
                    .any(|it| matches!(it, Block::ToolCall(_)))
    })
}
