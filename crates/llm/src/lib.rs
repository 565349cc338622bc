//! LLM requests, answers, dialects, streams and provider errors, without sockets
