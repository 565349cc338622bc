//! Answers that say what is to be said.

use super::{EventStream, Said, StreamEvent, edit::Edit};
use crate::{
    InvalidAnswer, LlmError, StreamTranslator, Truncated, Usage,
    cross::{Block, Reply, ToolCall},
    stream::{Delta, Part, Start, StreamItem, Text, ToolCallSeen, ToolDelta},
};
use bytes::Bytes;
use futures_core::Stream;
use std::{
    pin::Pin,
    str,
    task::{Context, Poll},
    vec,
};

impl Said {
    /// The answer with this body, which says this now.
    ///
    /// Text, arguments of calls and usage are changed where they stand, as far as they are others,
    /// and all else stays byte for byte, fields included that are not known here. All the text
    /// stands where the first piece of it stood. Of the usage, what has no place in [`Usage`] is
    /// that of this answer alone. An answer in which something else is another, or that has no place
    /// for one of these, is written anew, without what is not known here.
    ///
    /// # Errors
    /// It is not an answer in this dialect, or the arguments of a call are not a JSON object where
    /// the dialect demands one.
    pub fn write_into(&self, body: &Bytes) -> Result<Bytes, InvalidAnswer> {
        let before = Self::read(self.dialect, body)?;
        if let Some(mut edit) = self.edit(&before)
            && let Ok(answer) = str::from_utf8(body)
        {
            let changed = self.dialect.edit_answer(answer, &mut edit)?;
            let changed = changed.map_or_else(|| body.clone(), Bytes::from);
            if Self::read(self.dialect, &changed).is_ok_and(|now| same(self, &now)) {
                return Ok(changed);
            }
        }
        self.write()
    }

    /// A new answer that says this.
    ///
    /// # Errors
    /// The arguments of a call are not a JSON object where the dialect demands one.
    pub fn write(&self) -> Result<Bytes, InvalidAnswer> {
        let text = (!self.text.is_empty()).then(|| Block::Text((&*self.text).into()));
        let calls = self.calls.iter().map(|call| {
            Block::ToolCall(ToolCall {
                id: (&*call.id).into(),
                name: (&*call.name).into(),
                arguments: (&*call.arguments).into(),
            })
        });
        let refusal = (!self.refusal.is_empty()).then(|| (&*self.refusal).into());
        self.dialect.encode_answer(&Reply {
            id: (&*self.id).into(),
            model: (&*self.model).into(),
            content: text.into_iter().chain(calls).collect(),
            refusal,
            finish: self.finish.clone(),
            usage: self.usage,
            notes: Vec::new(),
        })
    }

    /// A stream that says this, all of whose events are there; with the usage, where the dialect
    /// leaves it to the caller whether to see it:
    /// [`LlmRequest::includes_usage`](crate::LlmRequest::includes_usage).
    ///
    /// One that does not say why the model [stopped](Self::finish) breaks off at its end.
    #[must_use]
    pub fn into_stream(self, include_usage: bool) -> EventStream {
        EventStream::new(Events(self.events(include_usage).into_iter()))
    }

