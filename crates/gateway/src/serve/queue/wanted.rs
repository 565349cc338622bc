//! Which requests are queued when nobody can answer them.

use super::super::{app::App, request_id::RequestId};
use crate::config::Accept;
use buttress::{Session, degrade::LlmDegrade, queue::Queue};
use http::{HeaderMap, HeaderName};

/// Whether a caller wants it: `true` or `false`.
const WANTED: HeaderName = HeaderName::from_static("x-buttress-queue");

/// The queue, if a request with these headers goes there.
pub(in crate::serve) fn wanted<'a>(app: &'a App, headers: &HeaderMap) -> Option<&'a Queue> {
    let said = headers.get(&WANTED).map(|said| said.as_bytes());
    let wanted = match app.config.queue.accept {
        Accept::All => said != Some(b"false"),
        Accept::Asked => said == Some(b"true"),
    };
    app.queue.as_ref().filter(|_| wanted)
}

/// What is written down of it besides.
pub(in crate::serve) fn policy(session: Option<&Session>, id: &RequestId) -> LlmDegrade {
    let policy = LlmDegrade::new().request_id(id.as_str());
    match session {
        Some(session) => policy.session_id(&**session.id()),
        None => policy,
    }
}
