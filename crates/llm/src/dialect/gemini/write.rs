use super::{answer::WrittenPart, stop::word, usage::Wire};
use crate::{
    Finish, Usage,
    stream::{Delta, InOrder, Part, Piece, Start, StreamItem, json},
};
use bytes::Bytes;
use std::fmt::Write as _;

/// Writes a stream of pieces of an answer.
///
/// A call of a tool is told when all of it is there, and why the model stopped together with the
/// count of tokens, when all is said. Nothing is written to keep a connection alive: there are
/// clients that can't read a comment.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    start: Start,
    order: InOrder,
    /// The call that is being made, and whether there was one before it.
    call: Option<Call>,
    called: bool,
    usage: Usage,
    finish: Option<Finish>,
    /// The model called a tool with what is no object.
    malformed: bool,
    done: bool,
}

#[derive(Debug)]
struct Call {
    id: String,
    name: String,
    arguments: String,
}

impl Writer {
    /// Goes on with a stream that began like this.
    pub(super) fn resume(start: &Start) -> Self {
        Self {
            start: start.clone(),
            ..Self::default()
        }
    }

    pub(crate) fn write(&mut self, item: &StreamItem) -> Bytes {
        let mut out = String::new();
        if self.is_full() {
            return Bytes::new();
        }
        match &item.part {
            Part::Delta(delta) => self.delta(&mut out, delta),
            Part::Done => self.done(&mut out),
            Part::Comment | Part::Ping | Part::Error(_) | Part::Other => {}
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
        if let Some(start) = &delta.start {
            self.start = start.clone();
        }
        for piece in self.order.add(delta) {
            self.piece(out, piece);
        }
        if let Some(finish) = &delta.finish {
            self.end_call(out);
            self.finish = Some(finish.clone());
        }
    }

    fn piece(&mut self, out: &mut String, piece: Piece) {
        match piece {
            Piece::Text(text) => {
                self.end_call(out);
                self.part(out, &format!(r#"{{"text":{}}}"#, json(&text)));
            }
            Piece::Call { id, name } => {
                self.end_call(out);
                self.call = Some(Call {
                    id,
                    name,
                    arguments: String::new(),
                });
            }
            Piece::Arguments(arguments) => {
                let call = self.call.as_mut();
                call.into_iter()
                    .for_each(|call| call.arguments.push_str(&arguments));
            }
        }
    }

    /// Tells the call that was made, as no piece of it comes any more.
    fn end_call(&mut self, out: &mut String) {
        let Some(call) = self.call.take() else { return };
        let first = !std::mem::replace(&mut self.called, true);
        match WrittenPart::call(&call.id, &call.name, &call.arguments, first) {
            Some(part) => {
                let part = serde_json::to_string(&part).expect("strings can be written");
                self.part(out, &part);
            }
            None => self.malformed = true,
        }
    }

    fn part(&self, out: &mut String, part: &str) {
        let candidate = format!(r#"{{"content":{{"parts":[{part}],"role":"model"}},"index":0}}"#);
        self.event(out, &candidate, "");
    }

    fn done(&mut self, out: &mut String) {
        let Some(finish) = &self.finish else { return };
        if self.is_full() || std::mem::replace(&mut self.done, true) {
            return;
        }
        let reason = if self.malformed {
            "MALFORMED_FUNCTION_CALL"
        } else {
            word(finish.stop)
        };
        // With a part that says nothing, as Gemini has it: there are clients that look for one.
        let candidate = format!(
            r#"{{"content":{{"parts":[{{"text":""}}],"role":"model"}},"finishReason":"{reason}","index":0}}"#
        );
        let usage = serde_json::to_string(&Wire::from(self.usage));
        let usage = usage.expect("numbers can be written");
        self.event(out, &candidate, &format!(r#","usageMetadata":{usage}"#));
    }

    fn event(&self, out: &mut String, candidate: &str, more: &str) {
        let _ = write!(
            out,
            "data: {{\"candidates\":[{candidate}]{more},\"modelVersion\":{},\"responseId\":{}}}\n\n",
            json(self.start.model.as_deref().unwrap_or_default()),
            json(self.start.id.as_deref().unwrap_or_default()),
        );
    }
}
