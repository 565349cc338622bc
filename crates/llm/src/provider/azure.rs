//! OpenAI's models on Azure.

use super::Profile;
use crate::classify::{Rule, means::*};

/// Its host carries the customer's name.
pub(super) const AZURE: Profile = Profile {
    key_env: Some("AZURE_OPENAI_API_KEY"),
    ..Profile::compatible("azure")
        .max_completion_tokens()
        .short_tool_names()
        .rules(RULES)
};

const RULES: &[Rule] = &[
    // The resource is blocked, not this request.
    Rule::new(PERMISSION)
        .status(&[403])
        .says(&[&["temporarily blocked"]]),
    Rule::new(PERMISSION).named(&["permissiondenied"]),
    Rule::new(NOT_FOUND).named(&["deploymentnotfound"]),
    Rule::new(OVERLOADED).status(&[429]).says(&[
        &["temporarily unable to process"],
        &["experiencing high demand"],
    ]),
    // API Management, which stands before it.
    Rule::new(QUOTA)
        .status(&[403])
        .says(&[&["out of call volume quota"], &["quota", "exceeded"]]),
];
