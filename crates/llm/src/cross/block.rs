use super::{Document, Image, ToolCall, ToolResult};
use std::borrow::Cow;

/// A piece of what was said.
#[derive(Clone, Debug)]
pub(crate) enum Block<'a> {
    Text(Cow<'a, str>),
    Image(Image<'a>),
    Document(Document<'a>),
    ToolCall(ToolCall<'a>),
    ToolResult(ToolResult<'a>),
}

impl<'a> Block<'a> {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is an image or a document.
    pub(crate) const fn is_file(&self) -> bool {
        matches!(self, Self::Image(_) | Self::Document(_))
    }

    pub(crate) const fn tool_call(&self) -> Option<&ToolCall<'a>> {
        match self {
            Self::ToolCall(call) => Some(call),
            _ => None,
        }
    }

    pub(crate) const fn tool_result(&self) -> Option<&ToolResult<'a>> {
        match self {
            Self::ToolResult(result) => Some(result),
            _ => None,
        }
    }
}

/// All the text of these, without a separator: they are pieces of one.
pub(crate) fn joined<'b>(blocks: &'b [Block<'_>]) -> Cow<'b, str> {
    let mut texts = blocks.iter().filter_map(Block::text);
    let Some(first) = texts.next() else {
        return Cow::Borrowed("");
    };
    texts.fold(Cow::Borrowed(first), |joined, text| joined + text)
}
