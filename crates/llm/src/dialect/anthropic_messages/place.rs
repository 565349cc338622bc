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
                let is_text = said
                    .content_block
                    .is_some_and(|block| block.kind.as_str() == "text");
                self.open = Some(if is_text { Open::Text } else { Open::Other });
                self.blocks = said.index.unwrap_or(self.blocks);
            }
            "content_block_stop" => {
                self.open = None;
                self.blocks = said.index.unwrap_or(self.blocks).saturating_add(1);
            }
            _ => {}
        }
    }

    /// Writes on from here; nothing, in the middle of what nobody else can go on with.
    pub(crate) fn writer(&self) -> Option<Writer> {
        let goes_on = self.started && self.open != Some(Open::Other);
        goes_on.then(|| Writer::resume(self.blocks, self.open.is_some()))
    }
}
