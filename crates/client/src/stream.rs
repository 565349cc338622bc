//! Streamed answers: held back until the first content is there, then given as they come.

use crate::{
    fault::transport_error,
    receive::{Head, passed_on},
    shared::{Place, Shared},
};
use buttress_llm::{
    AnswerBody, Encoded, EventPipe, EventStream, LlmError, LlmRequest, LlmResponse, StreamEvent,
    TransportError,
};
use buttress_timeout::Stopwatch;
use futures_core::Stream;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::timeout;

/// How much is held back at most before the first content, in bytes. What comes then without
/// content is thinking, or a provider that keeps talking about nothing: it is given as it is.
const MAX_HELD: usize = 256 << 10;

/// Resolves at the commit point, or fails before.
pub(crate) async fn open(
    shared: &Shared,
    place: &Place,
    request: &LlmRequest,
    encoded: &Encoded,
    head: Head,
    body: Incoming,
    watch: Stopwatch,
) -> Result<LlmResponse, LlmError> {
    let to = request.dialect();
    let pipe = EventPipe::new(place.target.dialect(), to)
        .provider(shared.provider)
        .max_event(shared.max_event)
        .include_usage(request.includes_usage())
        .hide_usage(encoded.hide_usage);
    let mut upstream = Upstream {
        pipe,
        body: Some(body),
        watch,
    };

    let mut held = VecDeque::new();
    let mut bytes = 0;
    while let Some(event) = poll_fn(|cx| upstream.poll_event(cx)).await {
        let event = event?;
        let committed = event.content || event.is_last();
        bytes += event.frame.len();
        held.push_back(event);
        if committed || bytes > MAX_HELD {
            break;
        }
    }
    let stream = EventStream::new(Given { held, upstream });
    let body = AnswerBody::Stream(stream);
    Ok(LlmResponse::new(to, place.model(request), body).headers(passed_on(&head.headers)))
}

/// What was held back, and then what comes.
struct Given {
    held: VecDeque<StreamEvent>,
    upstream: Upstream,
}

impl Stream for Given {
    type Item = Result<StreamEvent, LlmError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.held.pop_front() {
            Some(event) => Poll::Ready(Some(Ok(event))),
            None => self.upstream.poll_event(cx),
        }
    }
}

/// A provider's stream.
struct Upstream {
    pipe: EventPipe,
    /// Dropped, and with it the connection, as soon as there is nothing more to read.
    body: Option<Incoming>,
    watch: Stopwatch,
}

impl Upstream {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<StreamEvent, LlmError>>> {
        loop {
            if let Some(event) = self.pipe.next_event() {
                match &event {
                    Ok(event) if event.progress => self.watch.content(),
                    Ok(_) => {}
                    Err(_) => self.body = None,
                }
                return Poll::Ready(Some(event));
            }
            if self.pipe.is_over()
                && let Some(body) = self.body.take()
            {
                let_end(body);
            }
            let Some(body) = &mut self.body else {
                return Poll::Ready(None);
            };
            let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) else {
                let elapsed = ready!(self.watch.poll_elapsed(cx));
                self.body = None;
                return Poll::Ready(Some(Err(elapsed.into())));
            };
            match frame {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.pipe.push(data);
                    }
                }
                Some(Err(error)) => self.close(Some(transport_error(&error))),
                None => self.close(None),
            }
        }
    }

    fn close(&mut self, error: Option<TransportError>) {
        self.body = None;
        self.pipe.close(error);
    }
}

/// Gives a connection whose stream has told its end a moment to end as well, so that it can go
/// back to the pool. Dropping the body here would close it.
fn let_end(mut body: Incoming) {
    const MOMENT: Duration = Duration::from_secs(1);
    tokio::spawn(timeout(MOMENT, async move {
        // Nothing is to be expected; what comes all the same is not read for ever.
        for _ in 0..16 {
            if !matches!(body.frame().await, Some(Ok(_))) {
                break;
            }
        }
    }));
}
