use super::{stop::word, usage::Wire};
use crate::{
    Finish, Usage,
    stream::{Delta, InOrder, Part, Piece, Start, StreamItem, json},
};
use bytes::Bytes;
use std::fmt::Write as _;

/// Writes a stream of events.
///
/// Why the model stopped is told together with the final count of tokens, which other dialects
/// tell later: so it is kept back until all is said.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    started: bool,
    order: InOrder,
    /// The block that is open, and how many there were before it.
    block: Option<Open>,
    blocks: u32,
    usage: Usage,
    finish: Option<Finish>,
    done: bool,
}

/// What an open block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text,
    Tool,
}

impl Writer {
    /// Goes on with a stream after so many blocks, in the middle of one more of text or not.
    pub(super) fn resume(blocks: u32, in_text: bool) -> Self {
        Self {
            started: true,
            block: in_text.then_some(Open::Text),
            blocks,
            ..Self::default()
        }
    }

    pub(crate) fn write(&mut self, item: &StreamItem) -> Bytes {
        let mut out = String::new();
        if self.is_full() {
            return Bytes::new();
        }
        match &item.part {
            // Before the start, nothing but a comment is allowed.
            Part::Comment | Part::Ping if !self.started => out.push_str(": keep-alive\n\n"),
            Part::Comment | Part::Ping => event(&mut out, "ping", ""),
            Part::Delta(delta) => self.delta(&mut out, delta),
            Part::Done => self.done(&mut out),
            Part::Error(_) | Part::Other => {}
        }
        out.into()
    }

    /// Whether there is something that can't be written.
    pub(crate) const fn is_full(&self) -> bool {
        self.order.is_torn()
    }

    /// What is missing for a proper end, after the model has finished.
    pub(crate) fn end(&mut self) -> Bytes {
        let mut out = String::new();
        self.done(&mut out);
        out.into()
    }

    fn delta(&mut self, out: &mut String, delta: &Delta) {
        if let Some(usage) = delta.usage {
            self.usage.update(usage);
        }
        // What comes in front of the answer does not tell which one it is.
        if !self.started && !delta.bare {
            self.started = true;
            self.start(out, &delta.start.clone().unwrap_or_default());
        }
        for piece in self.order.add(delta) {
            self.piece(out, &piece);
        }
        if let Some(finish) = &delta.finish {
            self.close(out);
            self.finish = Some(finish.clone());
        }
    }

    fn start(&self, out: &mut String, start: &Start) {
        let message = format!(
            r#","message":{{"id":{},"type":"message","role":"assistant","model":{},"content":[],"stop_reason":null,"stop_sequence":null,"usage":{}}}"#,
            json(start.id.as_deref().unwrap_or("msg_0")),
            json(start.model.as_deref().unwrap_or_default()),
            wire(self.usage),
        );
        event(out, "message_start", &message);
    }

    fn piece(&mut self, out: &mut String, piece: &Piece) {
        match piece {
            Piece::Text(text) => {
                if self.block != Some(Open::Text) {
                    self.open(out, Open::Text, r#"{"type":"text","text":""}"#);
                }
                let change = format!(r#"{{"type":"text_delta","text":{}}}"#, json(text));
                self.change(out, &change);
            }
            Piece::Call { id, name } => {
                let block = format!(
                    r#"{{"type":"tool_use","id":{},"name":{},"input":{{}}}}"#,
                    json(id),
                    json(name),
                );
                self.open(out, Open::Tool, &block);
            }
            Piece::Arguments(arguments) => {
                let change = format!(
                    r#"{{"type":"input_json_delta","partial_json":{}}}"#,
                    json(arguments)
                );
                self.change(out, &change);
            }
        }
    }

    /// Opens another block, behind the one that was open.
    fn open(&mut self, out: &mut String, what: Open, block: &str) {
        self.close(out);
        self.block = Some(what);
        let index = self.blocks;
        event(
            out,
            "content_block_start",
            &format!(r#","index":{index},"content_block":{block}"#),
        );
    }

    fn change(&self, out: &mut String, delta: &str) {
        let index = self.blocks;
        event(
            out,
            "content_block_delta",
            &format!(r#","index":{index},"delta":{delta}"#),
        );
    }

    fn close(&mut self, out: &mut String) {
        if self.block.take().is_some() {
            let index = self.blocks;
            event(out, "content_block_stop", &format!(r#","index":{index}"#));
            self.blocks += 1;
        }
    }

    fn done(&mut self, out: &mut String) {
        let Some(finish) = &self.finish else { return };
        if self.is_full() || std::mem::replace(&mut self.done, true) {
            return;
        }
        let (reason, sequence) = match &finish.stop_sequence {
            Some(sequence) => ("stop_sequence", json(sequence)),
            None => (word(finish.stop), "null".to_owned()),
        };
        let end = format!(
            r#","delta":{{"stop_reason":"{reason}","stop_sequence":{sequence}}},"usage":{}"#,
            wire(self.usage),
        );
        event(out, "message_delta", &end);
        event(out, "message_stop", "");
    }
}

fn event(out: &mut String, name: &str, fields: &str) {
    let _ = write!(
        out,
        "event: {name}\ndata: {{\"type\":\"{name}\"{fields}}}\n\n"
    );
}

fn wire(usage: Usage) -> String {
    serde_json::to_string(&Wire::from(usage)).expect("numbers can be written")
}
