//! Answering what was queued, with the stacks that serve callers.

use super::super::app::App;
use buttress::{
    llm::{InvalidRequest, LlmError, LlmRequest, LlmResponse},
    queue::{Progress, Queue, Worker},
    replay::Replay,
};
use futures_util::future::BoxFuture;
use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::{oneshot, watch},
    task::{JoinError, JoinHandle},
};
use tower::{Service, ServiceExt};

/// A worker that is at work, until it is told to stop or dropped.
pub(in crate::serve) struct Working {
    stop: oneshot::Sender<()>,
    done: JoinHandle<Progress>,
}

impl Working {
    pub(in crate::serve) fn start(app: &Arc<App>, queue: &Queue) -> Self {
        let worker = worker(app, queue);
        tokio::spawn(log(worker.progress()));
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            // Who dropped it wants it to stop, too.
            let _ = stopped.await;
        };
        Self {
            stop,
            done: tokio::spawn(worker.run(stopped)),
        }
    }

    /// Lets it finish what is under way, within its grace.
    pub(in crate::serve) async fn stop(self) -> Result<Progress, JoinError> {
        let _ = self.stop.send(());
        self.done.await
    }
}

fn worker(app: &Arc<App>, queue: &Queue) -> Worker<Replay<Dispatch>> {
    let settings = &app.config.queue;
    let limits = &app.config.limits;
    let mut replay = Replay::new(Dispatch(Arc::clone(app)))
        .max_calls(limits.max_calls)
        .deadline(limits.deadline);
    if let Some(model) = &settings.default_model {
        replay = replay.model(model.as_str());
    }
    Worker::new(queue.clone(), replay)
        .at_once(settings.max_in_flight)
        .lease(settings.lease)
        .grace(app.config.server.shutdown_grace)
}

/// Gives each request to the stack of its model.
#[derive(Clone)]
struct Dispatch(Arc<App>);

impl Service<LlmRequest> for Dispatch {
    type Response = LlmResponse;
    type Error = LlmError;
    type Future = BoxFuture<'static, Result<LlmResponse, LlmError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LlmError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: LlmRequest) -> Self::Future {
        match self.0.stack(request.model()) {
            Some(stack) => Box::pin(stack.oneshot(request)),
            None => Box::pin(async { Err(LlmError::Invalid(Box::new(unserved()))) }),
        }
    }
}

/// Nobody will answer it, as long as it asks for this.
fn unserved() -> InvalidRequest {
    InvalidRequest::Field {
        field: "model".to_owned(),
        problem: "is served by no route".to_owned(),
    }
}

/// Says in the log how far it has come, while there is anything to say.
async fn log(mut progress: watch::Receiver<Progress>) {
    const EACH: Duration = Duration::from_secs(60);
    let mut told = Progress::default();
    loop {
        tokio::time::sleep(EACH).await;
        if progress.has_changed().is_err() {
            return;
        }
        let now = *progress.borrow_and_update();
        let worked = now.done + now.dead + now.failed + now.refused
            > told.done + told.dead + told.failed + told.refused;
        if worked || now.open.is_some_and(|open| open > 0) {
            tracing::info!(
                done = now.done,
                dead = now.dead,
                failed = now.failed,
                refused = now.refused,
                under_way = now.under_way,
                paused = now.paused,
                open = now.open,
                per_second = now.rate,
                left_seconds = now.left.map(|left| left.as_secs()),
                "working at the queue"
            );
        }
        told = now;
    }
}
