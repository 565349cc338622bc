//! Streamed answers: held back until the first content is there, then given as they come.

use crate::{
    Commit,
    fault::transport_error,
    receive::{Head, Opened},
    secret::Secrets,
    shared::Asked,
};
use buttress_llm::{
    AnswerBody, Dialect, Encoded, EventPipe, EventStream, LlmError, LlmRequest, LlmResponse,
    StreamEvent, TransportError, passed_on,
};
use buttress_timeout::Stopwatch;
use bytes::Bytes;
use futures_core::Stream;
use http_body_util::BodyExt;
use hyper::body::Body;
use std::{
    collections::VecDeque,
    error::Error,
    future::poll_fn,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::timeout;

/// How much is read at a time without asking for the time. Who always has something to say, even
/// if it is nothing, would otherwise never be late.
const READ_AT_ONCE: u32 = 64;

/// Resolves at the commit point, or fails before.
pub(crate) async fn open(
    Asked { shared, place }: &Asked,
    spoken: Dialect,
    request: &LlmRequest,
    encoded: &Encoded,
    head: Head,
    body: Opened,
    watch: Stopwatch,
) -> Result<LlmResponse, LlmError> {
    let to = request.dialect();
    let pipe = EventPipe::new(spoken, to)
        .provider(shared.provider)
        .include_usage(request.includes_usage())
        .hide_usage(encoded.hide_usage)
        .json_tool(encoded.json_tool)
        .echoes(encoded.echoes)
        .hold();
    let mut pipe = match shared.max_event {
        Some(bytes) => pipe.max_event(bytes),
        None => pipe,
    };
    pipe.push(body.start);
    let upstream = Upstream {
        pipe,
        body: Some(body.rest),
        secrets: shared.secrets.clone(),
        watch,
        read: 0,
    };
    let stream = EventStream::new(hold(upstream, place.commit, place.max_held).await?);
    let body = AnswerBody::Stream(stream);
    Ok(LlmResponse::new(to, place.model(request), body).headers(passed_on(&head.headers)))
}

/// Holds back what comes before the commit point.
async fn hold<B: Source>(
    mut upstream: Upstream<B>,
    commit: Commit,
    max_held: usize,
) -> Result<Given<B>, LlmError> {
    let mut held = VecDeque::new();
    let mut bytes = 0;
    while let Some(event) = poll_fn(|cx| upstream.poll_event(cx)).await {
        let event = event?;
        let committed = commit.is_at(&event, upstream.pipe.summary());
        bytes += mem::size_of::<StreamEvent>() + event.frame.len();
        held.push_back(event);
        if committed || bytes > max_held {
            break;
        }
    }
    upstream.pipe.give_out();
    Ok(Given { held, upstream })
}

/// The body of an answer.
trait Source: Body<Data = Bytes, Error: Error + Send> + Send + Unpin + 'static {}

impl<B: Body<Data = Bytes, Error: Error + Send> + Send + Unpin + 'static> Source for B {}

/// What was held back, and then what comes.
struct Given<B> {
    held: VecDeque<StreamEvent>,
    upstream: Upstream<B>,
}

impl<B: Source> Stream for Given<B> {
    type Item = Result<StreamEvent, LlmError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.held.pop_front() {
            Some(event) => Poll::Ready(Some(Ok(event))),
            None => self.upstream.poll_event(cx),
        }
    }
}

/// A provider's stream.
struct Upstream<B> {
    pipe: EventPipe,
    /// Dropped, and with it the connection, as soon as there is nothing more to read.
    body: Option<B>,
    secrets: Secrets,
    watch: Stopwatch,
    /// How much was read since the time was asked for: events, and pieces of the body.
    read: u32,
}

