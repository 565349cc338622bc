//! What long streams and large answers take of memory: no more than short and small ones.
//!
//! What is counted is what the test's own thread holds at its peak. All of a test runs on it: a
//! provider, the gateway and its caller as tasks of one runtime.

use allocation_counter::measure;
use buttress::{
    client::LlmClient,
    llm::{Dialect, EventPipe, LlmError, LlmRequest, Provider, TransportError},
};
use buttress_testkit::Dialect as Spoken;
use buttress_tests::{Mode, Setup};
use bytes::Bytes;
use std::{
    iter,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tower::ServiceExt;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// A stream of text: how it begins, one event, again and again, and how it ends.
#[derive(Clone, Copy)]
struct Stream {
    start: &'static str,
    event: &'static str,
    end: &'static str,
}

const CHAT: Stream = Stream {
    start: "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
    event: "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word\"}}]}\n\n",
    end: "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
};

const MESSAGES: Stream = Stream {
    start: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"m\",\"role\":\"assistant\",\"content\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    event: "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"word\"}}\n\n",
    end: "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
};

impl Stream {
    fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenAiChat => CHAT,
            Dialect::AnthropicMessages => MESSAGES,
            other => unreachable!("{other} is not streamed here"),
        }
    }

    /// In pieces that end anywhere, with so many events, each of which says this, as JSON.
    fn pieces(self, events: usize, says: &str) -> impl Iterator<Item = Bytes> {
        const AT_ONCE: usize = 8;
        let event = self.event.replace("word", says);
        let many: Bytes = event.repeat(AT_ONCE).into();
        let cuts = [many.slice(..event.len() / 2), many.slice(event.len() / 2..)];
        iter::once(self.start.into())
            .chain((0..events / AT_ONCE).flat_map(move |_| cuts.clone()))
            .chain(iter::once(self.end.into()))
    }
}

/// A text as JSON has it, and its length. What has no escapes is read by the shape of its event.
const WORD: (&str, usize) = ("word", 4);
const LINE: (&str, usize) = ("word\\n", 5);

/// What is held at the peak of such a stream's way through a pipe.
fn peak_of_pipe(from: Dialect, to: Dialect, events: usize, (says, bytes): (&str, usize)) -> u64 {
    let measured = measure(|| {
        let mut pipe = EventPipe::new(from, to);
        let mut given = 0;
        for piece in Stream::of(from).pieces(events, says) {
            // Of its own, as what comes from a socket is.
            pipe.push(Bytes::copy_from_slice(&piece));
            while let Some(event) = pipe.next_event() {
                let text = event.expect("a good stream").text;
                given += text.map_or(0, |text| text.len());
            }
        }
        assert!(pipe.is_over());
        assert_eq!(given, events * bytes);
    });
    measured.bytes_max
}

#[track_caller]
fn assert_constant(from: Dialect, to: Dialect) {
    for says in [WORD, LINE] {
        let short = peak_of_pipe(from, to, 100_000, says);
        let long = peak_of_pipe(from, to, 1_000_000, says);
        assert_eq!(long, short, "{from} → {to}");
        assert!(long < 16 * KIB, "{from} → {to}: {long}");
    }
}

#[test]
fn a_million_events_pass_in_constant_memory() {
    assert_constant(Dialect::OpenAiChat, Dialect::OpenAiChat);
    assert_constant(Dialect::AnthropicMessages, Dialect::AnthropicMessages);
}

#[test]
fn a_million_events_cross_from_chat_in_constant_memory() {
    assert_constant(Dialect::OpenAiChat, Dialect::AnthropicMessages);
}

#[test]
fn a_million_events_cross_from_messages_in_constant_memory() {
    assert_constant(Dialect::AnthropicMessages, Dialect::OpenAiChat);
}

/// A larger one is held up to the limit, in a buffer that grows by doubling, and then not at all.
#[test]
fn an_event_without_an_end_is_not_held() {
    const LIMIT: usize = 64 << 10;
    let piece = "x".repeat(4 << 10);
    for to in [Dialect::OpenAiChat, Dialect::AnthropicMessages] {
        let measured = measure(|| {
            let mut pipe = EventPipe::new(Dialect::OpenAiChat, to).max_event(LIMIT);
            pipe.push("data: {\"choices\":[{\"delta\":{\"content\":\"".into());
            let mut error = None;
            for _ in 0..100 * MIB / 4 / KIB {
                pipe.push(Bytes::copy_from_slice(piece.as_bytes()));
                error = error.or(pipe.next_event());
            }
            assert!(
                matches!(error, Some(Err(LlmError::Truncated(_)))),
                "{error:?}"
            );
        });
        assert!(
            measured.bytes_max < 4 * LIMIT as u64,
            "{}",
            measured.bytes_max
        );
    }
}

/// A provider that answers each request with these pieces, in chunks, and counts the bytes that it
/// could write.
async fn provider<I>(
    kind: &'static str,
    pieces: impl Fn() -> I + Send + 'static,
) -> (String, Arc<AtomicUsize>)
where
    I: Iterator<Item = Bytes> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.expect("a caller");
            // Whoever has enough closes the connection.
            let _ = answer(&mut socket, kind, pieces(), &count).await;
        }
    });
    (format!("http://{address}"), written)
}

async fn answer(
    socket: &mut TcpStream,
    kind: &str,
    pieces: impl Iterator<Item = Bytes>,
    count: &AtomicUsize,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    // They are small, and end like this.
    while !request.ends_with(b"}") {
        socket.read_buf(&mut request).await?;
    }
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n");
    socket.write_all(head.as_bytes()).await?;
    let mut chunks = Vec::new();
    for piece in pieces {
        chunks.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        chunks.extend_from_slice(&piece);
        chunks.extend_from_slice(b"\r\n");
        if chunks.len() >= 16 << 10 {
            socket.write_all(&chunks).await?;
            count.fetch_add(chunks.len(), Ordering::Relaxed);
            chunks.clear();
        }
    }
    chunks.extend_from_slice(b"0\r\n\r\n");
    socket.write_all(&chunks).await
}

