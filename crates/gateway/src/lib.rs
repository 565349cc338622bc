//! The buttress program: LLM error recovery in front of OpenAI and Anthropic clients
