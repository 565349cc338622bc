//! Answering what was queued, with the stacks that serve callers.

use super::{
    super::{app::App, serving::Serving},
    webhook::Announce,
};
use buttress::{
    llm::{InvalidRequest, LlmError, LlmRequest, LlmResponse},
    queue::{Delivery, Progress, Queue, Verdict, Worker},
    replay::{Replay, ReplayFuture},
};
use futures_util::future::BoxFuture;
use std::{
    fmt::Display,
    future::pending,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::{oneshot, watch},
    task::{JoinError, JoinHandle},
};
use tower::{Layer, Service, ServiceExt, layer::layer_fn, util::option_layer};

/// What works at a queue, until it is told to stop or dropped.
pub(in crate::serve) struct Working {
    tasks: Shift,
    webhook: Option<Shift>,
}

/// A worker that is at work.
struct Shift {
    stop: oneshot::Sender<()>,
    done: JoinHandle<Progress>,
}

impl Working {
    pub(in crate::serve) fn start(app: &Arc<App>, queue: &Queue) -> Self {
        let serving = app.serving();
        let settings = &serving.config.queue;
        let max_deliveries = settings.max_deliveries;
        let grace = app.server.shutdown_grace;
        let announce = app.webhook.as_ref().map(|webhook| {
            let announcements = webhook.announcements.clone();
            layer_fn(move |replay| Announce::new(replay, announcements.clone(), max_deliveries))
        });
        let service = option_layer(announce).layer(Answers(Arc::clone(app)));
        let worker = Worker::new(queue.clone(), service)
            .at_once(settings.max_in_flight)
            .lease(settings.lease)
            .backoff(settings.backoff, settings.max_backoff)
            .grace(grace);
        tokio::spawn(log(worker.progress()));
        app.metrics.follow(worker.progress());
        let webhook = app.webhook.clone().map(|webhook| {
            let worker = webhook.worker(grace);
            Shift::start(worker, webhook.overlooked(queue.clone()))
        });
        Self {
            tasks: Shift::start(worker, pending()),
            webhook,
        }
    }

    /// Lets it finish what is under way, within its grace.
    pub(in crate::serve) async fn stop(self) -> Result<Progress, JoinError> {
        let webhook = async {
            match self.webhook {
                Some(webhook) => webhook.stop().await.map(drop),
                None => Ok(()),
            }
        };
        let (progress, told) = tokio::join!(self.tasks.stop(), webhook);
        told?;
        progress
    }
}

impl Shift {
    /// Has this done besides, as long as the worker works.
    fn start<S>(worker: Worker<S>, besides: impl Future<Output = ()> + Send + 'static) -> Self
    where
        S: Service<Delivery, Response = Verdict> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Display + Send,
    {
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            // Who dropped it wants it to stop, too.
            let _ = stopped.await;
        };
        let besides = async {
            besides.await;
            pending().await
        };
        let done = async {
            tokio::select! {
                progress = worker.run(stopped) => progress,
                progress = besides => progress,
            }
        };
        Self {
            stop,
            done: tokio::spawn(done),
        }
    }

    async fn stop(self) -> Result<Progress, JoinError> {
        let _ = self.stop.send(());
        self.done.await
    }
}

/// Answers each task with what answers callers when it is its turn.
#[derive(Clone)]
struct Answers(Arc<App>);

impl Service<Delivery> for Answers {
    type Response = Verdict;
    type Error = LlmError;
    type Future = ReplayFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LlmError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, delivery: Delivery) -> ReplayFuture {
        replay(&self.0).call(delivery)
    }
}

/// Always ready, as the service behind it is.
fn replay(app: &Arc<App>) -> Replay<Dispatch> {
    let serving = app.serving();
    let limits = &serving.config.limits;
    let dispatch = Dispatch {
        app: Arc::clone(app),
        serving: Arc::clone(&serving),
    };
    let replay = Replay::new(dispatch)
        .max_calls(limits.max_calls)
        .deadline(limits.deadline);
    match &serving.config.queue.default_model {
        Some(model) => replay.model(model.as_str()),
        None => replay,
    }
}

/// Gives each request to the stack of its model.
#[derive(Clone)]
struct Dispatch {
    app: Arc<App>,
    serving: Arc<Serving>,
}

impl Service<LlmRequest> for Dispatch {
    type Response = LlmResponse;
    type Error = LlmError;
    type Future = BoxFuture<'static, Result<LlmResponse, LlmError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LlmError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: LlmRequest) -> Self::Future {
        match self.serving.stack(request.model()) {
            Some(stack) => {
                let traced = self.app.telemetry.later().layer(stack);
                Box::pin(traced.oneshot(request))
            }
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
                models_paused = now.lanes_paused,
                open = now.open,
                per_second = now.rate,
                left_seconds = now.left.map(|left| left.as_secs()),
                "working at the queue"
            );
        }
        told = now;
    }
}
