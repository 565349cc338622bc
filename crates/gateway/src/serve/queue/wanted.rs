//! Which requests are queued when nobody can answer them.

use super::super::{app::App, request_id::RequestId};
use crate::config::{self, Accept};
use buttress::{
    Failure,
    degrade::LlmDegrade,
    llm::{LlmError, LlmRequest},
    queue::{DegradePolicy, Queue, Task},
};
use http::{HeaderMap, HeaderName};

/// Whether a caller wants it: `true` or `false`.
const WANTED: HeaderName = HeaderName::from_static("x-buttress-queue");

/// The queue, if a request with these headers goes there.
pub(in crate::serve) fn wanted<'a>(
    app: &'a App,
    settings: &config::Queue,
    headers: &HeaderMap,
) -> Option<&'a Queue> {
    let said = headers.get(&WANTED).map(|said| said.as_bytes());
    let wanted = match settings.accept {
        Accept::All => said != Some(b"false"),
        Accept::Asked => said == Some(b"true"),
    };
    app.queue.as_ref().filter(|_| wanted)
}

/// Which of the calls of this name are queued, and what is written of them.
///
/// It is made for each call, and nearly all are answered: all that costs anything is done for the
/// others.
pub(in crate::serve) struct Policy<'a>(&'a RequestId);

impl<'a> Policy<'a> {
    pub(in crate::serve) const fn new(id: &'a RequestId) -> Self {
        Self(id)
    }
}

impl DegradePolicy<LlmRequest, LlmError> for Policy<'_> {
    type Kept = LlmRequest;

    fn keep(&self, request: &LlmRequest) -> Option<LlmRequest> {
        LlmDegrade::new().keep(request)
    }

    fn degrades(&self, error: &LlmError) -> Option<Failure> {
        LlmDegrade::new().degrades(error)
    }

    fn task(&self, request: LlmRequest, error: &LlmError) -> Option<Task> {
        let mut policy = LlmDegrade::new().request_id(self.0.as_str());
        if let Some(session) = request.own_session() {
            policy = policy.session_id(&**session.id());
        }
        policy.task(request, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use allocation_counter::measure;
    use buttress::{
        Session,
        llm::Dialect,
        queue::{Degrade, Memory, Settings},
    };
    use std::{
        future::{Future, ready},
        pin::pin,
        task::{Context, Waker},
    };
    use tower::{Service, service_fn};

    #[test]
    fn a_call_that_is_not_queued_pays_for_its_place_beside_the_queue_only() {
        let queue = Queue::new(Memory::new(Settings::new()));
        let id = RequestId::of(&HeaderMap::new());
        let body = r#"{"model": "m", "messages": []}"#;
        let request = LlmRequest::parse(Dialect::OpenAiChat, body.into()).unwrap();
        let request = request.session(Session::new("s").unwrap());
        let counted = measure(|| {
            let answers = service_fn(|_: LlmRequest| ready(Ok::<_, LlmError>(())));
            let mut degrade = Degrade::new(answers, queue.clone(), Policy::new(&id));
            let kept = request.clone();
            let answered = pin!(degrade.call(request.clone()));
            assert!(
                answered
                    .poll(&mut Context::from_waker(Waker::noop()))
                    .is_ready()
            );
            drop(kept);
        });
        assert_eq!(counted.count_total, 1);
    }
}
