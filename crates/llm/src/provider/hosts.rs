//! Hosts that speak OpenAI's dialect, with what is peculiar to each.

use super::Profile;
use crate::{
    Prefill, Structured,
    classify::{Rule, means::*},
    request::{Chat, Seed},
};

pub(super) const COHERE: Profile = Profile::compatible("cohere")
    .at("https://api.cohere.ai/compatibility/v1", "CO_API_KEY")
    .rules(&[
        // A trial key has a limit by the minute, which passes, and one by the month.
        Rule::new(QUOTA)
            .status(&[0, 402, 429])
            .says(&[&["/ month"], &["per month"], &["monthly"]]),
        Rule::new(INVALID)
            .status(&[400, 422])
            .says(&[&["too many tokens", "max tokens must be"]]),
        Rule::new(TOO_LONG)
            .status(&[400, 422])
            .says(&[&["too many tokens"]]),
        Rule::new(POLICY).says(&[&["blocked input"], &["blocked output"]]),
    ]);

pub(super) const MISTRAL: Profile = Profile {
    // "Tool call id was … but must be a-z, A-Z, 0-9, with a length of 9."
    nine_letter_ids: true,
    // "Extra inputs are not permitted", and "Unexpected role 'user' after role 'tool'".
    chat: Chat {
        stream_options: false,
        user: false,
        seed: Seed::RandomSeed,
        user_after_tool: false,
        tool_name: Some(64),
    },
    prefill: Prefill::Prefix,
    ..Profile::compatible("mistral")
        .at("https://api.mistral.ai/v1", "MISTRAL_API_KEY")
        .rules(&[
            // Says so under `invalid_request_error`.
            Rule::new(OVERLOADED).says(&[&["service tier capacity exceeded"]]),
            Rule::new(TOO_LONG).says(&[&["too large for model", "context length"]]),
            Rule::new(NOT_FOUND)
                .status(&[400])
                .says(&[&["invalid model"]]),
        ])
};

pub(super) const GROQ: Profile = Profile {
    // "This model does not support response format `json_schema`" is what it says of others.
    structured_models: Some(&["gpt-oss", "kimi-k2", "llama-4"]),
    ..Profile::compatible("groq")
        .at("https://api.groq.com/openai/v1", "GROQ_API_KEY")
        .max_completion_tokens()
        .rules(&[
            Rule::new(OVERLOADED).status(&[498]),
            Rule::new(NOT_FOUND)
                .status(&[400])
                .named(&["model_decommissioned"]),
            // The spending limit that was set is reached.
            Rule::new(QUOTA).named(&["blocked_api_access"]),
            Rule::new(PERMISSION).named(&["organization_restricted", "model_terms_required"]),
        ])
};

pub(super) const TOGETHER: Profile = Profile::compatible("together")
    .at("https://api.together.xyz/v1", "TOGETHER_API_KEY")
    .rules(&[
        // Typed `credit_limit`, and passes within the minute.
        Rule::new(RATE_LIMITED)
            .status(&[0, 429])
            .says(&[&["queries per minute"], &["rate limit"]]),
        Rule::new(QUOTA)
            .status(&[0, 402, 403])
            .named(&["credit_limit"]),
        Rule::new(TOO_LONG)
            .status(&[400, 403, 413, 422])
            .says(&[&["`max_new_tokens` must be <="]]),
    ]);

pub(super) const FIREWORKS: Profile = Profile::compatible("fireworks")
    .at("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY")
    .rules(&[
        Rule::new(QUOTA).status(&[400, 403, 412]).says(&[
            &["suspended"],
            &["billing"],
            &["spending limit"],
        ]),
        Rule::new(NOT_HERE).status(&[412]),
    ]);

pub(super) const DEEPSEEK: Profile = Profile {
    // "This response_format type is unavailable now" is what it says of a schema.
    structured: Structured::Json,
    ..Profile::compatible("deepseek")
        .at("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY")
        .short_tool_names()
        .rules(&[Rule::new(NOT_FOUND)
            .status(&[400])
            .says(&[&["model not exist"]])])
};

pub(super) const OPENROUTER: Profile = Profile::compatible("openrouter")
    .at("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY")
    .rules(&[
        // Budgets that are set on a key, a workspace or a guardrail come as a 403.
        Rule::new(QUOTA).named(&[
            "openrouter_guardrail_budget",
            "openrouter_workspace_budget",
            "openrouter_key_limit",
            "token_limit_exceeded",
        ]),
        // Money that is held for calls in flight, and comes back when they end.
        Rule::new(RATE_LIMITED).status(&[402]).timed(),
        // Those that are paid for go on.
        Rule::new(ONE_QUOTA)
            .status(&[0, 429])
            .says(&[&["free-models-per-day"]]),
        Rule::new(QUOTA)
            .status(&[401, 403])
            .says(&[&["key limit exceeded"]]),
        Rule::new(POLICY)
            .status(&[0, 403])
            .named(&["flagged_input"]),
        Rule::new(POLICY)
            .status(&[403])
            .says(&[&["flagged"], &["moderation"]]),
        Rule::new(NOT_FOUND)
            .status(&[400])
            .says(&[&["is not a valid model id"]]),
    ]);

pub(super) const CEREBRAS: Profile = Profile::compatible("cerebras")
    .at("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY")
    .max_completion_tokens()
    .rules(&[Rule::new(ONE_QUOTA).status(&[0, 429]).says(&[&["per day"]])]);

pub(super) const XAI: Profile = Profile::compatible("xai")
    .at("https://api.x.ai/v1", "XAI_API_KEY")
    .max_completion_tokens()
    .rules(&[Rule::new(NOT_FOUND)
        .status(&[400])
        .says(&[&["model not found"]])]);
