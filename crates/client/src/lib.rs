//! `LlmClient`: the LLM service over hyper.
//!
//! A [`tower_service::Service`] from [`LlmRequest`](buttress_llm::LlmRequest) to
//! [`LlmResponse`](buttress_llm::LlmResponse) for one model at one provider. It sends a request
//! in the provider's dialect, judges what comes back, and resolves at the *commit point*: when a
//! whole answer is there, or the first content of a streamed one. So whatever goes wrong before
//! is an ordinary error to the layers around it, and none of them needs to know of streams.
//!
//! ```no_run
//! use buttress_client::{LlmClient, Secret};
//! use buttress_llm::{LlmRequest, Provider};
//! use tower::ServiceExt;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let client = LlmClient::builder(Provider::OpenAi)
//!     .key(Secret::new(std::env::var("OPENAI_API_KEY")?))
//!     .build()?;
//! let request = LlmRequest::chat("gpt-5-mini").user("Say hello.").build()?;
//! let answer = client.model("gpt-5-mini").oneshot(request).await?;
//! # Ok(())
//! # }
//! ```
//!
//! It does nothing twice: trying again, waiting for limits and going elsewhere are the layers'.
//!
//! # Cancellation
//! Dropping the future or the answer closes the HTTP/1 connection or resets the HTTP/2 stream at
//! once.

mod base_url;
mod builder;
mod client;
mod commit;
mod connect;
mod exchange;
mod fault;
mod receive;
mod reserved;
mod secret;
mod shared;
mod stream;
mod wait;

pub use self::{
    base_url::{InvalidBaseUrl, base_url},
    builder::{ClientBuilder, InvalidClient},
    client::{LlmClient, ResponseFuture},
    commit::Commit,
    connect::{Connector, HttpVersion},
    reserved::{carries_key, is_reserved},
    secret::Secret,
};
