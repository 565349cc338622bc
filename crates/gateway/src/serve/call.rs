//! One call: read, sent through the stack of its model, answered.

use super::{
    answer, app::App, log::CallLog, page::is_json, queue, refusal::Asked, room::Taken,
    serving::Serving, session,
};
use crate::config;
use axum::{
    body::{Body, HttpBody},
    extract::Request,
    response::Response,
};
use buttress::{
    Call, Carry,
    llm::{Dialect, Kind, LlmError, LlmRequest, LlmResponse},
    queue::{Degradable, Degrade},
};
use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode, Version,
    header::{ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, EXPECT, RETRY_AFTER},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tower::{Layer, Service, ServiceExt};

/// How long a caller may send nothing more of a request's body.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a caller's SDK says in headers of how the request is to be understood. Keys, accounts and
/// everything else are between the gateway and the provider.
const FORWARDED: [HeaderName; 4] = [
    HeaderName::from_static("anthropic-beta"),
    HeaderName::from_static("anthropic-version"),
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("openai-beta"),
];

/// How many corrections of its answer a caller wants.
const CORRECTIONS: HeaderName = HeaderName::from_static("x-buttress-corrections");

/// What the address of a request says, in a dialect whose bodies do not say it.
#[derive(Clone, Copy)]
pub(super) struct Address<'a> {
    pub(super) model: &'a str,
    pub(super) stream: bool,
}

pub(super) async fn run(
    app: &App,
    dialect: Dialect,
    address: Option<Address<'_>>,
    request: Request,
) -> Response {
    let began = Instant::now();
    let (head, mut body) = request.into_parts();
    let asked = Asked::of(&head.uri, &head.headers).at(app);
    let asked = asked.speaking(dialect);
    let server = &app.server;
    // Given back when the answer is there, or has begun: the request may be needed until then.
    let mut taken = app.room.enter();
    let readable = plain(&head.headers);
    let read = match readable {
        Ok(()) => read(&mut body, server.max_body, &mut taken).await,
        Err(unread) => Err(unread),
    };
    let body = match read {
        Ok(body) => body,
        Err(unread) => {
            let (status, kind, message) = unread.tell(server);
            let mut response = asked.refuse(status, kind, &message);
            if matches!(unread, Unread::Encoded(_)) {
                const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
                response.headers_mut().insert(ACCEPT_ENCODING, IDENTITY);
            }
            if unread == Unread::NoRoom {
                const MOMENT: HeaderValue = HeaderValue::from_static("1");
                response.headers_mut().insert(RETRY_AFTER, MOMENT);
            }
            // What may still come of the body is no request. HTTP/2 ends the stream by itself.
            if head.version <= Version::HTTP_11 {
                const CLOSE: HeaderValue = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, CLOSE);
                if unread.may_go_on() && !head.headers.contains_key(EXPECT) {
                    let_end(body);
                }
            }
            return response;
        }
    };
    let parsed = match address {
        Some(Address { model, stream }) => {
            LlmRequest::parse_addressed(dialect, model, stream, body)
        }
        None => LlmRequest::parse(dialect, body),
    };
    let corrections = match corrections(&head.headers) {
        Ok(corrections) => corrections,
        Err(message) => {
            return asked.refuse(StatusCode::BAD_REQUEST, Kind::InvalidRequest, message);
        }
    };
    let mut request = match parsed {
        Ok(request) => match corrections {
            Some(corrections) => request.corrections(corrections),
            None => request,
        }
        .headers(forwarded(&head.headers)),
        Err(error) => {
            let message = format!("invalid request: {error}");
            return asked.refuse(StatusCode::BAD_REQUEST, Kind::InvalidRequest, &message);
        }
    };
    match session::of(&head.headers) {
        Ok(Some(session)) => request = request.session(session),
        Ok(None) => {}
        Err(message) => {
            return asked.refuse(StatusCode::BAD_REQUEST, Kind::InvalidRequest, message);
        }
    }
    let serving = app.serving();
    let Some(stack) = serving.stack(request.model()) else {
        let message = format!("no route serves the model {:?}", request.model());
        let asked = asked.for_model(request.model());
        return asked.refuse(StatusCode::NOT_FOUND, Kind::NotFound, &message);
    };
    let limits = &serving.config.limits;
    let mut call = Call::new().max_calls(limits.max_calls);
    if let Some(deadline) = limits.deadline {
        call = call.within(deadline);
    }
    request.set_call(call.clone());
    let log = CallLog::new(asked.id().clone(), began, request.model(), call);
    let log = log.kept_in(&serving.recent);
    let trace = app.telemetry.layer(&head.headers, log.id());
    match &app.journal {
        Some(journal) => {
            let stack = trace.layer(journal.layer(stack));
            ask(app, &serving, stack, request, &head.headers, log).await
        }
        None => {
            let stack = trace.layer(stack);
            ask(app, &serving, stack, request, &head.headers, log).await
        }
    }
}

