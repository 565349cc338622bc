use super::{stop::word, usage::Wire};
use crate::{
    Usage,
    stream::{Delta, Part, Start, StreamItem, ToolDelta, json},
};
use bytes::Bytes;
use std::fmt::Write as _;

/// Writes a stream of chunks.
#[derive(Debug)]
pub(crate) struct Writer {
    /// Seconds since the epoch.
    created: u64,
    pub(crate) include_usage: bool,
    /// What every chunk begins with, from the first one on.
    head: Option<String>,
    usage: Usage,
    finished: bool,
    done: bool,
}

impl Writer {
    pub(crate) fn new(created: u64) -> Self {
        Self {
            created,
            include_usage: false,
            head: None,
            usage: Usage::default(),
            finished: false,
            done: false,
        }
    }

    /// Goes on with a stream that began like this.
    pub(super) fn resume(start: &Start, created: u64) -> Self {
        let mut writer = Self::new(created);
        writer.start(start);
        writer
    }

    pub(crate) fn write(&mut self, item: &StreamItem) -> Bytes {
        let mut out = String::new();
        match &item.part {
            Part::Comment | Part::Ping => out.push_str(": keep-alive\n\n"),
            Part::Delta(delta) => self.delta(&mut out, delta),
            Part::Done => self.done(&mut out),
            Part::Error(_) | Part::Other => {}
        }
        out.into()
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
        if self.head.is_none() && !delta.bare {
            let start = delta.start.clone().unwrap_or_default();
            self.start(&start);
            self.choice(out, r#"{"role":"assistant","content":""}"#, None);
        }
        if let Some(text) = &delta.text {
            self.choice(out, &format!(r#"{{"content":{}}}"#, json(text)), None);
        }
        if let Some(refusal) = &delta.refusal {
            self.choice(out, &format!(r#"{{"refusal":{}}}"#, json(refusal)), None);
        }
        for call in &delta.tool_calls {
            self.choice(out, &tool_call(call), None);
        }
        if let Some(finish) = &delta.finish {
            self.finished = true;
            self.choice(out, "{}", Some(word(finish.stop)));
        }
    }

    fn start(&mut self, start: &Start) {
        let id = start.id.as_deref().unwrap_or("chatcmpl-0");
        let model = start.model.as_deref().unwrap_or_default();
        self.head = Some(format!(
            r#"data: {{"id":{},"object":"chat.completion.chunk","created":{},"model":{},"choices":["#,
            json(id),
            self.created,
            json(model),
        ));
    }

    fn choice(&self, out: &mut String, delta: &str, finish: Option<&str>) {
        let Some(head) = &self.head else { return };
        out.push_str(head);
        let _ = write!(out, r#"{{"index":0,"delta":{delta},"finish_reason":"#);
        let _ = match finish {
            Some(finish) => write!(out, r#""{finish}""#),
            None => write!(out, "null"),
        };
        out.push_str("}]}\n\n");
    }

    fn done(&mut self, out: &mut String) {
        if !self.finished || std::mem::replace(&mut self.done, true) {
            return;
        }
        if self.include_usage
            && let Some(head) = &self.head
        {
            let usage = serde_json::to_string(&Wire::from(self.usage));
            let usage = usage.expect("numbers can be written");
            let _ = write!(out, "{head}],\"usage\":{usage}}}\n\n");
        }
        out.push_str("data: [DONE]\n\n");
    }
}

fn tool_call(call: &ToolDelta) -> String {
    let mut out = format!(r#"{{"tool_calls":[{{"index":{}"#, call.index);
    if let Some(id) = &call.id {
        let _ = write!(out, r#","id":{},"type":"function""#, json(id));
    }
    out.push_str(r#","function":{"#);
    if let Some(name) = &call.name {
        let _ = write!(out, r#""name":{},"#, json(name));
    }
    let arguments = call.arguments.as_deref().unwrap_or_default();
    let _ = write!(out, r#""arguments":{}}}}}]}}"#, json(arguments));
    out
}
