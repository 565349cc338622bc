//! A scripted LLM provider on a loopback socket, failing the way real ones do
