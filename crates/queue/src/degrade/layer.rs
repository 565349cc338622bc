use super::{Degrade, service::Shared};
use crate::Queue;
use std::{sync::Arc, time::Duration};
use tower_layer::Layer;

/// Queues what could not be answered, and gives a degraded answer instead of the error.
///
/// It belongs around everything that tries to get an answer: retries, fallbacks, the deadline.
/// What has failed for the request's own fault stays an error; what is worth another try later is
/// for its [policy](crate::DegradePolicy) to say, and what is written down for it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use buttress_core::{AsFailure, Failure};
/// use buttress_queue::{
///     Degradable, DegradeLayer, DegradePolicy, Memory, Queue, Settings, Task, is_worth_queueing,
/// };
/// use std::io;
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// /// Questions are strings.
/// struct Questions;
///
/// impl DegradePolicy<String, io::Error> for Questions {
///     type Kept = String;
///
///     fn keep(&self, question: &String) -> Option<String> {
///         Some(question.clone())
///     }
///
///     fn degrades(&self, error: &io::Error) -> Option<Failure> {
///         Some(error.as_failure()).filter(is_worth_queueing)
///     }
///
///     fn task(&self, question: String, _: &io::Error) -> Option<Task> {
///         let messages = serde_json::json!([{"role": "user", "content": question}]);
///         Some(Task::new(serde_json::value::to_raw_value(&messages).ok()?))
///     }
/// }
///
/// let queue = Queue::new(Memory::new(Settings::new()));
/// let service = ServiceBuilder::new()
///     .layer(DegradeLayer::new(queue.clone(), Questions))
///     .service(service_fn(async |_: String| Err::<String, _>(io::ErrorKind::ConnectionRefused.into())));
///
/// let Degradable::Degraded(degraded) = service.oneshot("Why?".to_owned()).await? else {
///     unreachable!("nobody is there to answer");
/// };
/// let id = degraded.id().expect("the store acknowledged it");
/// assert!(queue.inspect(id).await?.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DegradeLayer<P> {
    shared: Arc<Shared<P>>,
}

impl<P> DegradeLayer<P> {
    /// How long a caller waits for the store by default: 2 s.
    pub const DEFAULT_LIMIT: Duration = Duration::from_secs(2);

    /// Puts what this policy says into this queue.
    #[must_use]
    pub fn new(queue: Queue, policy: P) -> Self {
        let shared = Arc::new(Shared {
            queue,
            policy,
            limit: Self::DEFAULT_LIMIT,
        });
        Self { shared }
    }

    /// Sets how long a caller waits for the store to acknowledge a task
    /// [[2 s](Self::DEFAULT_LIMIT)]. After that it is told that nothing is queued.
    #[must_use]
    pub fn limit(self, limit: Duration) -> Self
    where
        P: Clone,
    {
        let mut shared = Arc::unwrap_or_clone(self.shared);
        shared.limit = limit;
        Self {
            shared: Arc::new(shared),
        }
    }
}

impl<P> Clone for DegradeLayer<P> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S, P> Layer<S> for DegradeLayer<P> {
    type Service = Degrade<S, P>;

    fn layer(&self, inner: S) -> Degrade<S, P> {
        Degrade::of(inner, Arc::clone(&self.shared))
    }
}
