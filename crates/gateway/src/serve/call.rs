//! One call: read, sent through the stack of its model, answered.

use super::{answer, app::App};
use axum::{extract::Request, response::Response};
use buttress::{
    Call, Carry,
    llm::{Dialect, Kind, LlmError, LlmRequest},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tower::ServiceExt;

/// What a caller's SDK says in headers of how the request is to be understood. Keys, accounts and
/// everything else are between the gateway and the provider.
const FORWARDED: [HeaderName; 4] = [
    HeaderName::from_static("anthropic-beta"),
    HeaderName::from_static("anthropic-version"),
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("openai-beta"),
];

pub(super) async fn run(app: &App, dialect: Dialect, request: Request) -> Response {
    let headers = forwarded(request.headers());
    let body = match read(request, app.config.server.max_body).await {
        Ok(body) => body,
        Err(unread) => {
            let (status, message) = unread.tell(app.config.server.max_body);
            return answer::refusal(dialect, status, Kind::InvalidRequest, &message);
        }
    };
    let mut request = match LlmRequest::parse(dialect, body) {
        Ok(request) => request.headers(headers),
        Err(error) => {
            let call = Call::new();
            return answer::error(dialect, &LlmError::from(error), &call);
        }
    };
    let Some(stack) = app.stack(request.model()) else {
        let message = format!("no route serves the model {:?}", request.model());
        return answer::refusal(dialect, StatusCode::NOT_FOUND, Kind::NotFound, &message);
    };
    let call = Call::new().max_calls(app.config.limits.max_calls);
    request.set_call(call.clone());
    match stack.oneshot(request).await {
        Ok(response) => answer::success(app, response, call),
        Err(error) => answer::error(dialect, &error, &call),
    }
}

fn forwarded(headers: &HeaderMap) -> HeaderMap {
    let present = FORWARDED.into_iter().filter_map(|name| {
        let value = headers.get(&name)?.clone();
        Some((name, value))
    });
    present.collect()
}

/// Why a body could not be read.
enum Unread {
    TooLarge,
    Broken,
}

impl Unread {
    fn tell(&self, most: usize) -> (StatusCode, String) {
        match self {
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the request is larger than {most} bytes, which is this gateway's limit"),
            ),
            Self::Broken => (
                StatusCode::BAD_REQUEST,
                "the request's body ended too early".to_owned(),
            ),
        }
    }
}

async fn read(request: Request, most: usize) -> Result<Bytes, Unread> {
    let body = Limited::new(request.into_body(), most);
    let whole = body.collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            Unread::TooLarge
        } else {
            Unread::Broken
        }
    });
    Ok(whole?.to_bytes())
}
