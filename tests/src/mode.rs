//! The ways in which one thing can be asked for.

use buttress_testkit::{Builder, Dialect, Provider};
use serde_json::{Value, json};
use std::{future::Future, time::Duration};
use tokio::time::timeout;

/// No test takes half as long, on a slow machine either.
const TOO_LONG: Duration = Duration::from_secs(30);

/// Who speaks which dialect, and whether the answer is streamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    pub caller: Dialect,
    pub provider: Dialect,
    pub stream: bool,
}

use Dialect::{Anthropic, Gemini, OpenAi, Responses};

impl Mode {
    /// OpenAI's chat and Anthropic's dialect on either side, Gemini's with its own and with
    /// OpenAI's, and of what crosses to or from responses one each; streamed and whole.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::streamed().chain(Self::whole())
    }

    pub fn streamed() -> impl Iterator<Item = Self> {
        Self::with(true)
    }

    pub fn whole() -> impl Iterator<Item = Self> {
        Self::with(false)
    }

    fn with(stream: bool) -> impl Iterator<Item = Self> {
        let pairs = [
            (OpenAi, OpenAi),
            (Anthropic, Anthropic),
            (OpenAi, Anthropic),
            (Anthropic, OpenAi),
            (Gemini, Gemini),
            (OpenAi, Gemini),
            (Gemini, OpenAi),
            (Responses, Responses),
            (Responses, OpenAi),
            (Anthropic, Responses),
        ];
        pairs.into_iter().map(move |(caller, provider)| Self {
            caller,
            provider,
            stream,
        })
    }

    /// Each dialect in front of each.
    pub fn pairs(stream: bool) -> impl Iterator<Item = Self> {
        let dialects = [OpenAi, Responses, Anthropic, Gemini];
        let pairs = move |caller| {
            dialects.map(|provider| Self {
                caller,
                provider,
                stream,
            })
        };
        dialects.into_iter().flat_map(pairs)
    }

    /// Whether its requests are lists of messages on both sides.
    pub fn has_messages(self) -> bool {
        self.caller != Gemini && self.provider != Gemini
    }

    /// A provider that is asked in this mode.
    pub fn scripted(self) -> Builder {
        Provider::builder(self.provider)
    }

    /// Whether the gateway stands between two dialects.
    pub fn crosses(self) -> bool {
        self.caller != self.provider
    }

    /// What the caller knows under these two names. The words of Gemini and of responses are taken
    /// for OpenAI's: see [`Answer`](crate::Answer).
    pub fn caller<T>(self, openai: T, anthropic: T) -> T {
        pick(self.caller, openai, anthropic)
    }

    /// What the provider knows under these two names.
    pub fn provider<T>(self, openai: T, anthropic: T) -> T {
        pick(self.provider, openai, anthropic)
    }

    /// Where the caller asks.
    pub fn path(self) -> String {
        self.caller.path_for("any", self.stream)
    }

    /// Where this dialect has its conversation.
    pub fn conversation(dialect: Dialect) -> &'static str {
        match dialect {
            Responses => "input",
            Gemini => "contents",
            _ => "messages",
        }
    }

    /// What the caller asks.
    pub fn request(self) -> Value {
        if self.caller == Gemini {
            return json!({
                "contents": [{ "role": "user", "parts": [{ "text": "Hello?" }] }],
                "generationConfig": { "maxOutputTokens": 50 },
            });
        }
        if self.caller == Responses {
            return json!({
                "model": "any",
                "max_output_tokens": 50,
                "stream": self.stream,
                "input": [{ "role": "user", "content": "Hello?" }],
            });
        }
        json!({
            "model": "any",
            "max_tokens": 50,
            "stream": self.stream,
            "messages": [{ "role": "user", "content": "Hello?" }],
        })
    }
}

fn pick<T>(dialect: Dialect, openai: T, anthropic: T) -> T {
    match dialect {
        OpenAi | Responses | Gemini => openai,
        Anthropic => anthropic,
        other => unreachable!("{other:?} is not spoken here"),
    }
}

/// Runs a test in each of these modes, all at the same time.
pub async fn in_modes<F, Fut>(modes: impl IntoIterator<Item = Mode>, test: F)
where
    F: Fn(Mode) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    // What hangs has failed, and is to say in which mode.
    let start = |mode| (mode, tokio::spawn(timeout(TOO_LONG, test(mode))));
    let running: Vec<_> = modes.into_iter().map(start).collect();
    let mut failed = Vec::new();
    for (mode, task) in running {
        if !matches!(task.await, Ok(Ok(()))) {
            failed.push(mode);
        }
    }
    assert!(failed.is_empty(), "failed in {failed:#?}");
}

/// Runs a test in every mode, all at the same time.
pub async fn in_all_modes<F, Fut>(test: F)
where
    F: Fn(Mode) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    in_modes(Mode::all(), test).await;
}
