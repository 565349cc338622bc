use super::{Degradable, DegradePolicy, Degraded, response::NotQueued, service::Shared};
use crate::{Queue, Task, TaskId};
use buttress_core::Failure;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::timeout;

pin_project! {
    /// The future of a [`Degrade`](crate::Degrade).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, Req, E, P>
    where
        P: DegradePolicy<Req, E>,
    {
        #[pin]
        state: State<F, P::Kept, E, P>,
    }
}

type Enqueue = Pin<Box<dyn Future<Output = Result<TaskId, NotQueued>> + Send>>;

pin_project! {
    #[project = StateProj]
    enum State<F, K, E, P> {
        /// The service is asked.
        Calling {
            #[pin]
            future: F,
            kept: Option<(K, Arc<Shared<P>>)>,
        },
        /// It failed, and the request is put into the queue.
        Queueing {
            enqueue: Enqueue,
            degraded: Option<Box<Degraded<E>>>,
        },
    }
}

impl<F, Req, E, P: DegradePolicy<Req, E>> ResponseFuture<F, Req, E, P> {
    pub(super) const fn new(future: F, kept: Option<(P::Kept, Arc<Shared<P>>)>) -> Self {
        let state = State::Calling { future, kept };
        Self { state }
    }
}

impl<F, Req, Res, E, P> Future for ResponseFuture<F, Req, E, P>
where
    F: Future<Output = Result<Res, E>>,
    P: DegradePolicy<Req, E>,
{
    type Output = Result<Degradable<Res, E>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                // Calling => Queueing, or the end
                StateProj::Calling { future, kept } => {
                    let error = match ready!(future.poll(cx)) {
                        Ok(response) => return Poll::Ready(Ok(Degradable::Answered(response))),
                        Err(error) => error,
                    };
                    match kept
                        .take()
                        .and_then(|(kept, shared)| shared.degrade(kept, &error))
                    {
                        None => return Poll::Ready(Err(error)),
                        Some((enqueue, failure)) => state.set(State::Queueing {
                            enqueue,
                            degraded: Some(Box::new(Degraded {
                                queued: Err(NotQueued::TimedOut),
                                failure,
                                error,
                            })),
                        }),
                    }
                }
                StateProj::Queueing { enqueue, degraded } => {
                    let queued = ready!(enqueue.as_mut().poll(cx));
                    let mut degraded = degraded.take().expect("polled after it was ready");
                    degraded.queued = queued;
                    return Poll::Ready(Ok(Degradable::Degraded(degraded)));
                }
            }
        }
    }
}

impl<P> Shared<P> {
    /// Begins to put the request into the queue, if it is worth it.
    fn degrade<Req, E>(&self, kept: P::Kept, error: &E) -> Option<(Enqueue, Failure)>
    where
        P: DegradePolicy<Req, E>,
    {
        let failure = self.policy.degrades(error)?;
        let task = self.policy.task(kept, error)?;
        let enqueue = enqueue(self.queue.clone(), task, self.limit, failure);
        Some((Box::pin(enqueue), failure))
    }
}

async fn enqueue(
    queue: Queue,
    task: Task,
    limit: Duration,
    failure: Failure,
) -> Result<TaskId, NotQueued> {
    // One line for each would fill the log in an outage: who degrades the call has all of this, and
    // knows how much to tell.
    let queued = match timeout(limit, queue.enqueue(task)).await {
        Ok(queued) => queued.map_err(NotQueued::Refused),
        Err(_) => Err(NotQueued::TimedOut),
    };
    match queued {
        Ok(queued) => {
            let (id, new) = (queued.id, queued.new);
            tracing::debug!(task = %id, new, %failure, "queued a request that could not be answered");
            Ok(id)
        }
        Err(error) => {
            let why: &dyn std::error::Error = &error;
            tracing::debug!(
                error = why,
                %failure,
                "a request could not be answered, and the store has not acknowledged it either"
            );
            Err(error)
        }
    }
}

impl<F, Req, E, P: DegradePolicy<Req, E>> fmt::Debug for ResponseFuture<F, Req, E, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queueing = matches!(self.state, State::Queueing { .. });
        f.debug_struct("ResponseFuture")
            .field("queueing", &queueing)
            .finish_non_exhaustive()
    }
}
