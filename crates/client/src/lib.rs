//! LlmClient: the LLM service over hyper