/// Asks this service; what it can't answer is queued, if it is to be.
async fn ask<S>(
    app: &App,
    serving: &Serving,
    service: S,
    request: LlmRequest,
    headers: &HeaderMap,
    log: CallLog,
) -> Response
where
    S: Service<LlmRequest, Response = LlmResponse, Error = LlmError>,
{
    let dialect = request.dialect();
    let Some(queue) = queue::wanted(app, &serving.config.queue, headers) else {
        return match service.oneshot(request).await {
            Ok(response) => answer::success(app, serving, response, log),
            Err(error) => answer::error(dialect, &error, log),
        };
    };
    let kept = request.clone();
    let degrade = Degrade::new(service, queue.clone(), queue::Policy::new(log.id()));
    let answered = degrade.oneshot(request).await;
    match answered {
        Ok(Degradable::Answered(response)) => answer::success(app, serving, response, log),
        Ok(Degradable::Degraded(degraded)) => {
            app.metrics.degraded(&degraded.queued);
            queue::answer(&serving.config.queue.degraded, &kept, &degraded, log)
        }
        Err(error) => answer::error(dialect, &error, log),
    }
}

/// A body is read as it comes, as JSON: one that is compressed is for its caller to unpack.
fn plain(headers: &HeaderMap) -> Result<(), Unread> {
    if !is_json(headers) {
        return Err(Unread::NotJson);
    }
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    let packed = encodings.find(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    packed.map_or(Ok(()), |packed| {
        let known = ["gzip", "deflate", "br", "zstd", "compress"];
        let known = known.into_iter().find(|name| packed == name);
        Err(Unread::Encoded(known))
    })
}

/// How many corrections of its answer a caller wants, if it says so.
fn corrections(headers: &HeaderMap) -> Result<Option<u32>, &'static str> {
    let mut values = headers.get_all(CORRECTIONS).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let number = value
        .to_str()
        .ok()
        .and_then(|value| value.trim().parse().ok());
    match (number, values.next()) {
        (Some(number), None) => Ok(Some(number)),
        _ => Err("x-buttress-corrections: not a number of corrections: write 0, 1, 2, …"),
    }
}

fn forwarded(headers: &HeaderMap) -> HeaderMap {
    let mut forwarded = HeaderMap::new();
    for name in FORWARDED {
        for value in headers.get_all(&name) {
            forwarded.append(&name, value.clone());
        }
    }
    forwarded
}

/// Why a body could not be read.
#[derive(Debug, PartialEq, Eq)]
enum Unread {
    /// It is packed, like this if that is a known way.
    Encoded(Option<&'static str>),
    NotJson,
    TooLarge,
    /// Of others there is too much already.
    NoRoom,
    TooSlow,
    Broken,
}

impl Unread {
    fn tell(&self, server: &config::Server) -> (StatusCode, Kind, String) {
        match self {
            Self::Encoded(how) => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Kind::InvalidRequest,
                format!(
                    "the request's body is encoded (`content-encoding: {}`): send it as plain \
                     JSON, without this header",
                    how.unwrap_or("…")
                ),
            ),
            Self::NotJson => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Kind::InvalidRequest,
                "the request's body is not said to be JSON: send it with `content-type: \
                 application/json`"
                    .to_owned(),
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                Kind::InvalidRequest,
                format!(
                    "the request is larger than {} bytes, which is this gateway's limit",
                    server.max_body
                ),
            ),
            Self::NoRoom => (
                StatusCode::SERVICE_UNAVAILABLE,
                Kind::Overloaded,
                format!(
                    "all requests together are larger than {} bytes, which is this gateway's limit",
                    server.max_in_flight_bytes
                ),
            ),
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                Kind::Timeout,
                format!("nothing came of the request's body for {PATIENCE:?}"),
            ),
            Self::Broken => (
                StatusCode::BAD_REQUEST,
                Kind::InvalidRequest,
                "the request's body ended too early".to_owned(),
            ),
        }
    }

    /// Whether its caller may still be sending.
    const fn may_go_on(&self) -> bool {
        matches!(
            self,
            Self::Encoded(_) | Self::NotJson | Self::TooLarge | Self::NoRoom
        )
    }
}

