use super::{
    TARGET, TraceLayer, Traces, content,
    spans::{CallSpans, error_type},
};
use buttress_core::{Call, Carry, Failure, Witness};
use buttress_llm::{AnswerBody, Dialect, LlmError, LlmRequest, LlmResponse, Said, Stop, Usage};
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower::Service;
use tracing::{Level, Span, dispatcher, field::Empty, span};

/// The service that [`TraceLayer`] makes. It is ready when the inner one is.
#[derive(Clone, Debug)]
pub struct Traced<S> {
    inner: S,
    layer: TraceLayer,
}

impl<S> Traced<S> {
    pub(super) const fn new(inner: S, layer: TraceLayer) -> Self {
        Self { inner, layer }
    }

    /// The inner service.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S> Service<LlmRequest> for Traced<S>
where
    S: Service<LlmRequest, Response = LlmResponse, Error = LlmError>,
{
    type Response = LlmResponse;
    type Error = LlmError;
    type Future = TracedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LlmError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: LlmRequest) -> Self::Future {
        let running = Running::begin(&self.layer, &mut request);
        TracedFuture {
            inner: self.inner.call(request),
            running,
        }
    }
}

pin_project! {
    /// The future of a [`Traced`] service.
    ///
    /// # Cancellation
    /// The span of one that is dropped before it resolves ends then, as abandoned.
    #[must_use = "futures do nothing unless polled"]
    pub struct TracedFuture<F> {
        #[pin]
        inner: F,
        // Nothing when it has resolved, or is not traced.
        running: Option<Running>,
    }
}

impl<F> Future for TracedFuture<F>
where
    F: Future<Output = Result<LlmResponse, LlmError>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx));
        Poll::Ready(match this.running.take() {
            Some(running) => running.resolved(result),
            None => result,
        })
    }
}

impl<F> fmt::Debug for TracedFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracedFuture").finish_non_exhaustive()
    }
}

/// A call that is under way, and traced. One that is dropped before it has ended was abandoned.
struct Running {
    spans: Arc<CallSpans>,
    call: Call,
    content: bool,
    ended: bool,
}

impl Running {
    /// Nothing, where nobody wants to know.
    fn begin(layer: &TraceLayer, request: &mut LlmRequest) -> Option<Self> {
        let traces = layer.traces.as_ref()?;
        let span = traces.span(request);
        if span.is_disabled() {
            return None;
        }
        if let Some(begun) = &layer.begun {
            begun(&span);
        }
        if traces.content {
            let messages = content::asked(request);
            span.record("gen_ai.input.messages", messages.as_deref());
        }
        let spans = CallSpans::new(span, traces.places.clone(), traces.propagate);
        let spans = Arc::new(spans);
        let call = request.call_or(Call::new);
        call.listen(Arc::clone(&spans) as _);
        Some(Self {
            spans,
            call: call.clone(),
            content: traces.content,
            ended: false,
        })
    }

    fn resolved(mut self, result: Result<LlmResponse, LlmError>) -> Result<LlmResponse, LlmError> {
        match result {
            Ok(response) => Ok(self.answered(response)),
            Err(error) => {
                self.end(Err(error.kind().as_str()));
                Err(error)
            }
        }
    }

    fn answered(mut self, mut response: LlmResponse) -> LlmResponse {
        let LlmResponse {
            route, model, body, ..
        } = &response;
        let streams = matches!(body, AnswerBody::Stream(_));
        self.spans.answered(route.as_ref(), model, streams);
        match response.body {
            AnswerBody::Json(json) => {
                self.spans.with(|span| {
                    record_usage(span, &response.usage);
                    let Ok(said) = Said::read(response.dialect, &json) else {
                        return;
                    };
                    record_finish(span, said.finish.as_ref().map(|finish| finish.stop));
                    if self.content {
                        span.record("gen_ai.output.messages", content::answered(&said));
                    }
                });
                self.end(Ok(()));
                response.body = AnswerBody::Json(json);
            }
            AnswerBody::Stream(mut stream) => {
                let spans = Arc::clone(&self.spans);
                if self.content {
                    stream = content::Read::of(stream, response.dialect, Arc::clone(&spans));
                }
                stream.tally(move |tally| {
                    spans.with(|span| {
                        record_usage(span, &tally.usage);
                        record_finish(span, tally.finish);
                    });
                });
                stream.watch(self);
                response.body = AnswerBody::Stream(stream);
            }
        }
        response
    }

