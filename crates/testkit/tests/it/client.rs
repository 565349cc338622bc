use buttress_testkit::{Builder, Dialect, Provider};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming};
use hyper_util::{
    client::legacy::{Client as Legacy, Error, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use std::{future::Future, time::Duration};

/// A plain client that retries nothing.
pub(crate) struct Client(Legacy<HttpConnector, Full<Bytes>>);

impl Client {
    pub(crate) fn http1() -> Self {
        Self::with(false)
    }

    pub(crate) fn http2() -> Self {
        Self::with(true)
    }

    fn with(http2: bool) -> Self {
        let mut builder = Legacy::builder(TokioExecutor::new());
        builder.retry_canceled_requests(false).http2_only(http2);
        Self(builder.build_http())
    }

    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Error> {
        soon(self.0.request(request)).await
    }

    pub(crate) async fn chat(
        &self,
        provider: &Provider,
        dialect: Dialect,
        stream: bool,
    ) -> Result<Response<Incoming>, Error> {
        self.send(request(&provider.url(), dialect, stream)).await
    }
}

pub(crate) fn request(url: &str, dialect: Dialect, stream: bool) -> Request<Full<Bytes>> {
    let body = match dialect {
        Dialect::Gemini => json!({ "contents": [{ "parts": [{ "text": "hi" }] }] }),
        _ => json!({
            "model": "model-x",
            "stream": stream,
            "max_tokens": 16,
            "messages": [{ "role": "user", "content": "hi" }],
        }),
    };
    Request::post(format!("{url}{}", dialect.path_for("model-x", stream)))
        .header("x-goog-api-key", "sk-right")
        .header("authorization", "Bearer sk-right")
        .header("x-api-key", "sk-right")
        .body(Full::from(body.to_string()))
        .unwrap()
}

/// One call to a fresh provider, over HTTP/1.1.
pub(crate) async fn once(
    builder: Builder,
    dialect: Dialect,
    stream: bool,
) -> (Provider, Result<Response<Incoming>, Error>) {
    let provider = builder.start().await.unwrap();
    let response = Client::http1().chat(&provider, dialect, stream).await;
    (provider, response)
}

/// What arrives of a body, and the error that ends it, if one does.
pub(crate) async fn read(response: Response<Incoming>) -> (String, Option<hyper::Error>) {
    let mut body = response.into_body();
    let mut text = Vec::new();
    let error = loop {
        match soon(body.frame()).await {
            None => break None,
            Some(Ok(frame)) => text.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Some(Err(error)) => break Some(error),
        }
    };
    (String::from_utf8(text).unwrap(), error)
}

pub(crate) async fn read_json(response: Response<Incoming>) -> Value {
    let (text, error) = read(response).await;
    assert!(error.is_none(), "{error:?} after {text}");
    serde_json::from_str(&text).unwrap()
}

/// The data of each event of a stream.
pub(crate) fn events(stream: &str) -> Vec<Value> {
    stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// Whether the cause of an error is a reset connection.
pub(crate) fn is_reset(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return io.kind() == std::io::ErrorKind::ConnectionReset;
        }
        cause = error.source();
    }
    false
}

/// Whether the cause of an error is a message that ended too early.
pub(crate) fn is_cut_short(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(hyper) = error.downcast_ref::<hyper::Error>()
            && (hyper.is_incomplete_message() || hyper.is_body_write_aborted())
        {
            return true;
        }
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return io.kind() == std::io::ErrorKind::UnexpectedEof;
        }
        cause = error.source();
    }
    false
}

/// A hang is a failed test, not a hung one.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(10), future)
        .await
        .expect("within ten seconds")
}
