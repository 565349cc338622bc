use super::Writer;
use crate::{Lax, request::Str, sse::Event};
use serde::Deserialize;

/// Where a stream of events stands: in which of its blocks.
#[derive(Debug, Default)]
pub(crate) struct Place {
    started: bool,
    /// How many blocks have ended.
    blocks: u32,
    open: Option<Open>,
    pub(crate) finished: bool,
    pub(crate) strange: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text,
    /// Thinking, or what a tool of the provider's does.
    Other,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    index: Option<u32>,
    #[serde(borrow)]
    content_block: Option<Block<'a>>,
    #[serde(borrow)]
    delta: Option<Change<'a>>,
}

#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Lax<'a>,
    #[serde(borrow, default)]
    stop_reason: Lax<'a>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Lax<'a>,
}

impl Place {
    pub(crate) fn see(&mut self, event: &Event) {
        let Ok(said) = serde_json::from_slice::<Said<'_>>(&event.data) else {
            return;
        };
        match &*said.kind.0 {
            "message_start" => self.started = true,
            "content_block_start" => {
                let kind = said.content_block.map(|block| block.kind);
                let kind = kind.as_ref().map_or("", Lax::as_str);
                self.open = Some(match kind {
                    "text" => Open::Text,
                    _ => Open::Other,
                });
                let known = ["text", "thinking", "redacted_thinking", "tool_use"];
                self.strange |= !known.contains(&kind);
                self.blocks = said.index.unwrap_or(self.blocks);
            }
            "content_block_stop" => {
                self.open = None;
                self.blocks = said.index.unwrap_or(self.blocks).saturating_add(1);
            }
            "content_block_delta" => {
                let kind = said.delta.map(|delta| delta.kind);
                let known = [
                    "text_delta",
                    "thinking_delta",
                    "signature_delta",
                    "input_json_delta",
                    // Of servers that are not quite compatible.
                    "",
                ];
                self.strange |= !known.contains(&kind.as_ref().map_or("", Lax::as_str));
            }
            "message_delta" => {
                let reason = said.delta.map(|delta| delta.stop_reason);
                self.finished |= reason.is_some_and(|reason| !reason.as_str().is_empty());
            }
            "message_stop" => self.finished = true,
            _ => {}
        }
    }

    /// Writes on from here; nothing, in the middle of what nobody else can go on with.
    pub(crate) fn writer(&self) -> Option<Writer> {
        let goes_on = self.started && self.open != Some(Open::Other);
        goes_on.then(|| Writer::resume(self.blocks, self.open.is_some()))
    }
}