/// What is held at the peak while this runs.
fn peak(run: impl AsyncFnOnce()) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    measure(|| runtime.block_on(run())).bytes_max
}

/// What the sockets' buffers of the gateway, of its provider and of its caller come to: those of
/// HTTP/1 grow to some 400 KB, each for itself.
const BUFFERS: u64 = 4 * MIB;

/// What is held at the peak while the gateway passes this on, and how much of it came.
fn peak_of_gateway<I>(
    caller: Spoken,
    speaks: Spoken,
    pieces: impl Fn() -> I + Send + 'static,
) -> (u64, usize)
where
    I: Iterator<Item = Bytes> + Send,
{
    let mut came = 0;
    let held = peak(async || {
        let (url, _) = provider("text/event-stream", pieces).await;
        let gateway = Setup::new().route("only", speaks, url).start().await;
        let mode = Mode {
            caller,
            provider: speaks,
            stream: true,
        };
        let mut open = gateway.open(mode).await;
        let mut last = Bytes::new();
        while let Some(piece) = open.piece().await.expect("no break") {
            came += piece.len();
            last = piece;
        }
        let last = String::from_utf8_lossy(&last);
        assert!(
            last.contains(mode.caller("[DONE]", "message_stop")),
            "{last}"
        );
    });
    (held, came)
}

#[test]
fn a_long_stream_passes_through_the_gateway_in_constant_memory() {
    let through = |events| {
        peak_of_gateway(Spoken::OpenAi, Spoken::OpenAi, move || {
            CHAT.pieces(events, WORD.0)
        })
    };
    let (short, _) = through(50_000);
    let (long, came) = through(500_000);
    assert!(came > 30_000_000, "{came}");
    assert!(short < BUFFERS && long < BUFFERS, "{short}, {long}");
}

#[test]
fn a_long_stream_crosses_in_the_gateway_in_constant_memory() {
    let through = |events| {
        peak_of_gateway(Spoken::OpenAi, Spoken::Anthropic, move || {
            MESSAGES.pieces(events, WORD.0)
        })
    };
    let (short, _) = through(20_000);
    let (long, came) = through(200_000);
    assert!(came > 14_000_000, "{came}");
    assert!(short < BUFFERS && long < BUFFERS, "{short}, {long}");
}

/// Events of 64 KB, as whole calls of tools are.
fn large(mib: u64) -> impl Iterator<Item = Bytes> {
    let text = "x".repeat(64 << 10);
    let event: Bytes = CHAT.event.replace("word", &text).into();
    iter::once(CHAT.start.into())
        .chain(iter::repeat_n(
            event,
            usize::try_from(mib * 16).expect("a few"),
        ))
        .chain(iter::once(CHAT.end.into()))
}

#[test]
fn a_stream_of_100_mb_passes_through_the_gateway_in_constant_memory() {
    let (short, _) = peak_of_gateway(Spoken::OpenAi, Spoken::OpenAi, || large(10));
    let (long, came) = peak_of_gateway(Spoken::OpenAi, Spoken::OpenAi, || large(100));
    assert!(came as u64 > 100 * MIB, "{came}");
    assert!(short < BUFFERS && long < BUFFERS, "{short}, {long}");
}

/// Nothing is read ahead for a caller who does not read.
#[test]
fn a_caller_who_does_not_read_makes_the_provider_wait() {
    let held = peak(async || {
        let (url, written) = provider("text/event-stream", || large(1000)).await;
        let gateway = Setup::new()
            .route("only", Spoken::OpenAi, url)
            .start()
            .await;
        let mode = Mode {
            caller: Spoken::OpenAi,
            provider: Spoken::OpenAi,
            stream: true,
        };
        let _open = gateway.open(mode).await;
        let mut before = 0;
        let stood = loop {
            sleep(Duration::from_millis(500)).await;
            let now = written.load(Ordering::Relaxed);
            if now == before {
                break now;
            }
            before = now;
        };
        // What the kernel's buffers take between them.
        assert!((stood as u64) < 100 * MIB, "{stood}");
    });
    assert!(held < BUFFERS, "{held}");
}

/// A whole answer is held whole, since it is judged before it is given: up to a limit.
#[test]
fn a_json_answer_of_100_mb_is_not_held_above_the_limit() {
    const LIMIT: usize = 1 << 20;
    let json = || {
        let start = "{\"choices\":[{\"message\":{\"content\":\"";
        let piece: Bytes = "x".repeat(64 << 10).into();
        let pieces = iter::repeat_n(piece, usize::try_from(1600).expect("a few"));
        iter::once(start.into())
            .chain(pieces)
            .chain(iter::once("\"}}]}".into()))
    };
    let held = peak(async || {
        let (url, _) = provider("application/json", json).await;
        let client = LlmClient::builder(Provider::OpenAi)
            .base_url(url)
            .max_answer(LIMIT);
        let client = client.build().expect("a client").model("m");
        let request = LlmRequest::chat("m")
            .user("Hello?")
            .build()
            .expect("a request");
        let error = client.oneshot(request).await.expect_err("too large");
        let LlmError::Transport { error, source, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(error, TransportError::TooLarge);
        let source = source.map(|source| source.to_string());
        assert_eq!(
            source.as_deref(),
            Some("the answer is larger than 1048576 bytes")
        );
    });
    assert!(held < 2 * LIMIT as u64 + BUFFERS, "{held}");
}
