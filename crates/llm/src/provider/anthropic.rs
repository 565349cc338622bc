//! Anthropic.

use super::Profile;
use crate::{
    Dialect, Prefill,
    classify::{Rule, means::*},
};

pub(super) const ANTHROPIC: Profile = Profile {
    dialect: Some(Dialect::AnthropicMessages),
    prefill: Prefill::Last,
    ..Profile::compatible("anthropic")
        .at("https://api.anthropic.com", "ANTHROPIC_API_KEY")
        .rules(RULES)
};

const RULES: &[Rule] = &[
    // Money and spending limits come as malformed requests; only the message tells.
    Rule::new(QUOTA).status(&[0, 400, 403]).says(&[
        &["credit balance"],
        &["api usage limits"],
        &["regain access on"],
        &["plans & billing"],
        // What is told to the token of a subscription.
        &["out of extra usage"],
        &["draw from your extra usage"],
    ]),
    Rule::new(POLICY)
        .status(&[0, 400])
        .says(&[&["output blocked"], &["blocked by content filtering"]]),
    Rule::new(TOO_LONG)
        .status(&[0, 400])
        .says(&[&["input length and `max_tokens` exceed"]]),
    Rule::new(AUTH).status(&[0, 400, 403]).says(&[
        &["oauth token", "expired"],
        &["oauth token", "revoked"],
        // Whoever asks with its key is refused from now on.
        &["organization has been disabled"],
    ]),
];