    fn end(&mut self, outcome: Result<(), &'static str>) {
        let status = match outcome {
            Err(_) => "failure",
            Ok(()) if self.call.went_on() => "fallback",
            Ok(()) if self.call.attempts() > 1 => "retry",
            Ok(()) => "success",
        };
        self.end_as(status, outcome.err());
    }

    fn end_as(&mut self, status: &'static str, error: Option<&'static str>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        if matches!(status, "failure" | "abandoned") {
            // Heard by the spans while they are there.
            self.call.ended();
        }
        self.spans.end(error.is_some(), |span| {
            span.record("buttress.status", status);
            span.record("buttress.attempts", i64::from(self.call.attempts()));
            span.record("buttress.waited", self.call.total_waited().as_secs_f64());
            if let Some(error) = error {
                span.record("error.type", error);
                span.record("otel.status_code", "ERROR");
            }
        });
    }
}

/// Hears how a stream ended.
impl Witness for Running {
    fn settled(mut self, outcome: Result<(), Failure>) {
        self.end(outcome.map_err(|failure| error_type(&failure)));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end_as("abandoned", None);
    }
}

impl Traces {
    /// The span of a call for this request.
    fn span(&self, request: &LlmRequest) -> Span {
        match &self.dispatch {
            Some(dispatch) => dispatcher::with_default(dispatch, || call_span(request)),
            None => call_span(request),
        }
    }
}

fn call_span(request: &LlmRequest) -> Span {
    let operation = match request.dialect() {
        Dialect::Gemini => "generate_content",
        _ => "chat",
    };
    span!(
        target: TARGET, Level::INFO, "chat",
        otel.name = %format_args!("{operation} {}", shortened(request.model())),
        otel.kind = "client",
        otel.status_code = Empty,
        gen_ai.operation.name = operation,
        gen_ai.provider.name = Empty,
        gen_ai.conversation.id = request.own_session().map(|session| &**session.id()),
        gen_ai.request.model = shortened(request.model()),
        gen_ai.request.stream = request.streams(),
        gen_ai.request.max_tokens = request.max_tokens().map(number),
        gen_ai.response.model = Empty,
        gen_ai.response.finish_reasons = Empty,
        gen_ai.response.time_to_first_chunk = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.usage.cache_read.input_tokens = Empty,
        gen_ai.usage.cache_write.input_tokens = Empty,
        gen_ai.usage.reasoning.output_tokens = Empty,
        gen_ai.input.messages = Empty,
        gen_ai.output.messages = Empty,
        server.address = Empty,
        server.port = Empty,
        "error.type" = Empty,
        buttress.request_id = Empty,
        buttress.route = Empty,
        buttress.status = Empty,
        buttress.attempts = Empty,
        buttress.waited = Empty,
    )
}

fn record_usage(span: &Span, usage: &Usage) {
    for (field, tokens) in [
        ("gen_ai.usage.input_tokens", usage.input),
        ("gen_ai.usage.output_tokens", usage.output),
        ("gen_ai.usage.cache_read.input_tokens", usage.cached),
        ("gen_ai.usage.cache_write.input_tokens", usage.cache_written),
        ("gen_ai.usage.reasoning.output_tokens", usage.reasoning),
    ] {
        span.record(field, tokens.map(number));
    }
}

fn record_finish(span: &Span, finish: Option<Stop>) {
    span.record("gen_ai.response.finish_reasons", finish.map(Stop::as_str));
}

/// As OpenTelemetry counts.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Of what a caller wrote this much is told, at most.
fn shortened(text: &str) -> &str {
    const MOST: usize = 128;
    text.get(..text.floor_char_boundary(MOST)).unwrap_or(text)
}
