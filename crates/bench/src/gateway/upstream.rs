//! A provider that answers at once, in the dialect in which it is asked: a small answer, or a
//! long stream of chat completions.

use buttress_llm::{AnswerTranslator, Dialect};
use futures_core::Stream;
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::{
    Request, Response,
    body::{Bytes, Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::net::TcpListener;

const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1787572800,"model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":"Hello there, how can I help you today?","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":10,"total_tokens":19}}"#;

/// The model whose answer is a stream that is written event by event.
pub(super) const ONE_BY_ONE: &str = "stream-one-by-one";
/// The model whose answer is a stream of which this many events are written at a time.
pub(super) const IN_GROUPS: &str = "stream-in-groups";
pub(super) const GROUP: usize = 16;
/// Of one stream: some 10 MB.
pub(super) const EVENTS: usize = 40_000;

#[tokio::main(flavor = "current_thread")]
pub(super) async fn run() {
    let answers = Dialect::ALL.map(|dialect| {
        let answer = AnswerTranslator::new(Dialect::OpenAiChat, dialect).write(&ANSWER.into());
        (dialect, answer.expect("an answer that can cross"))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("http://{}", listener.local_addr().expect("an address"));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let answers = answers.clone();
        let service = service_fn(move |request| answer(answers.clone(), request));
        tokio::spawn(async move {
            let _ = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

type Answers = [(Dialect, Bytes); 4];

async fn answer(
    answers: Answers,
    request: Request<Incoming>,
) -> Result<Response<Either<Full<Bytes>, StreamBody<Events>>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let body = body.unwrap_or_default();
    // The model stands at the start of what the load asks.
    let start = String::from_utf8_lossy(&body[..body.len().min(256)]);
    let group = match () {
        () if start.contains(ONE_BY_ONE) => Some(1),
        () if start.contains(IN_GROUPS) => Some(GROUP),
        () => None,
    };
    let (body, kind) = match group {
        Some(group) => {
            let events = Events::new(group);
            (Either::Right(StreamBody::new(events)), "text/event-stream")
        }
        None => {
            let path = head.uri.path();
            let spoken = |dialect: Dialect| match dialect {
                Dialect::Gemini => path.ends_with(":generateContent"),
                other => path.ends_with(&*other.path("", false)),
            };
            let found = answers.into_iter().find(|(dialect, _)| spoken(*dialect));
            let (_, answer) = found.expect("the path of a dialect");
            (Either::Left(Full::new(answer)), "application/json")
        }
    };
    let mut response = Response::new(body);
    let kind = http::HeaderValue::from_static(kind);
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, kind);
    Ok(response)
}

/// A stream of events, each group of which is written before the next one is made.
struct Events {
    first: Option<Bytes>,
    group: Bytes,
    groups: usize,
    last: Option<Bytes>,
    /// The last group was given, and is to be written.
    given: bool,
}

impl Events {
    fn new(group: usize) -> Self {
        let first = chunk(
            r#"{"role":"assistant","content":"","refusal":null}"#,
            "null",
        );
        let words = [
            " the", " stream", " is", " read", "\\n", " and", " then", ".",
        ];
        let words = words.iter().cycle().take(group);
        let group_of = words.map(|word| chunk(&format!("{{\"content\":\"{word}\"}}"), "null"));
        let last = chunk("{}", "\"stop\"") + "data: [DONE]\n\n";
        Self {
            first: Some(first.into()),
            group: group_of.collect::<String>().into(),
            groups: EVENTS / group,
            last: Some(last.into()),
            given: false,
        }
    }
}

fn chunk(delta: &str, finish: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-CfT4vQm0n8ZzJ1pE5uYwXkLhRs2Ga\",\
         \"object\":\"chat.completion.chunk\",\"created\":1787572800,\
         \"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\",\
         \"system_fingerprint\":\"fp_51db84afab\",\"choices\":[{{\"index\":0,\
         \"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}]}}\n\n"
    )
}

impl Stream for Events {
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.given) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.given = true;
        let next = match self.first.take() {
            Some(first) => Some(first),
            None if self.groups > 0 => {
                self.groups -= 1;
                Some(self.group.clone())
            }
            None => self.last.take(),
        };
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }
}
