use super::{
    answer::{Ids, arguments, item_status},
    object::{Item, Piece, Response},
    stop,
};
use crate::{
    Finish, Stop, Usage,
    stream::{Delta, Part, Start, StreamItem, ToolDelta, json},
};
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt::Write as _};

/// Writes a stream of events.
///
/// What was said in pieces is said again as a whole where an item ends, and all of it once more
/// in the last event. So it is kept until then, up to a bound.
#[derive(Debug)]
pub(crate) struct Writer {
    /// Seconds since the epoch.
    created: u64,
    /// How many events there were.
    sequence: u64,
    /// The ids of the answer and of its items, once it has started.
    head: Option<Head>,
    items: Vec<Open>,
    /// How much is kept, in bytes.
    kept: usize,
    usage: Usage,
    finish: Option<Finish>,
    done: bool,
}

#[derive(Debug)]
struct Head {
    id: String,
    model: String,
    ids: Ids,
}

impl Head {
    fn new(id: &str, model: &str) -> Self {
        Self {
            ids: Ids::of(id),
            id: id.to_owned(),
            model: model.to_owned(),
        }
    }
}

/// An item of the answer, and what was said of it so far.
#[derive(Clone, Debug)]
pub(super) struct Open {
    id: String,
    pub(super) what: What,
    pub(super) text: String,
    /// Its status, when it has ended.
    pub(super) ended: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Text,
    Refusal,
    Call {
        /// Which of the calls.
        index: u32,
        id: String,
        name: String,
    },
    /// Something that another writer told: the item as it ended.
    Other(Box<RawValue>),
}

impl Open {
    pub(super) fn new(id: impl Into<String>, what: What) -> Self {
        Self {
            id: id.into(),
            what,
            text: String::new(),
            ended: None,
        }
    }
}

impl Writer {
    /// The most of an answer that is kept: many times what any model says today.
    pub(crate) const MOST: usize = 8 << 20;

    pub(crate) fn new(created: u64) -> Self {
        Self {
            created,
            sequence: 0,
            head: None,
            items: Vec::new(),
            kept: 0,
            usage: Usage::default(),
            finish: None,
            done: false,
        }
    }

    /// Goes on with a stream of this answer after these items, the last of which may still be
    /// open.
    pub(super) fn resume(
        id: &str,
        model: &str,
        created: u64,
        sequence: u64,
        items: Vec<Open>,
        kept: usize,
    ) -> Self {
        Self {
            sequence,
            head: Some(Head::new(id, model)),
            items,
            kept,
            ..Self::new(created)
        }
    }

    /// Whether there was more than may be kept: such a stream can't be written to its end.
    pub(crate) const fn is_full(&self) -> bool {
        self.kept > Self::MOST
    }

    pub(crate) fn write(&mut self, item: &StreamItem) -> Bytes {
        let mut out = String::new();
        if self.is_full() {
            return Bytes::new();
        }
        match &item.part {
            Part::Comment | Part::Ping => out.push_str(": keep-alive\n\n"),
            Part::Delta(delta) => self.delta(&mut out, delta),
            Part::Done => self.done(&mut out),
            Part::Error(_) | Part::Other => {}
        }
        if self.is_full() {
            // Some of it may not be what it should.
            return Bytes::new();
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
            self.start(out, &delta.start.clone().unwrap_or_default());
        }
        if let Some(text) = &delta.text {
            self.say(out, What::Text, text);
        }
        if let Some(refusal) = &delta.refusal {
            self.say(out, What::Refusal, refusal);
        }
        for call in &delta.tool_calls {
            self.call(out, call);
        }
        if let Some(finish) = &delta.finish {
            let status = item_status(self.status(finish.stop).0);
            self.end_items(out, status);
            self.finish = Some(finish.clone());
        }
    }