    fn events(&self, include_usage: bool) -> Vec<Result<StreamEvent, LlmError>> {
        let mut translator = StreamTranslator::new(self.dialect).include_usage(include_usage);
        let usage = (!self.usage.is_empty()).then_some(self.usage);
        let mut said: u64 = 0;
        let mut events = Vec::new();
        let mut write = |delta: Delta| {
            let (text, usage, content) = (delta.text.clone(), delta.usage, delta.is_content());
            let beyond_text = delta.is_beyond_text();
            let finish = delta.finish.as_ref().map(|finish| finish.stop);
            said += delta.content_bytes();
            let item = StreamItem {
                raw: Bytes::new(),
                part: Part::Delta(delta),
            };
            let mut event = StreamEvent::new(translator.write(&item));
            (event.text, event.usage, event.content) = (text, usage, content);
            (event.progress, event.beyond_text) = (content, beyond_text);
            event.finish = finish;
            events.push(event);
        };
        let some = |text: &str| (!text.is_empty()).then(|| Text::of(text.to_owned()));
        write(Delta {
            start: Some(Start {
                id: some(&self.id),
                model: some(&self.model),
            }),
            // What was read in is told there, by Anthropic.
            usage,
            ..Delta::default()
        });
        for text in pieces(&self.refusal) {
            write(Delta {
                refusal: some(text),
                ..Delta::default()
            });
        }
        for text in pieces(&self.text) {
            write(Delta {
                text: some(text),
                ..Delta::default()
            });
        }
        for (index, call) in (0..).zip(&self.calls) {
            for delta in deltas(index, call) {
                write(Delta {
                    tool_calls: vec![delta],
                    ..Delta::default()
                });
            }
        }
        if self.finish.is_some() {
            write(Delta {
                finish: self.finish.clone(),
                usage,
                ..Delta::default()
            });
        }
        let mut events: Vec<_> = together(events).into_iter().map(Ok).collect();
        let done = StreamItem {
            raw: Bytes::new(),
            part: Part::Done,
        };
        if self.finish.is_none() || translator.is_full() {
            events.push(Err(Truncated::new(said).into()));
        } else {
            events.push(Ok(StreamEvent::new(translator.write(&done)).last()));
        }
        events
    }

    /// What has to be changed in an answer that said that; nothing, where something else is
    /// another one.
    fn edit<'a>(&'a self, before: &'a Self) -> Option<Edit<'a>> {
        let same_call = |(one, other): (&ToolCallSeen, &ToolCallSeen)| one.name == other.name;
        let calls = self.calls.iter().zip(&before.calls);
        let fits = self.refusal == before.refusal
            && self.finish == before.finish
            && self.calls.len() == before.calls.len()
            && calls.clone().all(same_call);
        if !fits {
            return None;
        }
        let text = (self.text != before.text).then_some(&*self.text);
        let calls = calls
            .map(|(now, before)| (now.arguments != before.arguments).then_some(&*now.arguments));
        let usage = (self.usage != before.usage).then_some(self.usage);
        Some(Edit::new(text, calls.collect(), usage))
    }
}

/// Whether both say the same, whatever it is called.
fn same(one: &Said, other: &Said) -> bool {
    let calls = one.calls.iter().zip(&other.calls);
    one.text == other.text
        && one.calls.len() == other.calls.len()
        && calls.into_iter().all(|(one, other)| {
            one.name == other.name && one.arguments.trim() == other.arguments.trim()
        })
        && one.refusal == other.refusal
        && one.finish == other.finish
        && told(one.usage) == told(other.usage)
}

/// As far as every dialect tells it.
fn told(usage: Usage) -> (u64, u64) {
    (usage.input.unwrap_or(0), usage.output.unwrap_or(0))
}

/// No event is larger than clients take.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    const MOST: usize = 16 << 10;
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, left) = rest.split_at(rest.floor_char_boundary(MOST));
        rest = left;
        (!piece.is_empty()).then_some(piece)
    })
}

fn deltas(index: u32, call: &ToolCallSeen) -> impl Iterator<Item = ToolDelta> {
    let begin = ToolDelta {
        index,
        id: Some(Text::of(call.id.clone())),
        name: Some(Text::of(call.name.clone())),
        arguments: None,
    };
    let more = pieces(&call.arguments).map(move |arguments| ToolDelta {
        index,
        id: None,
        name: None,
        arguments: Some(Text::of(arguments.to_owned())),
    });
    std::iter::once(begin).chain(more)
}

/// Without events of which there is nothing to send: the next one has what they say.
fn together(events: Vec<StreamEvent>) -> Vec<StreamEvent> {
    let mut sent = Vec::with_capacity(events.len());
    let mut unsent: Option<StreamEvent> = None;
    for mut event in events {
        if let Some(unsent) = unsent.take() {
            event.follow(unsent);
        }
        match event.frame.is_empty() {
            true => unsent = Some(event),
            false => sent.push(event),
        }
    }
    sent
}

struct Events(vec::IntoIter<Result<StreamEvent, LlmError>>);

impl Stream for Events {
    type Item = Result<StreamEvent, LlmError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}
