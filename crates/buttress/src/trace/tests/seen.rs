//! A subscriber that keeps what it is told.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};
use tracing::{
    Dispatch, Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt as _},
    registry::LookupSpan,
};

/// What a span, or an event, is like.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) name: String,
    pub(super) parent: Option<usize>,
    pub(super) fields: BTreeMap<String, String>,
    pub(super) ended: bool,
}

impl Seen {
    pub(super) fn get(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }
}

/// Fields that are put down twice would be exported twice.
impl Visit for Seen {
    fn record_str(&mut self, field: &Field, value: &str) {
        let before = self.fields.insert(field.name().into(), value.into());
        assert_eq!(before, None, "{field} is there twice");
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// Spans in the order in which they began, and events.
#[derive(Clone, Default)]
pub(super) struct Collector {
    spans: Arc<Mutex<Vec<Seen>>>,
    events: Arc<Mutex<Vec<Seen>>>,
}

/// Where a span stands.
struct At(usize);

impl Collector {
    pub(super) fn dispatch(&self) -> Dispatch {
        Dispatch::new(Registry::default().with(self.clone()))
    }

    pub(super) fn spans(&self) -> Vec<Seen> {
        self.locked().clone()
    }

    pub(super) fn events(&self) -> Vec<Seen> {
        self.events.lock().unwrap().clone()
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.spans.lock().unwrap()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collector {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let at = |span: tracing_subscriber::registry::SpanRef<'_, S>| {
            span.extensions().get::<At>().map(|at| at.0)
        };
        let mut seen = Seen {
            name: attributes.metadata().name().into(),
            parent: span.parent().and_then(at),
            ..Seen::default()
        };
        attributes.record(&mut seen);
        let mut spans = self.locked();
        span.extensions_mut().insert(At(spans.len()));
        spans.push(seen);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let at = span.extensions().get::<At>().unwrap().0;
        values.record(&mut self.locked()[at]);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let span = context.event_span(event);
        let mut seen = Seen {
            parent: span.map(|span| span.extensions().get::<At>().unwrap().0),
            ..Seen::default()
        };
        event.record(&mut seen);
        seen.name = seen.get("message").into();
        self.events.lock().unwrap().push(seen);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        let at = span.extensions().get::<At>().unwrap().0;
        self.locked()[at].ended = true;
    }
}
