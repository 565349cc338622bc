//! Carrying on streams that break.
//!
//! A stream that breaks before anything of it has reached the caller is asked for again by the
//! layers around the client. After that it can't be: the caller has its beginning. A
//! [`CarryOnLayer`] keeps what the caller was told, and when the stream breaks asks the service
//! within once more, for the rest of the answer: whichever route that goes to, a model is given the
//! beginning to go on from, where the provider allows it, and is asked to go on where it does not
//! ([`LlmRequest::carrying_on`]). The caller sees one stream, with one beginning and one end.
//!
//! It is not for everybody: the two halves are two answers, that only fit as well as the models
//! make them, and both have to be paid for. What is never carried on, and why, stands at [`Told`].
//!
//! It stands outside of the fallback, so that the rest may come from another route, and inside of
//! the deadline. Each continuation costs one of the request's upstream calls, and is told in its
//! journey. When it can't be had, the stream ends with the error that broke it.
//!
//! ```
//! use buttress::CarryOnLayer;
//! use buttress::client::LlmClient;
//! use buttress::llm::{LlmRequest, Provider};
//! use buttress_testkit::Reply;
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! // Its connection breaks after two words, and then it does as it is asked.
//! let provider = buttress_testkit::Provider::openai()
//!     .reply(Reply::text("One two three.").close_after(2))
//!     .then(Reply::text(" three."))
//!     .start()
//!     .await?;
//!
//! let client = LlmClient::builder(Provider::OpenAi).base_url(provider.base_url()).build()?;
//! let service = ServiceBuilder::new()
//!     .layer(CarryOnLayer::new())
//!     // Here come fallback, retry and all the others.
//!     .service(client);
//!
//! let request = LlmRequest::chat("gpt-5").user("Count to three.").stream(true).build()?;
//! assert_eq!(service.oneshot(request).await?.into_text().await?, "One two three.");
//! # Ok(())
//! # }
//! ```
//!
//! In the ready-made stack it is [`Stack::continuations`](crate::Stack::continuations).
//!
//! [`LlmRequest::carrying_on`]: buttress_llm::LlmRequest::carrying_on
//! [`Told`]: buttress_llm::Told

mod layer;
mod service;
mod stream;
#[cfg(test)]
mod tests;

pub use self::{
    layer::CarryOnLayer,
    service::{CarryOn, CarryOnFuture},
};
