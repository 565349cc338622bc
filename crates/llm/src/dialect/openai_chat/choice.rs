//! What is to be done with the tools, as both of OpenAI's dialects say it.

use crate::{
    InvalidRequest,
    cross::{Prompt, ToolChoice},
    request::{Str, typed},
};
use serde::Deserialize;
use std::borrow::Cow;

const FIELD: &str = "tool_choice";
const PROBLEM: &str = "must be auto, none, required, or an object that names a function";

/// What is to be done with the tools, and the names of those that may be used, if not all may.
pub(crate) struct Choice<'a> {
    choice: ToolChoice<'a>,
    allowed: Option<Vec<Cow<'a, str>>>,
}

impl<'a> Choice<'a> {
    /// Reads a word, or an object whose form is the dialect's own.
    pub(crate) fn decode<T: Deserialize<'a>>(
        choice: &'a str,
        read: impl FnOnce(T) -> Result<Self, InvalidRequest>,
    ) -> Result<Self, InvalidRequest> {
        if choice.starts_with('"') {
            let choice = mode(typed(FIELD, choice, PROBLEM)?)?;
            return Ok(Self {
                choice,
                allowed: None,
            });
        }
        read(typed(FIELD, choice, PROBLEM)?)
    }

    /// This one is to be called.
    pub(crate) fn one(name: Option<Str<'a>>) -> Result<Self, InvalidRequest> {
        let Str(name) = name.ok_or_else(invalid)?;
        Ok(Self {
            choice: ToolChoice::One(name),
            allowed: None,
        })
    }

    /// Only these may be used, in the way that the word says.
    pub(crate) fn of(
        word: Str<'a>,
        names: impl Iterator<Item = Option<Str<'a>>>,
    ) -> Result<Self, InvalidRequest> {
        Ok(Self {
            choice: mode(word)?,
            allowed: Some(names.flatten().map(|Str(name)| name).collect()),
        })
    }

    /// Leaves it to the prompt, whose tools are all there.
    pub(crate) fn apply(self, prompt: &mut Prompt<'a>) {
        prompt.tool_choice = Some(self.choice);
        if let Some(allowed) = self.allowed {
            prompt.tools.retain(|tool| allowed.contains(&tool.name));
            prompt.note("left out the tools that are not allowed");
        }
    }
}

/// An object that does not name what it has to.
pub(crate) fn invalid() -> InvalidRequest {
    InvalidRequest::of_field(FIELD, PROBLEM)
}

fn mode<'a>(Str(mode): Str<'a>) -> Result<ToolChoice<'a>, InvalidRequest> {
    match &*mode {
        "auto" => Ok(ToolChoice::Auto),
        "none" => Ok(ToolChoice::None),
        "required" => Ok(ToolChoice::Required),
        _ => Err(invalid()),
    }
}
