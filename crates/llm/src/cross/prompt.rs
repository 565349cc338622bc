use super::{Block, Format, Reasoning, Tool, ToolChoice};
use crate::{
    Dialect, Feature, InvalidRequest, Target,
    request::{Fields, not_json},
};
use bytes::Bytes;
use std::borrow::Cow;

/// A request, without the words of any dialect.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prompt<'a> {
    pub(crate) model: Cow<'a, str>,
    /// What stands above the conversation, piece by piece.
    pub(crate) system: Vec<Cow<'a, str>>,
    pub(crate) turns: Vec<Turn<'a>>,
    pub(crate) max_tokens: Option<u64>,
    /// From 0 to 2.
    pub(crate) temperature: Option<f64>,
    pub(crate) top_p: Option<f64>,
    pub(crate) top_k: Option<u64>,
    pub(crate) seed: Option<i64>,
    pub(crate) frequency_penalty: Option<f64>,
    pub(crate) presence_penalty: Option<f64>,
    pub(crate) stop: Vec<Cow<'a, str>>,
    pub(crate) tools: Vec<Tool<'a>>,
    pub(crate) tool_choice: Option<ToolChoice<'a>>,
    /// Whether the model may call several tools at once, where that is said.
    pub(crate) parallel_tool_calls: Option<bool>,
    pub(crate) format: Option<Format<'a>>,
    pub(crate) reasoning: Option<Reasoning>,
    /// The end user's id.
    pub(crate) user: Option<Cow<'a, str>>,
    pub(crate) stream: bool,
    /// The caller wants to see the usage of the stream.
    pub(crate) include_usage: bool,
    /// The schema of the answer was written as a tool that has to be called.
    pub(crate) json_tool: bool,
    /// What was left out or changed.
    pub(crate) notes: Vec<&'static str>,
}

/// One turn of a conversation.
#[derive(Clone, Debug)]
pub(crate) struct Turn<'a> {
    pub(crate) role: Role,
    pub(crate) content: Vec<Block<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    User,
    Assistant,
}

/// A parameter of sampling that not everybody takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sampling {
    Temperature,
    TopP,
    TopK,
    Seed,
    Penalties,
    Stop,
}

/// Between which dialects a request goes: for saying what can't be carried over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crossing {
    pub(crate) from: Dialect,
    pub(crate) to: Dialect,
}

impl Crossing {
    pub(crate) const fn refuse(self, what: Feature) -> InvalidRequest {
        InvalidRequest::CannotCross {
            what,
            from: self.from,
            to: self.to,
        }
    }
}

impl<'a> Prompt<'a> {
    /// Decodes the JSON of a request.
    pub(crate) fn decode(text: &'a str, crossing: Crossing) -> Result<Self, InvalidRequest> {
        let fields: Fields<'a> = serde_json::from_str(text).map_err(|error| not_json(&error))?;
        crossing.from.decode_request(fields, crossing)
    }

    /// Encodes it for this place.
    pub(crate) fn encode(
        &mut self,
        target: &Target,
        crossing: Crossing,
    ) -> Result<Bytes, InvalidRequest> {
        target.dialect.encode_request(self, target, crossing)
    }

    /// The name of the tool that the call with this id was for, of which a result stands in this
    /// turn: the nearest one before, since there are servers that number their calls anew in each
    /// answer.
    pub(crate) fn called(&self, id: &str, at: usize) -> Option<&str> {
        let before = self.turns[..at].iter().rev();
        let mut calls = before.flat_map(|turn| turn.content.iter().filter_map(Block::tool_call));
        calls.find(|call| call.id == id).map(|call| &*call.name)
    }

    /// Leaves out the sampling parameters that the other side does not take.
    pub(crate) fn leave_out(&mut self, refused: &[Sampling]) {
        for parameter in refused {
            let (there, note) = match parameter {
                Sampling::Temperature => (self.temperature.take().is_some(), "dropped temperature"),
                Sampling::TopP => (self.top_p.take().is_some(), "dropped top_p"),
                Sampling::TopK => (self.top_k.take().is_some(), "dropped top_k"),
                Sampling::Seed => (self.seed.take().is_some(), "dropped seed"),
                Sampling::Penalties => {
                    let frequency = self.frequency_penalty.take().is_some();
                    if frequency {
                        self.note("dropped frequency_penalty");
                    }
                    let presence = self.presence_penalty.take().is_some();
                    (presence, "dropped presence_penalty")
                }
                Sampling::Stop => {
                    let stop = !std::mem::take(&mut self.stop).is_empty();
                    (stop, "dropped stop sequences")
                }
            };
            if there {
                self.note(note);
            }
        }
    }

    /// Notes something once.
    pub(crate) fn note(&mut self, note: &'static str) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}
