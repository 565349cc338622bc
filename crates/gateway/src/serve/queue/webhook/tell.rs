use super::{announce::announced, message::message};
use crate::{
    command::in_full,
    http::{AGENT, HttpClient, client},
    signature::Signer,
};
use buttress::core::http::retry_after;
use buttress_client::{HttpVersion, InvalidClient};
use buttress_queue::{Delivery, Queue, StoreError, TaskId, Verdict};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{
    HeaderMap, HeaderValue, Request, StatusCode, Uri,
    header::{CONTENT_TYPE, USER_AGENT},
};
use http_body_util::{BodyExt, Full, Limited};
use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};
use tokio::time::{sleep, timeout};
use tower::Service;

/// Tells the receiver of tasks that have ended.
///
/// What it answers is believed as far as its status says. Redirects are not followed: what they
/// name was not configured.
#[derive(Clone)]
pub(in crate::serve) struct Tell(Arc<Shared>);

struct Shared {
    tasks: Queue,
    http: HttpClient,
    url: Uri,
    signer: Signer,
}

/// How long the receiver may take, for the connection and the head of its answer together.
const LIMIT: Duration = Duration::from_secs(15);
/// How long the rest of an answer may take, and how large it may be. It says nothing, but a
/// connection can be used again when it is read to its end.
const REST: (Duration, usize) = (Duration::from_secs(1), 4 << 10);

impl Tell {
    pub(super) fn new(tasks: Queue, url: Uri, signer: Signer) -> Result<Self, InvalidClient> {
        let http = client(LIMIT, HttpVersion::Http1)?;
        Ok(Self(Arc::new(Shared {
            tasks,
            http,
            url,
            signer,
        })))
    }
}

impl Service<Delivery> for Tell {
    type Response = Verdict;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Verdict, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, delivery: Delivery) -> Self::Future {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { Ok(shared.tell(&delivery).await) })
    }
}

impl Shared {
    async fn tell(&self, delivery: &Delivery) -> Verdict {
        let Some(task) = announced(&delivery.task) else {
            return Verdict::Dead("this is no announcement".to_owned());
        };
        let told = match self.message(task).await {
            Ok(Message::Ended(body)) => self.post(delivery.id, body).await,
            Ok(Message::Early) => {
                // Its worker has died just before the end: another one has to do it again.
                const AGAIN: Duration = Duration::from_secs(60);
                return Verdict::Aside {
                    wait: AGAIN,
                    reason: "the task has not ended".to_owned(),
                };
            }
            // Removed, or kept long enough.
            Ok(Message::Gone) => return Verdict::Done(Bytes::new()),
            Err(error) => Verdict::refused(in_full(&error)),
        };
        match &told {
            Verdict::Later { reason, .. } => {
                tracing::warn!(%task, reason, deliveries = delivery.deliveries, "the webhook was not told of a task yet");
            }
            Verdict::Dead(reason) => {
                tracing::error!(%task, reason, "the webhook will not be told of a task");
                // A dead letter would give way to the next who finds that the task has ended.
                return Verdict::Done(Bytes::new());
            }
            _ => {}
        }
        told
    }

    /// What there is to be told. An announcement is there a moment before its task ends, so it is
    /// given that moment.
    async fn message(&self, task: TaskId) -> Result<Message, StoreError> {
        let mut moments = [20, 50, 100, 300, 1000].into_iter();
        loop {
            let Some(kept) = self.tasks.inspect(task).await? else {
                return Ok(Message::Gone);
            };
            if let Some(body) = message(kept) {
                return Ok(Message::Ended(body));
            }
            match moments.next() {
                Some(millis) => sleep(Duration::from_millis(millis)).await,
                None => return Ok(Message::Early),
            }
        }
    }

    async fn post(&self, announcement: TaskId, body: Bytes) -> Verdict {
        let request = self.request(announcement, body, SystemTime::now());
        let (head, body) = match timeout(LIMIT, self.http.request(request)).await {
            Ok(Ok(answer)) => answer.into_parts(),
            Ok(Err(error)) => return Verdict::failed(in_full(&error)),
            Err(_) => return Verdict::failed("the receiver took too long"),
        };
        let rest = Limited::new(body, REST.1).collect();
        let _ = timeout(REST.0, rest).await;
        verdict(head.status, &head.headers, SystemTime::now())
    }

    /// The name of the announcement is that of the message: it stays the same when it is sent
    /// again, and so the receiver can tell.
    fn request(&self, announcement: TaskId, body: Bytes, now: SystemTime) -> Request<Full<Bytes>> {
        const JSON: HeaderValue = HeaderValue::from_static("application/json");
        let id = format!("msg_{announcement}");
        let since = now.duration_since(SystemTime::UNIX_EPOCH);
        let timestamp = since.unwrap_or_default().as_secs();
        let signature = self.signer.sign(&id, timestamp, &body);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.url.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(USER_AGENT, AGENT);
        headers.insert("webhook-timestamp", timestamp.into());
        let named = [("webhook-id", id), ("webhook-signature", signature)];
        for (name, value) in named {
            let value = HeaderValue::try_from(value).expect("ASCII letters, digits and signs");
            headers.insert(name, value);
        }
        request
    }
}

enum Message {
    Ended(Bytes),
    /// The task has not ended yet.
    Early,
    /// There is no such task any more.
    Gone,
}

/// What an answer means for the announcement.
pub(super) fn verdict(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Verdict {
    let answered = || format!("the receiver answered {}", status.as_u16());
    match status {
        status if status.is_success() => Verdict::Done(Bytes::new()),
        StatusCode::GONE => Verdict::Dead(answered()),
        // A receiver that says when has a say in how fast all others come, too.
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            match retry_after(headers, now) {
                Some(wait) => Verdict::refused(answered()).after(wait),
                None => Verdict::failed(answered()),
            }
        }
        _ => Verdict::failed(answered()),
    }
}
