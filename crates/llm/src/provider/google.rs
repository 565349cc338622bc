//! Gemini, and Vertex with what it hosts.

use super::Profile;
use crate::{
    Dialect,
    classify::{Rule, means::*},
};

/// Its endpoint that is compatible with OpenAI's, `/v1beta/openai`, is asked as one that is
/// compatible.
pub(super) const GEMINI: Profile = Profile {
    dialect: Some(Dialect::Gemini),
    ..Profile::compatible("gemini")
        .at(
            "https://generativelanguage.googleapis.com",
            "GEMINI_API_KEY",
        )
        .rules(RULES)
};

/// "Check your plan and billing" is what it says of any limit, so the quota's name decides: one
/// that is counted by the day is used up, one by the minute passes.
const RULES: &[Rule] = &[
    Rule::new(AUTH).says(&[&["unregistered callers"]]),
    Rule::new(AUTH).named(&[
        "api_key_invalid",
        "api_key_expired",
        "api_key_service_blocked",
    ]),
    Rule::new(QUOTA)
        .status(&[0, 429])
        .says(&[&["prepayment credits", "depleted"]]),
    Rule::new(ONE_QUOTA)
        .status(&[0, 429])
        .named_like(&["perday", "permonth"]),
    Rule::new(ONE_QUOTA)
        .status(&[0, 429])
        .named(&["quota_exceeded", "quota_exhausted"]),
    Rule::new(ONE_QUOTA).status(&[0, 429]).says(&[
        // A limit of nothing: the tier does not have this model.
        &["limit: 0,"],
        &["limit: 0\n"],
        &["submit a quota increase request"],
        &["daily quota"],
        &["quota", "per day"],
    ]),
    Rule::new(RATE_LIMITED)
        .status(&[0, 429])
        .named_like(&["perminute"]),
    Rule::new(OVERLOADED).named(&["model_capacity_exhausted"]),
    Rule::new(PERMISSION).named(&["service_disabled", "consumer_suspended", "billing_disabled"]),
    Rule::new(REGION)
        .named(&["failed_precondition"])
        .says(&[&["location"], &["country"]]),
    Rule::new(NOT_HERE).named(&["failed_precondition"]),
    Rule::new(POLICY).status(&[0, 400]).says(&[
        &["blocked", "safety"],
        &["prohibited content"],
        &["responsible ai"],
    ]),
];
