use super::{
    Writer,
    write::{Open, What},
};
use crate::{Lax, request::Str, sse::Event};
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
    /// There was something that can't be said again from what is kept.
    lost: bool,
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
    #[serde(default)]
    created_at: f64,
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
            "response.output_text.delta" => self.say(said),
            "response.output_item.done" => self.end(said),
            // Sources, which stand in an item as often as not.
            "response.output_text.annotation.added" => self.lost = true,
            _ => {}
        }
    }

    fn begin(&mut self, said: Said<'_>) {
        self.lost |= said.output_index != Some(self.items.len());
        let item: Item<'_> = said.item.map(of_item).unwrap_or_default();
        let what = match item.kind.as_str() {
            "message" => What::Text,
            _ => What::Other(RawValue::NULL.to_owned()),
        };
        self.keep(size_of::<Open>());
        if !self.lost {
            self.items.push(Open::new(item.id.as_str(), what));
        }
    }

    fn say(&mut self, said: Said<'_>) {
        let text = said.delta.as_str();
        self.keep(text.len());
        self.lost |= said.content_index > 0;
        let item = said.output_index.and_then(|at| self.items.get_mut(at));
        match item {
            Some(item) if !self.lost => item.text.push_str(text),
            _ => self.lost = true,
        }
    }

    fn end(&mut self, said: Said<'_>) {
        let whole = said.item.map_or(0, |item| item.get().len());
        self.keep(whole);
        let item = said.output_index.and_then(|at| self.items.get_mut(at));
        let (Some(open), Some(item), false) = (item, said.item, self.lost) else {
            self.lost = true;
            return;
        };
        open.ended = Some("completed");
        if let What::Other(whole) = &mut open.what {
            *whole = item.to_owned();
        }
    }

    /// Counts what is about to be kept.
    fn keep(&mut self, bytes: usize) {
        self.kept += bytes;
        if self.kept > Writer::MOST {
            self.lost = true;
            self.items = Vec::new();
        }
    }

    /// Writes on from here; nothing, in the middle of what nobody else can go on with.
    pub(crate) fn writer(&self) -> Option<Writer> {
        let stuck = |item: &Open| item.ended.is_none() && matches!(item.what, What::Other(_));
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
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "seconds, which some servers write with a fraction"
        )]
        let created = self.created_at as u64;
        (text(self.id), text(self.model), created)
    }
}

fn of_item(item: &RawValue) -> Item<'_> {
    serde_json::from_str(item.get()).unwrap_or_default()
}
