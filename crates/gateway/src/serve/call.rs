//! One call: read, sent through the stack of its model, answered.

use super::{answer, app::App};
use axum::{
    body::{Body, HttpBody},
    extract::Request,
    response::Response,
};
use buttress::{
    Call, Carry,
    llm::{Dialect, Kind, LlmError, LlmRequest},
};
use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode, Version,
    header::{CONNECTION, EXPECT},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::time::Duration;
use tokio::time::timeout;
use tower::ServiceExt;

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

pub(super) async fn run(app: &App, dialect: Dialect, request: Request) -> Response {
    let (head, mut body) = request.into_parts();
    let path = head.uri.path();
    let body = match read(&mut body, app.config.server.max_body).await {
        Ok(body) => body,
        Err(unread) => {
            let (status, kind, message) = unread.tell(app.config.server.max_body);
            let mut response = answer::refusal(path, dialect, status, kind, &message);
            // What may still come of the body is no request. HTTP/2 ends the stream by itself.
            if head.version <= Version::HTTP_11 {
                const CLOSE: HeaderValue = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, CLOSE);
                if unread == Unread::TooLarge && !head.headers.contains_key(EXPECT) {
                    let_end(body);
                }
            }
            return response;
        }
    };
    let mut request = match LlmRequest::parse(dialect, body) {
        Ok(request) => request.headers(forwarded(&head.headers)),
        Err(error) => {
            let call = Call::new();
            return answer::error(dialect, &LlmError::from(error), &call);
        }
    };
    let Some(stack) = app.stack(request.model()) else {
        let message = format!("no route serves the model {:?}", request.model());
        let status = StatusCode::NOT_FOUND;
        return answer::refusal(path, dialect, status, Kind::NotFound, &message);
    };
    let call = Call::new().max_calls(app.config.limits.max_calls);
    request.set_call(call.clone());
    match stack.oneshot(request).await {
        Ok(response) => answer::success(app, response, call),
        Err(error) => answer::error(dialect, &error, &call),
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
    TooLarge,
    TooSlow,
    Broken,
}

impl Unread {
    fn tell(&self, most: usize) -> (StatusCode, Kind, String) {
        match self {
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                Kind::InvalidRequest,
                format!("the request is larger than {most} bytes, which is this gateway's limit"),
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
}

/// Reads a body to its end.
///
/// One that is announced to be too large is not begun with, so that a caller who asks first
/// (`Expect: 100-continue`) is spared sending it.
async fn read(body: &mut Body, most: usize) -> Result<Bytes, Unread> {
    if body.size_hint().lower() > most as u64 {
        return Err(Unread::TooLarge);
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
        if first.is_empty() && whole.is_empty() {
            first = data;
        } else {
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
    use super::*;
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
        let mut slow = body(&["a", "b", "c"], PATIENCE - Duration::from_secs(1));
        assert_eq!(read(&mut slow, 3).await.unwrap(), "abc");

        let start = Instant::now();
        let mut stopped = body(&["a"], Duration::from_secs(86_400));
        assert_eq!(read(&mut stopped, 3).await, Err(Unread::TooSlow));
        assert_eq!(start.elapsed(), PATIENCE);
        assert_eq!(Unread::TooSlow.tell(3).0, StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test]
    async fn a_body_may_be_as_large_as_is_allowed() {
        assert_eq!(read(&mut Body::from("abc"), 3).await.unwrap(), "abc");
        assert_eq!(
            read(&mut Body::from("abcd"), 3).await,
            Err(Unread::TooLarge)
        );
        let mut unannounced = body(&["ab", "cd"], Duration::ZERO);
        assert_eq!(read(&mut unannounced, 3).await, Err(Unread::TooLarge));
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
