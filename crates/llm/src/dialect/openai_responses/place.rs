use super::{
    Writer,
    write::{Open, What},
};
use crate::{Lax, request::Str, seconds, sse::Event};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Where a stream of events stands: what the last one will have to say again.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// The number of the next event.
    sequence: u64,
    head: Option<(String, String, u64)>,
    items: Vec<Open>,
    kept: usize,
    /// The text of the last item is under way.
    in_text: bool,
    /// There was something that can't be said again from what is kept.
    lost: bool,
    pub(crate) finished: bool,
    pub(crate) strange: bool,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    sequence_number: Option<u64>,
    #[serde(borrow)]
    response: Option<Response<'a>>,
    output_index: Option<usize>,
    #[serde(default)]
    content_index: usize,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Lax<'a>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    id: Lax<'a>,
    #[serde(borrow, default)]
    model: Lax<'a>,
    #[serde(borrow)]
    created_at: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Item<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Lax<'a>,
    #[serde(borrow, default)]
    id: Lax<'a>,
}

impl Place {
    pub(crate) fn see(&mut self, event: &Event) {
        let Ok(said) = serde_json::from_slice::<Said<'_>>(&event.data) else {
            return;
        };
        let next = said.sequence_number.map(|number| number.saturating_add(1));
        self.sequence = next.unwrap_or(self.sequence.saturating_add(1));
        match &*said.kind.0 {
            "response.created" => self.head = said.response.map(Response::head),
            "response.output_item.added" => self.begin(said),
            "response.content_part.added" => self.in_text = true,
            "response.output_text.delta" => self.say(said),
            "response.output_text.done" | "response.content_part.done" => self.in_text = false,
            "response.output_item.done" => self.end(said),
            // Sources, which stand in an item as often as not.
            "response.output_text.annotation.added" => self.lose(),
            "response.completed" | "response.incomplete" | "response.failed" => {
                self.finished = true;
            }
            _ => {}
        }
    }

    /// How much is kept, in bytes.
    pub(crate) const fn kept(&self) -> usize {
        self.kept
    }

    /// Gives up: nothing more of it has to be kept.
    fn lose(&mut self) {
        self.lost = true;
        self.items = Vec::new();
        self.kept = 0;
    }

    fn begin(&mut self, said: Said<'_>) {
        self.in_text = false;
        let item: Item<'_> = said.item.map(of_item).unwrap_or_default();
        let what = match item.kind.as_str() {
            "message" => What::Text,
            kind => {
                self.strange |= !["reasoning", "function_call"].contains(&kind);
                What::Other(RawValue::NULL.to_owned())
            }
        };
        if said.output_index != Some(self.items.len()) {
            self.lose();
        }
        let id = item.id.as_str();
        if self.keep(size_of::<Open>() + id.len()) {
            self.items.push(Open::new(id, what));
        }
    }

    fn say(&mut self, said: Said<'_>) {
        let text = said.delta.as_str();
        let kept = said.content_index == 0 && self.keep(text.len());
        let item = said.output_index.and_then(|at| self.items.get_mut(at));
        match item {
            Some(item) if kept => item.text.push_str(text),
            _ => self.lose(),
        }
    }

    fn end(&mut self, said: Said<'_>) {
        let Some(item) = said.item else {
            return self.lose();
        };
        let kept = self.keep(item.get().len());
        let open = said.output_index.and_then(|at| self.items.get_mut(at));
        match open {
            Some(open) if kept => {
                open.ended = Some("completed");
                if let What::Other(whole) = &mut open.what {
                    *whole = item.to_owned();
                }
            }
            _ => self.lose(),
        }
    }

    /// Counts what is about to be kept, and whether it may be.
    fn keep(&mut self, bytes: usize) -> bool {
        self.kept += bytes;
        if self.lost || self.kept > Writer::MOST {
            self.lose();
        }
        !self.lost
    }

    /// Writes on from here; nothing, in the middle of what nobody else can go on with.
    pub(crate) fn writer(&self) -> Option<Writer> {
        let goes_on = |item: &Open| matches!(item.what, What::Text) && self.in_text;
        let stuck = |item: &Open| item.ended.is_none() && !goes_on(item);
        if self.lost || self.items.iter().any(stuck) {
            return None;
        }
        let (id, model, created) = self.head.as_ref()?;
        let items = self.items.clone();
        let writer = Writer::resume(id, model, *created, self.sequence, items, self.kept);
        Some(writer)
    }
}

impl Response<'_> {
    fn head(self) -> (String, String, u64) {
        let text = |text: Lax<'_>| text.0.unwrap_or_default().into_owned();
        let created = seconds(self.created_at);
        (text(self.id), text(self.model), created)
    }
}

fn of_item(item: &RawValue) -> Item<'_> {
    serde_json::from_str(item.get()).unwrap_or_default()
}
