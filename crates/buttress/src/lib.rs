//! Error recovery for LLM calls as a Tower middleware stack
