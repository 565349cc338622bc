//! Waiting for a task, by events.
//!
//! Whoever waits does so for as long as the outage lasts, which may be hours: a gateway that stops
//! does not wait for that. The task stays where it is, and so does its name.

use super::{
    super::{
        answer::{EVENTS, NO_CACHE},
        app::App,
    },
    lookup::describe,
};
use axum::{body::Body, response::Response};
use buttress_queue::{Kept, Queue, State, TaskId};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::{Value, json};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// How often the store is asked.
const LOOK: Duration = Duration::from_secs(1);
/// After so long without news, a comment keeps the connection from being taken for dead.
const SILENCE: Duration = Duration::from_secs(15);

/// What is known of a task that waits for events to be told.
struct Watch {
    queue: Queue,
    id: TaskId,
    told: Option<Value>,
    spoke: Instant,
    over: bool,
}

/// An event `state` each time that something changes, and `done` or `dead` as the last one, unless
/// the gateway stops before.
pub(super) fn events(app: Arc<App>, queue: Queue, id: TaskId) -> Response {
    let watch = Watch {
        queue,
        id,
        told: None,
        spoke: Instant::now(),
        over: false,
    };
    let events = stream::unfold((app, watch), |(app, mut watch)| async {
        let event = tokio::select! {
            biased;
            () = app.closing() => None,
            event = watch.next() => event,
        };
        Some((Ok::<_, Infallible>(event?), (app, watch)))
    });
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, EVENTS);
    headers.insert(CACHE_CONTROL, NO_CACHE);
    response
}

impl Watch {
    async fn next(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        loop {
            let (name, data) = match self.queue.inspect(self.id).await {
                Ok(Some(kept)) => (name(&kept), describe(&kept)),
                Ok(None) => ("gone", json!({ "id": self.id.to_string() })),
                // It may be there again in a moment, and whoever waits has time.
                Err(_) => ("", Value::Null),
            };
            if !name.is_empty() && self.told.as_ref() != Some(&data) {
                self.over = name != "state";
                self.spoke = Instant::now();
                let event = format!("event: {name}\ndata: {data}\n\n");
                self.told = Some(data);
                return Some(event.into());
            }
            if self.spoke.elapsed() >= SILENCE {
                self.spoke = Instant::now();
                return Some(Bytes::from_static(b": waiting\n\n"));
            }
            sleep(LOOK).await;
        }
    }
}

const fn name(kept: &Kept) -> &'static str {
    match kept.record.state {
        State::Done => "done",
        State::Dead => "dead",
        _ => "state",
    }
}