/// Reads a body to its end.
///
/// One that is announced to be too large, or for which there is no room, is not begun with, so that a caller who asks first
/// (`Expect: 100-continue`) is spared sending it.
async fn read(body: &mut Body, most: usize, taken: &mut Taken<'_>) -> Result<Bytes, Unread> {
    /// The most memory that is taken on a caller's word for what it will send.
    const AHEAD: usize = 1 << 20;
    let announced = body.size_hint().lower();
    if announced > most as u64 {
        return Err(Unread::TooLarge);
    }
    if !taken.fits(announced) {
        return Err(Unread::NoRoom);
    }
    let mut body = Limited::new(body, most);
    // Most come in one piece, which is then not copied.
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    loop {
        let frame = timeout(PATIENCE, body.frame()).await;
        let Some(frame) = frame.map_err(|_| Unread::TooSlow)? else {
            break;
        };
        let frame = frame.map_err(|error| {
            if error.is::<LengthLimitError>() {
                Unread::TooLarge
            } else {
                Unread::Broken
            }
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if !taken.grow(data.len()) {
            return Err(Unread::NoRoom);
        }
        if first.is_empty() && whole.is_empty() {
            first = data;
        } else {
            if whole.is_empty() {
                whole.reserve(usize::try_from(announced).map_or(AHEAD, |all| all.min(AHEAD)));
            }
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&data);
        }
    }
    Ok(if whole.is_empty() {
        first
    } else {
        whole.freeze()
    })
}

/// Gives a caller who sends all before it reads the answer some time to do so. A connection that
/// is closed before is reset, and the answer is lost.
fn let_end(mut body: Body) {
    const MOMENT: Duration = Duration::from_secs(5);
    tokio::spawn(timeout(MOMENT, async move {
        while matches!(body.frame().await, Some(Ok(_))) {}
    }));
}

#[cfg(test)]
mod tests {
    use super::{super::room::Room, *};
    use futures_util::{StreamExt, stream};
    use std::io;
    use tokio::time::{Instant, sleep};

    /// A body of these pieces, with a wait before each.
    fn body(pieces: &[&'static str], wait: Duration) -> Body {
        let pieces = stream::iter(pieces.to_vec()).then(move |piece| async move {
            sleep(wait).await;
            Ok::<_, io::Error>(piece)
        });
        Body::from_stream(pieces)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_come_slowly_but_not_stop() {
        let room = Room::new(100);
        let mut slow = body(&["a", "b", "c"], PATIENCE - Duration::from_secs(1));
        assert_eq!(read(&mut slow, 3, &mut room.enter()).await.unwrap(), "abc");

        let start = Instant::now();
        let mut stopped = body(&["a"], Duration::from_secs(86_400));
        assert_eq!(
            read(&mut stopped, 3, &mut room.enter()).await,
            Err(Unread::TooSlow)
        );
        assert_eq!(start.elapsed(), PATIENCE);
        assert_eq!(
            Unread::TooSlow.tell(&config::Server::default()).0,
            StatusCode::REQUEST_TIMEOUT
        );
    }

    #[tokio::test]
    async fn a_body_may_be_as_large_as_is_allowed() {
        let room = Room::new(100);
        assert_eq!(
            read(&mut Body::from("abc"), 3, &mut room.enter())
                .await
                .unwrap(),
            "abc"
        );
        assert_eq!(
            read(&mut Body::from("abcd"), 3, &mut room.enter()).await,
            Err(Unread::TooLarge)
        );
        let mut unannounced = body(&["ab", "cd"], Duration::ZERO);
        assert_eq!(
            read(&mut unannounced, 3, &mut room.enter()).await,
            Err(Unread::TooLarge)
        );
    }

    #[tokio::test]
    async fn all_bodies_together_may_be_as_large_as_is_allowed() {
        let room = Room::new(5);
        let mut taken = room.enter();
        let first = read(&mut Body::from("abc"), 3, &mut taken).await;
        assert_eq!(first.unwrap(), "abc");
        // Announced, and come upon.
        let unannounced = body(&["ab", "c"], Duration::ZERO);
        for mut more in [Body::from("abc"), unannounced] {
            let second = read(&mut more, 3, &mut room.enter()).await;
            assert_eq!(second, Err(Unread::NoRoom));
        }
        drop(taken);
        let third = read(&mut Body::from("abc"), 3, &mut room.enter()).await;
        assert!(third.is_ok());
    }

    #[test]
    fn only_what_is_not_packed_is_read() {
        let encoded = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static("application/json"));
            for value in values {
                headers.append(CONTENT_ENCODING, value.parse().unwrap());
            }
            plain(&headers)
        };
        assert_eq!(encoded(&[]), Ok(()));
        assert_eq!(encoded(&["Identity"]), Ok(()));
        assert_eq!(encoded(&["gzip"]), Err(Unread::Encoded(Some("gzip"))));
        let secret = encoded(&["identity", "something"]);
        assert_eq!(secret, Err(Unread::Encoded(None)));
        let (status, _, message) = Unread::Encoded(Some("br")).tell(&config::Server::default());
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert!(message.contains("content-encoding: br"), "{message}");
    }

    #[test]
    fn headers_are_forwarded_with_all_their_values() {
        let mut headers = HeaderMap::new();
        headers.append("anthropic-beta", HeaderValue::from_static("one"));
        headers.append("anthropic-beta", HeaderValue::from_static("two"));
        headers.append("authorization", HeaderValue::from_static("Bearer key"));
        let forwarded = forwarded(&headers);
        let values: Vec<_> = forwarded.iter().map(|(_, value)| value).collect();
        assert_eq!(values, ["one", "two"]);
    }
}
