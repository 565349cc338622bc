//! A scripted LLM provider on a loopback socket, failing the way real ones do.
//!
//! A [`Provider`] speaks OpenAI chat completions and responses, Anthropic messages and Gemini, whole
//! and streamed, and does with each call what its [`Script`] says: a good [`Reply`], an error in the
//! provider's own words, or something that only a socket can show, such as a reset, silence, or a
//! stream that stops. It keeps a record of what it [`Received`], when, and when the client let go.
//!
//! ```
//! use buttress_testkit::{Provider, Reply};
//! # use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let provider = Provider::openai()
//!     .reply(Reply::rate_limited().retry_after(1))
//!     .then(Reply::text("hello"))
//!     .start()
//!     .await?;
//!
//! // Point a client at `provider.base_url()`; here it is the plainest one there is.
//! let mut client = tokio::net::TcpStream::connect(provider.address()).await?;
//! client
//!     .write_all(
//!         b"POST /v1/chat/completions HTTP/1.1\r\n\
//!           connection: close\r\n\
//!           content-length: 2\r\n\r\n{}",
//!     )
//!     .await?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer).await?;
//!
//! assert!(answer.starts_with("HTTP/1.1 429 Too Many Requests"));
//! assert!(answer.contains("retry-after: 1\r\n"));
//! assert!(answer.contains("rate_limit_exceeded"));
//! assert_eq!(provider.call_count(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What it can do
//!
//! | fault | written as |
//! |---|---|
//! | 429, with a wait in seconds, as a date, or without | [`Reply::rate_limited`], [`retry_after`](Reply::retry_after), [`retry_after_date`](Reply::retry_after_date) |
//! | 429 or 400 for money | [`Reply::insufficient_quota`] |
//! | 503, 529; 500; 401; any [`Fault`] | [`Reply::overloaded`], [`Reply::server_error`], [`Reply::invalid_key`], [`Reply::error`] |
//! | context too long, content policy | [`Reply::context_too_long`], [`Reply::content_policy`] |
//! | accepts and says nothing; a head and then nothing | [`Reply::silence`], [`Reply::headers_only`] |
//! | a stall after a token; only pings for ever | [`stall_after`](Reply::stall_after), with [`keep_alive`](Reply::keep_alive) |
//! | connection reset or closed, before or after content | [`Reply::reset`], [`Reply::hang_up`], [`reset_after`](Reply::reset_after), [`close_after`](Reply::close_after) |
//! | a clean end without a finish | [`end_after`](Reply::end_after) |
//! | an error event, first or later | [`Reply::error_first`], [`error_after`](Reply::error_after) |
//! | an empty stream; only its end | [`Reply::empty_stream`], [`Reply::done_only`] |
//! | JSON that is not JSON; an HTML page | [`Reply::not_json`], [`Reply::bad_gateway`] |
//! | a cut within a line; wrong chunks; a wrong length | [`mid_line`](Reply::mid_line), [`garbage_after`](Reply::garbage_after), [`content_length`](Reply::content_length) |
//! | slow, byte by byte, or huge | [`delay`](Reply::delay), [`delay_body`](Reply::delay_body), [`pace`](Reply::pace), [`dribble`](Reply::dribble), [`Reply::huge`] |
//! | `REFUSED_STREAM`, `GOAWAY` | [`Reply::refused_stream`], [`Reply::go_away`] |
//! | anything else | [`Reply::raw`], [`Reply::sse`] |
//! | connection refused | [`Nowhere`], [`Provider::stop`] |
//!
//! # Its limits
//!
//! It binds to loopback only and speaks no TLS. A client that shuts down its sending half is taken
//! for one that has left. Bodies of requests are taken up to 32 MiB.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod bodies;
mod body;
mod dialect;
mod fault;
mod http1;
mod http2;
mod link;
mod log;
mod nowhere;
mod plan;
mod provider;
mod received;
mod reply;
mod script;
mod server;
mod shared;
mod wire;

pub use self::{
    dialect::Dialect,
    fault::Fault,
    nowhere::Nowhere,
    provider::{Builder, Provider},
    received::{ClosedBy, Received},
    reply::{Finish, Reply},
    script::{Respond, Script},
};
