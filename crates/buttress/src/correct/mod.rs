//! Correcting answers that are not what was asked for.
//!
//! An answer may come in time and still be of no use: words around the JSON, a field that is
//! missing, a tool called with arguments that it does not take. [`LlmCorrect`] says of a request
//! which of that can be checked, and a [`CorrectLayer`] acts on it:
//!
//! 1. The answer is checked: its text by the JSON schema that the request asks for, or for being
//!    JSON where it asks for that; its calls of tools by the parameters that the request declares.
//! 2. What can only mean one thing is [repaired](json::repair), and asks nobody.
//! 3. Else the model is asked for a correction, with its answer, what is wrong with it and the
//!    schema; at most twice, of any route. It is always asked for one of the last answer, so that
//!    the question does not grow.
//! 4. Then, if there is one, a [stronger](LlmCorrect::stronger) service is asked.
//! 5. Then the call fails with [`LlmError::Uncorrected`], which has what each answer said and what
//!    is wrong with it.
//!
//! The usage of the answer is that of all attempts together, and
//! [`LlmResponse::attempts`] tells them apart. Each correction costs one of the request's upstream
//! calls and is told in its journey, as is each repair.
//!
//! A request that asks for no form of its answer and has no tools is passed on, and costs nothing.
//! So is one to which no correction could be asked, such as one for several answers
//! ([`LlmRequest::correctable`]), and an answer is passed on when it refuses.
//!
//! ```
//! use buttress::correct::LlmCorrect;
//! use buttress::client::LlmClient;
//! use buttress::llm::{LlmRequest, Provider};
//! use buttress_testkit::Reply;
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! // It forgets a field, and then does as it is told.
//! let provider = buttress_testkit::Provider::openai()
//!     .reply(Reply::text(r#"{"city": "Paris"}"#))
//!     .then(Reply::text(r#"{"city": "Paris", "people": 2100000}"#))
//!     .start()
//!     .await?;
//!
//! let client = LlmClient::builder(Provider::OpenAi).base_url(provider.base_url()).build()?;
//! let service = ServiceBuilder::new()
//!     .layer(LlmCorrect::new().layer())
//!     // Here come fallback, retry and all the others.
//!     .service(client);
//!
//! let request = LlmRequest::chat("gpt-5")
//!     .user("Which city is the largest of France?")
//!     .json_schema("city", serde_json::json!({
//!         "type": "object",
//!         "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
//!         "required": ["city", "people"],
//!     }))
//!     .build()?;
//! let answer = service.oneshot(request).await?;
//! assert_eq!(answer.attempts.len(), 2);
//! assert_eq!(answer.into_text().await?, r#"{"city": "Paris", "people": 2100000}"#);
//! # Ok(())
//! # }
//! ```
//!
//! In the ready-made stack it is [`Stack::correct`](crate::Stack::correct).
//!
//! # Streams
//! By default a stream is [held](Streams::Hold) until its end and given out when it is right, so
//! that its caller sees one answer, and a failure as a failure. Where its first words are worth
//! more, it can be [passed on](Streams::Pass) as it comes, and ends in the error as soon as it
//! can't become right any more.
//!
//! One that is held and grows beyond 1 MiB of text, or 16 MiB of events, is passed on unchecked.
//! The usage of its events is still that of all attempts together, but its words are passed on as
//! they came: what stands in them is its own.
//!
//! [`LlmError::Uncorrected`]: buttress_llm::LlmError::Uncorrected
//! [`LlmResponse::attempts`]: buttress_llm::LlmResponse::attempts
//! [`LlmRequest::correctable`]: buttress_llm::LlmRequest::correctable

mod case;
#[cfg(feature = "schemars")]
mod complete;
mod held;
mod judge;
mod passed;
mod policy;
#[cfg(test)]
mod tests;
mod words;

#[cfg(feature = "schemars")]
pub use self::complete::Complete;
pub use self::{
    case::Case,
    policy::{LlmCorrect, Streams, ToolCalls},
};
#[doc(inline)]
pub use buttress_correct::{
    Correct, CorrectLayer, Found, LastResort, Policy, ResponseFuture, Uncorrected, json,
};