impl<B: Source> Upstream<B> {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<StreamEvent, LlmError>>> {
        loop {
            self.read += 1;
            if self.read > READ_AT_ONCE && self.body.is_some() {
                let late = ready!(self.poll_late_or_yield(cx));
                if let Some(late) = self.late(late) {
                    return Poll::Ready(Some(Err(late)));
                }
            }
            let event = self.pipe.next_event();
            if self.pipe.take_progress() {
                self.watch.content();
            }
            if let Some(event) = event {
                if event.is_err() {
                    self.body = None;
                }
                let event = event.map_err(|error| self.secrets.redact(error));
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
                let late = ready!(self.poll_late(cx));
                if let Some(late) = self.late(late) {
                    return Poll::Ready(Some(Err(late)));
                }
                continue;
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

    /// The stream is late: that is a failure unless the answer is complete, and only the marker at
    /// the end missing. A server that does not close after its last word has said it.
    fn late(&mut self, late: LlmError) -> Option<LlmError> {
        self.body = None;
        if self.pipe.summary().is_complete() {
            self.pipe.close(None);
            return None;
        }
        Some(late)
    }

    /// The limit that has passed, once one has.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<LlmError> {
        self.read = 0;
        let elapsed = ready!(self.watch.poll_elapsed(cx));
        Poll::Ready(elapsed.into())
    }

    /// The same where there is more to read. The timers run, and other tasks, when this one lets
    /// them.
    fn poll_late_or_yield(&mut self, cx: &mut Context<'_>) -> Poll<LlmError> {
        let late = self.poll_late(cx);
        if late.is_pending() {
            cx.waker().wake_by_ref();
        }
        late
    }

    fn close(&mut self, error: Option<TransportError>) {
        self.body = None;
        self.pipe.close(error);
    }
}

/// Gives a connection whose stream has told its end a moment to end as well, so that it can go
/// back to the pool. Dropping the body here would close it.
fn let_end<B: Source>(mut body: B) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use buttress_core::Phase;
    use buttress_llm::Dialect;
    use buttress_timeout::Limits;
    use futures_util::{FutureExt, StreamExt};
    use http::HeaderMap;
    use hyper::body::Frame;
    use std::convert::Infallible;
    use tokio::time::{Instant, advance};

    /// A body that always has one piece more. It ends in the end, so that a test does as well.
    struct Flood<F> {
        next: F,
        left: u32,
    }

    fn flood<F: FnMut() -> Bytes>(next: F) -> Flood<F> {
        let left = 1_000_000;
        Flood { next, left }
    }

    impl<F: FnMut() -> Bytes + Unpin> Body for Flood<F> {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let Some(left) = self.left.checked_sub(1) else {
                return Poll::Ready(None);
            };
            self.left = left;
            Poll::Ready(Some(Ok(Frame::data((self.next)()))))
        }
    }

    const MAX_HELD: usize = crate::LlmClient::MAX_HELD;
    const COMMENT: Bytes = Bytes::from_static(b": keep-alive\n\n");
    const CONTENT: Bytes = Bytes::from_static(
        b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n",
    );

