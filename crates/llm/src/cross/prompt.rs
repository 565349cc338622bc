use super::Block;
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
    pub(crate) stop: Vec<Cow<'a, str>>,
    /// The end user's id.
    pub(crate) user: Option<Cow<'a, str>>,
    pub(crate) stream: bool,
    /// The caller wants to see the usage of the stream.
    pub(crate) include_usage: bool,
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
    pub(crate) fn decode(
        from: Dialect,
        to: Dialect,
        text: &'a str,
    ) -> Result<Self, InvalidRequest> {
        let fields: Fields<'a> = serde_json::from_str(text).map_err(|error| not_json(&error))?;
        from.decode_request(fields, Crossing { from, to })
    }

    /// Encodes it for this place.
    pub(crate) fn encode(&mut self, target: &Target) -> Result<Bytes, InvalidRequest> {
        target.dialect.encode_request(self, target)
    }

    /// Notes something once.
    pub(crate) fn note(&mut self, note: &'static str) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}
