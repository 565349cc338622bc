use super::Origin;
use buttress_core::{Carry, Failure};
use buttress_llm::{LlmError, LlmRequest, TransportError};
use buttress_queue::{DegradePolicy, Task, is_worth_queueing};
use http::HeaderName;
use serde_json::{Map, Value, value::RawValue};
use std::{fmt, str, sync::Arc};

/// Which LLM calls are queued when they fail, and what is written of them.
///
/// The task holds the caller's JSON, byte for byte, its [`Origin`], and of its
/// [`Call`](crate::Call) how many upstream calls were made and what was done. It stands in the
/// [lane](Task::lane) of the model that is asked for. Which session it belongs to is for whoever makes the call to say: nothing in the request tells.
#[derive(Clone, Default)]
pub struct LlmDegrade {
    session_id: Option<String>,
    idempotency_key: Option<String>,
    request_id: Option<String>,
    context: Map<String, Value>,
    describe: Option<Describe>,
}

type Describe = Arc<dyn Fn(&LlmRequest, &mut Task) + Send + Sync>;

impl LlmDegrade {
    /// Belongs to no session.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the session: what is queued of one is answered in the order in which it came \[none\].
    #[must_use]
    pub fn session_id(mut self, id: impl Into<String>) -> Self {
        self.session_id = Some(id.into());
        self
    }

    /// Sets by what the same request is known when it comes twice [its `idempotency-key` among its
    /// [own headers](LlmRequest::own_headers)].
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Sets what its caller calls the request \[nothing\].
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// Sets what else is put in the task's context. It is not read here.
    #[must_use]
    pub fn context(mut self, context: Map<String, Value>) -> Self {
        self.context = context;
        self
    }

    /// Has the last word on each task before it is put in the queue, where one policy serves many
    /// sessions.
    #[must_use]
    pub fn describe(
        mut self,
        describe: impl Fn(&LlmRequest, &mut Task) + Send + Sync + 'static,
    ) -> Self {
        self.describe = Some(Arc::new(describe));
        self
    }
}

impl DegradePolicy<LlmRequest, LlmError> for LlmDegrade {
    type Kept = LlmRequest;

    fn keep(&self, request: &LlmRequest) -> Option<LlmRequest> {
        Some(request.clone())
    }

    fn degrades(&self, error: &LlmError) -> Option<Failure> {
        let given_up = matches!(
            error,
            LlmError::Transport {
                error: TransportError::Cancelled,
                ..
            }
        );
        let failure = error.verdict().failure();
        (!given_up && is_worth_queueing(&failure)).then_some(failure)
    }

    fn task(&self, request: LlmRequest, _: &LlmError) -> Option<Task> {
        const KEY: HeaderName = HeaderName::from_static("idempotency-key");
        let body = str::from_utf8(request.body()).ok()?;
        let mut task = Task::new(RawValue::from_string(body.to_owned()).ok()?);
        task.session_id.clone_from(&self.session_id);
        task.lane = Some(request.model().to_owned());
        let key = request.own_headers().get(&KEY);
        let key = key.and_then(|key| key.to_str().ok());
        task.idempotency_key = self.idempotency_key.as_deref().or(key).map(str::to_owned);
        task.task_context.clone_from(&self.context);
        let mut origin = Origin::of(&request);
        origin.request_id.clone_from(&self.request_id);
        origin.write(&mut task.task_context);
        if let Some(call) = request.call() {
            task.attempts = call.attempts();
            let journey = call.journey();
            let steps = journey.steps().iter();
            task.journey = steps
                .map(|step| step.to_string().trim_start().to_owned())
                .collect();
            if journey.dropped() > 0 {
                task.journey
                    .push(format!("… and {} more", journey.dropped()));
            }
        }
        if let Some(describe) = &self.describe {
            describe(&request, &mut task);
        }
        Some(task)
    }
}

impl fmt::Debug for LlmDegrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlmDegrade")
            .field("session_id", &self.session_id)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}