    fn start(&mut self, out: &mut String, start: &Start) {
        let id = start.id.as_deref().unwrap_or("resp_0");
        let model = start.model.as_deref().unwrap_or_default();
        self.head = Some(Head::new(id, model));
        for event in ["response.created", "response.in_progress"] {
            self.response(out, event, ("in_progress", None));
        }
    }

    /// Adds to a message. What is said otherwise, or after calls, is another one.
    fn say(&mut self, out: &mut String, what: What, text: &str) {
        let goes_on = self.items.last().is_some_and(|last| {
            last.ended.is_none()
                && matches!(
                    (&last.what, &what),
                    (What::Text, What::Text) | (What::Refusal, What::Refusal)
                )
        });
        let refuses = matches!(what, What::Refusal);
        if !goes_on {
            self.end_items(out, "completed");
            self.begin(out, what);
        }
        let at = self.items.len() - 1;
        let delta = json(text);
        self.event(
            out,
            match refuses {
                true => "response.refusal.delta",
                false => "response.output_text.delta",
            },
            &match refuses {
                true => format!(r#"{},"content_index":0,"delta":{delta}"#, self.place(at)),
                false => format!(
                    r#"{},"content_index":0,"delta":{delta},"logprobs":[]"#,
                    self.place(at)
                ),
            },
        );
        self.keep(at, text);
    }

    /// Adds to a call. Those that are under way stay so until something else is said: their
    /// pieces may come in any order.
    fn call(&mut self, out: &mut String, call: &ToolDelta) {
        let is_it =
            |item: &Open| matches!(&item.what, What::Call { index, .. } if *index == call.index);
        let at = self.items.iter().rposition(is_it).unwrap_or_else(|| {
            let text = |text: &Option<crate::Text>| text.as_deref().unwrap_or_default().to_owned();
            if self
                .items
                .last()
                .is_some_and(|last| !matches!(last.what, What::Call { .. }))
            {
                self.end_items(out, "completed");
            }
            self.begin(
                out,
                What::Call {
                    index: call.index,
                    id: text(&call.id),
                    name: text(&call.name),
                },
            );
            self.items.len() - 1
        });
        if let Some(arguments) = &call.arguments {
            self.arguments(out, at, arguments);
        }
    }

    fn arguments(&mut self, out: &mut String, at: usize, arguments: &str) {
        let fields = format!(r#"{},"delta":{}"#, self.place(at), json(arguments));
        self.event(out, "response.function_call_arguments.delta", &fields);
        self.keep(at, arguments);
    }

    fn keep(&mut self, at: usize, text: &str) {
        self.kept += text.len();
        if !self.is_full() {
            self.items[at].text.push_str(text);
        }
    }

    fn begin(&mut self, out: &mut String, what: What) {
        // What an item is beside its text.
        self.kept += size_of::<Open>();
        if let What::Call { id, name, .. } = &what {
            self.kept += id.len() + name.len();
        }
        let is_message = !matches!(what, What::Call { .. });
        let at = self.items.len();
        let ids = self.head.as_ref().map(|head| &head.ids);
        let id = ids.map(|ids| match is_message {
            true => ids.message(at),
            false => ids.call(at),
        });
        self.items.push(Open::new(id.unwrap_or_default(), what));
        let added = match is_message {
            true => written(&Item::message(
                &*self.items[at].id,
                "in_progress",
                Vec::new(),
            )),
            false => written(&self.item(at)),
        };
        let fields = format!(r#","output_index":{at},"item":{added}"#);
        self.event(out, "response.output_item.added", &fields);
        if is_message {
            let part = self.piece(at).map(|piece| written(&piece));
            let part = part.unwrap_or_default();
            let fields = format!(r#"{},"content_index":0,"part":{part}"#, self.place(at));
            self.event(out, "response.content_part.added", &fields);
        }
    }

    fn end_items(&mut self, out: &mut String, status: &'static str) {
        for at in 0..self.items.len() {
            if self.items[at].ended.is_some() {
                continue;
            }
            self.items[at].ended = Some(status);
            if matches!(self.items[at].what, What::Call { .. }) && self.items[at].text.is_empty() {
                self.arguments(out, at, arguments(""));
            }
            self.end_item(out, at);
        }
    }

    fn end_item(&mut self, out: &mut String, at: usize) {
        let place = self.place(at);
        let text = json(&self.items[at].text);
        match &self.items[at].what {
            What::Call { name, .. } => {
                let fields = format!(r#"{place},"name":{},"arguments":{text}"#, json(name));
                self.event(out, "response.function_call_arguments.done", &fields);
            }
            What::Text => {
                let fields = format!(r#"{place},"content_index":0,"text":{text},"logprobs":[]"#);
                self.event(out, "response.output_text.done", &fields);
            }
            What::Refusal => {
                let fields = format!(r#"{place},"content_index":0,"refusal":{text}"#);
                self.event(out, "response.refusal.done", &fields);
            }
            What::Other(_) => {}
        }
        if let Some(part) = self.piece(at).map(|piece| written(&piece)) {
            let fields = format!(r#"{place},"content_index":0,"part":{part}"#);
            self.event(out, "response.content_part.done", &fields);
        }
        let item = written(&self.item(at));
        let fields = format!(r#","output_index":{at},"item":{item}"#);
        self.event(out, "response.output_item.done", &fields);
    }

    fn done(&mut self, out: &mut String) {
        let Some(finish) = &self.finish else { return };
        if self.is_full() || std::mem::replace(&mut self.done, true) {
            return;
        }
        let status = self.status(finish.stop);
        let event = match status.0 {
            "incomplete" => "response.incomplete",
            "failed" => "response.failed",
            _ => "response.completed",
        };
        self.response(out, event, status);
    }

    fn status(&self, stop: Stop) -> (&'static str, Option<&'static str>) {
        let refuses = |item: &Open| matches!(item.what, What::Refusal);
        stop::status(stop, self.items.iter().any(refuses))
    }

    /// An event with the response as it is by now.
    fn response(
        &mut self,
        out: &mut String,
        event: &str,
        status: (&'static str, Option<&'static str>),
    ) {
        let Some(head) = &self.head else { return };
        let mut response = Response::new(&head.id, &head.model, self.created, status);
        if status.0 != "in_progress" {
            let items = 0..self.items.len();
            response.output = items.map(|at| self.item(at)).collect();
            response.usage = (!self.usage.is_empty()).then(|| self.usage.into());
        }
        let fields = format!(r#","response":{}"#, written(&response));
        self.event(out, event, &fields);
    }

    fn item(&self, at: usize) -> Item<'_> {
        let open = &self.items[at];
        let status = open.ended.unwrap_or("in_progress");
        match &open.what {
            What::Call { id, name, .. } => Item::FunctionCall {
                id: Cow::Borrowed(&open.id),
                status,
                call_id: id,
                name,
                arguments: &open.text,
            },
            What::Text | What::Refusal => {
                Item::message(&*open.id, status, self.piece(at).into_iter().collect())
            }
            What::Other(whole) => Item::Other(whole),
        }
    }

    /// The one piece of a message.
    fn piece(&self, at: usize) -> Option<Piece<'_>> {
        let open = &self.items[at];
        match open.what {
            What::Text => Some(Piece::text(&open.text)),
            What::Refusal => Some(Piece::Refusal {
                refusal: &open.text,
            }),
            What::Call { .. } | What::Other(_) => None,
        }
    }

    /// The fields that say which item an event is about.
    fn place(&self, at: usize) -> String {
        let id = json(&self.items[at].id);
        format!(r#","item_id":{id},"output_index":{at}"#)
    }

    fn event(&mut self, out: &mut String, name: &str, fields: &str) {
        let sequence = self.sequence;
        self.sequence += 1;
        let _ = write!(
            out,
            "event: {name}\ndata: {{\"type\":\"{name}\",\"sequence_number\":{sequence}{fields}}}\n\n"
        );
    }
}

fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers can be written")
}
