//! The events of a stream: each document is one, and all of them are one stream.

use super::{
    Translated,
    shape::{self, Shape},
    side::Speaker,
};
use buttress_llm::{
    Dialect, LlmError, Part, StreamReader, StreamTranslator,
    sse::{Decoder, Frame},
};
use bytes::Bytes;
use serde_json::Value;

/// The most that one event may be: all of the input.
const MAX_EVENT: usize = super::MAX as usize + 64;

/// OpenAI's marker at the end, which is no JSON where it stands.
const DONE: &str = "[DONE]";

pub(super) struct Events {
    from: &'static Shape,
    reader: StreamReader,
    /// None where the dialect stays the same.
    translator: Option<StreamTranslator>,
    begun: bool,
    broken: bool,
}

impl Events {
    pub(super) fn new(from: Speaker, to: Speaker) -> Result<Self, String> {
        Ok(Self {
            from: shape::of(from.dialect)?,
            reader: StreamReader::new(from.dialect)
                .provider(from.provider)
                .max_event(MAX_EVENT),
            translator: (from.dialect != to.dialect)
                .then(|| StreamTranslator::new(to.dialect).include_usage(true)),
            begun: false,
            broken: false,
        })
    }

    /// The usage that these events tell in the end.
    pub(super) fn usage(from: Dialect, to: Dialect, events: &[Value]) -> Option<Value> {
        let mut reader = StreamReader::new(from);
        let mut translator = StreamTranslator::new(to).include_usage(true);
        let mut written = Vec::new();
        for event in events {
            reader.push(frame(event).into());
            while let Some(item) = reader.next_item() {
                written.extend(data(&translator.write(&item)));
            }
        }
        written.extend(data(&translator.end(reader.summary())));
        let usage = written.iter().rev().find_map(|event| event.get("usage"));
        usage.cloned()
    }

    /// The event that says the same; a list where it takes several or none. What is kept back
    /// until the end of a stream is told with the last one, if that says nothing otherwise.
    pub(super) fn translate(&mut self, event: &Value, last: bool) -> Result<Translated, String> {
        if !event.is_object() && event != DONE {
            return Err(format!("an event must be a JSON object, or {DONE:?}"));
        }
        if self.translator.is_none() {
            return Ok(event.clone().into());
        }
        if self.broken {
            return Err("the stream has ended with an error".to_owned());
        }
        if self.reader.is_over() {
            return Err("the stream has ended".to_owned());
        }
        if !std::mem::replace(&mut self.begun, true) && !(self.from.is_start)(event) {
            // What belongs to the start of a stream must not stand in front of an event out of
            // the middle.
            let start = self.from.start();
            self.read(&start)?;
        }
        let mut written = self.read(event)?;
        if last
            && written.is_empty()
            && let Some(translator) = &mut self.translator
        {
            written = data(&translator.end(self.reader.summary()));
        }
        let alone = written.len() == 1;
        Ok(Translated {
            notes: if written.is_empty() {
                vec!["nothing says the same there"]
            } else {
                Vec::new()
            },
            output: match alone {
                true => written.swap_remove(0),
                false => written.into(),
            },
        })
    }

    fn read(&mut self, event: &Value) -> Result<Vec<Value>, String> {
        let Some(translator) = &mut self.translator else {
            return Ok(Vec::new());
        };
        self.reader.push(frame(event).into());
        let mut written = Vec::new();
        while let Some(item) = self.reader.next_item() {
            match &item.part {
                Part::Error(failed) if matches!(failed.error, LlmError::Truncated(_)) => {
                    let dialect = self.reader.dialect();
                    return Err(format!("this is no event of a stream of {dialect}"));
                }
                Part::Error(failed) => {
                    self.broken = true;
                    written.extend(data(&translator.error(&failed.error)));
                }
                _ => written.extend(data(&translator.write(&item))),
            }
        }
        Ok(written)
    }
}

/// The event as it would stand in a stream.
fn frame(event: &Value) -> String {
    match event {
        Value::String(marker) => format!("data: {marker}\n\n"),
        event => format!("data: {event}\n\n"),
    }
}

/// What these events hold.
fn data(events: &Bytes) -> Vec<Value> {
    let mut decoder = Decoder::new().max_event(MAX_EVENT);
    decoder.push(events.clone());
    let frames = std::iter::from_fn(|| decoder.next_frame()?.ok());
    let events = frames.filter_map(|frame| match frame {
        Frame::Event(event) => Some(event.data),
        _ => None,
    });
    let values = events.map(|data| {
        let json = serde_json::from_slice(&data);
        json.unwrap_or_else(|_| String::from_utf8_lossy(&data).into())
    });
    values.collect()
}