    fn upstream<B: Source>(body: B, to: Dialect, limits: Limits) -> Upstream<B> {
        Upstream {
            pipe: EventPipe::new(Dialect::OpenAiChat, to),
            body: Some(body),
            secrets: Secrets::new(None, &HeaderMap::new()),
            watch: Stopwatch::start(limits, None),
            read: 0,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_comments_keeps_no_dead_stream_alive() {
        const LIMIT: Duration = Duration::from_secs(10);
        let limits = Limits::none().idle(LIMIT);
        // Comments are given out in the one case, and left out in the other.
        for to in Dialect::ALL {
            let mut said = Some(CONTENT);
            let body = flood(move || said.take().unwrap_or(COMMENT));
            let mut given = hold(upstream(body, to, limits), Commit::Content, MAX_HELD)
                .await
                .unwrap();
            let start = Instant::now();
            let error = loop {
                match given.next().now_or_never() {
                    Some(Some(Ok(_))) => {}
                    Some(Some(Err(error))) => break error,
                    Some(None) => panic!("it has no end"),
                    None => advance(Duration::from_secs(1)).await,
                }
                assert!(start.elapsed() < 2 * LIMIT, "still alive");
            };
            let LlmError::Elapsed(elapsed) = error else {
                panic!("{error}");
            };
            assert_eq!((elapsed.phase, elapsed.limit), (Phase::Idle, LIMIT));
            assert!(given.next().now_or_never().is_some_and(|end| end.is_none()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_never_pauses_ends_in_time() {
        const LIMIT: Duration = Duration::from_secs(10);
        let limits = Limits::none().attempt(LIMIT);
        let upstream = upstream(flood(|| CONTENT), Dialect::OpenAiChat, limits);
        let mut given = hold(upstream, Commit::Content, MAX_HELD).await.unwrap();
        advance(LIMIT).await;
        let error = loop {
            if let Err(error) = given.next().await.unwrap() {
                break error;
            }
        };
        assert!(matches!(error, LlmError::Elapsed(_)), "{error}");
    }

    /// A body that gives these pieces and then nothing for ever.
    struct Silent(VecDeque<Bytes>);

    impl Body for Silent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.0.pop_front() {
                Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
                None => Poll::Pending,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_its_last_word_and_does_not_close_has_said_it() {
        const STOP: Bytes = Bytes::from_static(
            b"data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        );
        let limits = Limits::none().idle(Duration::from_secs(10));
        for to in Dialect::ALL {
            let body = Silent([CONTENT, STOP].into());
            let upstream = upstream(body, to, limits);
            let mut given = hold(upstream, Commit::Content, MAX_HELD).await.unwrap();
            while let Some(event) = given.next().await {
                assert!(event.is_ok(), "{to}");
            }
            let unfinished = Silent([CONTENT].into());
            let upstream = self::upstream(unfinished, to, limits);
            let mut given = hold(upstream, Commit::Content, MAX_HELD).await.unwrap();
            let mut late = false;
            while let Some(event) = given.next().await {
                late = event.is_err();
            }
            assert!(late, "{to}");
        }
    }

    #[tokio::test]
    async fn tiny_events_are_held_back_within_bounds_as_well() {
        let tiny = flood(|| Bytes::from_static(b":\n\n"));
        let upstream = upstream(tiny, Dialect::OpenAiChat, Limits::none());
        let given = hold(upstream, Commit::Content, MAX_HELD).await.unwrap();
        let memory = given.held.len() * mem::size_of::<StreamEvent>();
        assert!(
            memory <= MAX_HELD + mem::size_of::<StreamEvent>(),
            "{memory}"
        );
        // Enough for a provider that has a lot to say before it begins.
        assert!(given.held.len() > 500, "{}", given.held.len());
    }

    /// These pieces, and then the end of the body.
    struct Pieces(VecDeque<Bytes>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
        }
    }

    const TEXT: &str = r#"{"content":"12345678"}"#;
    const CALL: &str = r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f"}}]}"#;

    /// How much of such a stream is held back, or why it failed before.
    async fn held(commit: Commit, deltas: &[&str], finish: bool) -> Result<usize, LlmError> {
        let chunk = |delta: &str, finish: &str| {
            format!(
                "data: {{\"choices\":[{{\"index\":0,\"delta\":{delta},\
                 \"finish_reason\":{finish}}}]}}\n\n"
            )
        };
        let mut pieces: VecDeque<Bytes> = deltas
            .iter()
            .map(|delta| chunk(delta, "null").into())
            .collect();
        if finish {
            pieces.push_back(chunk("{}", "\"stop\"").into());
            pieces.push_back("data: [DONE]\n\n".into());
        }
        let mut upstream = upstream(Pieces(pieces), Dialect::OpenAiChat, Limits::none());
        upstream.pipe = upstream.pipe.hold();
        let given = hold(upstream, commit, MAX_HELD).await?;
        Ok(given.held.len())
    }

    #[tokio::test]
    async fn what_is_held_back_is_a_matter_of_policy() {
        let texts = [TEXT; 5];
        let acts = [TEXT, TEXT, CALL, TEXT];
        for (commit, text, call) in [
            (Commit::Content, 1, 1),
            (Commit::Tokens(1), 1, 1),
            (Commit::Tokens(6), 3, 3),
            (Commit::Tokens(100), 7, 3),
            (Commit::ToolCall, 7, 3),
            (Commit::Complete, 7, 6),
        ] {
            assert_eq!(
                held(commit, &texts, true).await.unwrap(),
                text,
                "{commit:?}"
            );
            assert_eq!(held(commit, &acts, true).await.unwrap(), call, "{commit:?}");
        }
    }

    #[tokio::test]
    async fn what_breaks_while_it_is_held_back_may_be_asked_for_again() {
        for commit in [Commit::Tokens(100), Commit::ToolCall, Commit::Complete] {
            let error = held(commit, &[TEXT, TEXT], false).await.unwrap_err();
            assert!(error.verdict().retry_same, "{commit:?}: {error}");
        }
        // Given out, it can't be taken back.
        let upstream = Upstream {
            pipe: EventPipe::new(Dialect::OpenAiChat, Dialect::OpenAiChat).hold(),
            ..upstream(
                Pieces([CONTENT].into()),
                Dialect::OpenAiChat,
                Limits::none(),
            )
        };
        let mut given = hold(upstream, Commit::Content, MAX_HELD).await.unwrap();
        assert!(given.next().await.unwrap().is_ok());
        let error = given.next().await.unwrap().unwrap_err();
        assert!(!error.verdict().retry_same, "{error}");
    }
}
