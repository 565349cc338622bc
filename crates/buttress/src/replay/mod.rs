//! Answering later what could not be answered at once.
//!
//! [`Replay`] stands between a [`Worker`](crate::queue::Worker) and any service for LLM calls: it
//! makes a request of a task again, and a verdict of what comes back.
//!
//! ```
//! use buttress::client::LlmClient;
//! use buttress::llm::Provider;
//! use buttress::queue::{Memory, Queue, Settings, Task, Worker};
//! use buttress::replay::Replay;
//! use buttress_testkit::Reply;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let provider = buttress_testkit::Provider::openai().reply(Reply::text("Yes.")).start().await?;
//! let client = LlmClient::builder(Provider::OpenAi).base_url(provider.base_url()).build()?;
//!
//! // What another program has pushed: a conversation, and no word of a model.
//! let queue = Queue::new(Memory::new(Settings::new()));
//! let task = br#"{"session_id": "s", "messages": [{"role": "user", "content": "Are you there?"}]}"#;
//! let id = queue.enqueue(Task::parse(task)?).await?.id;
//!
//! let worker = Worker::new(queue.clone(), Replay::new(client).model("gpt-5-mini"));
//! let mut progress = worker.progress();
//! let done = async move {
//!     let _ = progress.wait_for(|progress| progress.done == 1).await;
//! };
//! worker.run(done).await;
//!
//! let kept = queue.inspect(id).await?.expect("results are kept for a day");
//! let result: serde_json::Value = serde_json::from_slice(&kept.result.unwrap()?)?;
//! assert_eq!(result["body"]["choices"][0]["message"]["content"], "Yes.");
//! # Ok(())
//! # }
//! ```
//!
//! # Results
//!
//! What is kept of an answer is JSON:
//!
//! | field | |
//! |---|---|
//! | `status` | 200 |
//! | `dialect` | in which `body` is |
//! | `model` | that answered |
//! | `route` | that gave the answer, or null |
//! | `usage` | `input`, `output`, `cached`, `cache_written` and `reasoning`, as far as they are known |
//! | `attempts` | how many upstream calls were made for it, those before it was queued counted in |
//! | `body` | the answer, as its caller would have got it |
//! | `events` | instead of `body` where the service gave a stream all the same: its events, as one string |
//!
//! A task that is given up has no result but a reason: `400 invalid_request: …`, the status and the
//! kind of the failure and what it says. [`error_of`] makes of that what its caller would have got.

mod conclude;
mod request;
mod service;
#[cfg(test)]
mod tests;

pub use self::{
    conclude::error_of,
    request::lane_of,
    service::{Replay, ReplayFuture},
};
