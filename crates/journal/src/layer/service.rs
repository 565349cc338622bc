use super::{JournalLayer, JournalPolicy, OnChange, Pen, ResponseFuture, Shared};
use crate::{Found, Key, Sessions, Step, StoreError};
use buttress_core::{Cause, Context as _, Event, Rejected};
use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::time::timeout;
use tower_layer::Layer;
use tower_service::Service;

/// The service that a [`JournalLayer`] makes. It is ready when the inner one is.
///
/// # Cancellation
/// A call that is dropped before it was answered is not recorded; one that is dropped while its
/// answer is being recorded is.
#[derive(Debug)]
pub struct Journal<S, P> {
    inner: S,
    shared: Arc<Shared<P>>,
}

impl<S, P> Journal<S, P> {
    /// Records what this service answers in these sessions, as this policy says.
    #[must_use]
    pub fn new(inner: S, sessions: Sessions, policy: P) -> Self {
        JournalLayer::new(sessions, policy).layer(inner)
    }

    pub(super) const fn of(inner: S, shared: Arc<Shared<P>>) -> Self {
        Self { inner, shared }
    }

    /// The inner service.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to change it.
    #[must_use]
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, without this one.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, P, Req> Service<Req> for Journal<S, P>
where
    S: Service<Req> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
    S::Error: From<Rejected> + Send + 'static,
    P: JournalPolicy<Req, S::Response>,
    Req: Send + Sync + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, S::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        if self.shared.policy.session(&request).is_none() {
            return ResponseFuture::straight(self.inner.call(request));
        }
        // The instance that is ready goes along.
        let clone = self.inner.clone();
        let inner = mem::replace(&mut self.inner, clone);
        let call = call(Arc::clone(&self.shared), inner, request);
        ResponseFuture::journalled(Box::pin(call))
    }
}

async fn call<S, P, Req>(
    shared: Arc<Shared<P>>,
    mut inner: S,
    request: Req,
) -> Result<S::Response, S::Error>
where
    S: Service<Req>,
    S::Error: From<Rejected>,
    P: JournalPolicy<Req, S::Response>,
{
    let policy = &shared.policy;
    let Some(session) = policy.session(&request) else {
        return inner.call(request).await;
    };
    let context = Arc::new(policy.context(&request));
    let asked = policy.asked(&request);
    let step = session.given_step();
    let step = step.map_or(Step::Derived(asked.position), Step::Given);
    // What was numbered by its caller is the same whenever it is asked.
    let used = match step {
        Step::Given(_) => None,
        Step::Derived(_) => shared.sessions.runs().take(session, step, asked.digest),
    };
    let key = Key {
        session: Arc::clone(session.id()),
        step,
        digest: asked.digest,
        nth: used.as_ref().map_or(0, |used| used.nth()),
    };
    let mut replaces = false;
    match shared.find(&key).await {
        Ok(Found::Record(record)) => {
            let given = record.key.nth;
            match record
                .into_answer()
                .map(|answer| policy.replay(&request, answer))
            {
                Some(Ok(response)) => {
                    context.record(Event::Note("given from the journal"));
                    if let Some(used) = used {
                        used.settle(given);
                    }
                    return Ok(response);
                }
                _ => {
                    let words = "a record can't be read, and is made anew";
                    shared.troubles.tell(words, None);
                    replaces = true;
                }
            }
        }
        Ok(Found::Changed) => match shared.on_change {
            OnChange::Refuse => {
                let cause = Cause::RequestChanged;
                context.record(Event::Rejected(cause));
                return Err(Rejected::new(cause).into());
            }
            OnChange::Branch => {
                context.record(Event::Note("another request than before at this step"));
            }
        },
        Ok(Found::Nothing) => {}
        Err(error) => {
            let words = "a record can't be looked up";
            shared.troubles.tell(words, Some(&error));
            context.record(Event::Note("the journal can't be read"));
            replaces = matches!(error, StoreError::Corrupt(_));
        }
    }
    let pen = Pen {
        sessions: shared.sessions.clone(),
        key,
        used,
        replaces,
        request: shared.keep_requests.then_some(asked.body),
        context,
        limit: shared.limit,
        troubles: Arc::clone(&shared.troubles),
    };
    let response = inner.call(request).await?;
    Ok(policy.record(response, pen).await)
}

impl<P> Shared<P> {
    async fn find(&self, key: &Key) -> Result<Found, StoreError> {
        match timeout(self.limit, self.sessions.find(key)).await {
            Ok(found) => found,
            Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
        }
    }
}

impl<S: Clone, P> Clone for Journal<S, P> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}
