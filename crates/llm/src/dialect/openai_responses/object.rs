//! The object that a response is, as it is written: whole, and in the events of a stream.

use super::usage::Wire;
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A response. What the request said is repeated in one, as far as clients demand that a field is
/// there; it is not known here, so these say what a request means that says nothing.
#[derive(Serialize)]
pub(super) struct Response<'a> {
    pub(super) id: &'a str,
    object: &'static str,
    pub(super) created_at: u64,
    pub(super) status: &'static str,
    error: Option<Failure>,
    incomplete_details: Option<Incomplete>,
    instructions: (),
    metadata: Nothing,
    pub(super) model: &'a str,
    pub(super) output: Vec<Item<'a>>,
    parallel_tool_calls: bool,
    temperature: (),
    tool_choice: &'static str,
    tools: [(); 0],
    top_p: (),
    pub(super) usage: Option<Wire>,
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct Failure {
    code: &'static str,
    message: &'static str,
}

#[derive(Serialize)]
struct Incomplete {
    reason: &'static str,
}

/// One thing that a model said or wants done.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item<'a> {
    Message {
        id: Cow<'a, str>,
        status: &'static str,
        role: &'static str,
        content: Vec<Piece<'a>>,
    },
    FunctionCall {
        id: Cow<'a, str>,
        status: &'static str,
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
    },
    #[serde(untagged)]
    Other(&'a RawValue),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Piece<'a> {
    OutputText {
        text: &'a str,
        annotations: [(); 0],
        logprobs: [(); 0],
    },
    Refusal {
        refusal: &'a str,
    },
}

impl<'a> Response<'a> {
    pub(super) fn new(
        id: &'a str,
        model: &'a str,
        created_at: u64,
        (status, reason): (&'static str, Option<&'static str>),
    ) -> Self {
        Self {
            id,
            object: "response",
            created_at,
            status,
            error: (status == "failed").then_some(Failure {
                code: "server_error",
                message: "the model failed",
            }),
            incomplete_details: reason.map(|reason| Incomplete { reason }),
            instructions: (),
            metadata: Nothing {},
            model,
            output: Vec::new(),
            parallel_tool_calls: true,
            temperature: (),
            tool_choice: "auto",
            tools: [],
            top_p: (),
            usage: None,
        }
    }
}

impl<'a> Item<'a> {
    pub(super) fn message(
        id: impl Into<Cow<'a, str>>,
        status: &'static str,
        content: Vec<Piece<'a>>,
    ) -> Self {
        Self::Message {
            id: id.into(),
            status,
            role: "assistant",
            content,
        }
    }
}

impl<'a> Piece<'a> {
    pub(super) const fn text(text: &'a str) -> Self {
        Self::OutputText {
            text,
            annotations: [],
            logprobs: [],
        }
    }
}
