//! OpenAI.

use super::Profile;

/// What is peculiar in its failures has become the common language: see the common rules.
pub(super) const OPENAI: Profile = Profile::compatible("openai")
    .at("https://api.openai.com/v1", "OPENAI_API_KEY")
    .max_completion_tokens()
    .short_tool_names();
