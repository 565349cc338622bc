use crate::die;
use buttress_queue::{Delivery, Queue, Verdict, Worker};
use buttress_tests::queue::{Job, Plan, What};
use std::{convert::Infallible, time::Duration};
use tokio::time::sleep;
use tower::service_fn;

pub(crate) async fn work(queue: Queue, at_once: usize, lease: u64, end: impl Future<Output = ()>) {
    let worker = Worker::new(queue, service_fn(serve))
        .at_once(at_once)
        .lease(Duration::from_millis(lease))
        .backoff(Duration::from_millis(20), Duration::from_millis(200))
        .longest_pause(Duration::from_millis(50))
        .idle(Duration::from_millis(20))
        .grace(Duration::from_millis(100));
    worker.run(end).await;
}

async fn serve(delivery: Delivery) -> Result<Verdict, Infallible> {
    let job = Job::of(&delivery.task);
    let id = delivery.id.to_string();
    What::Begins {
        id: id.clone(),
        job: job.map(|job| job.0),
        deliveries: delivery.deliveries,
    }
    .tell();
    let Some(job) = job else {
        return Ok(Verdict::Dead("not whole".to_owned()));
    };
    let at_work = AtWork(id);
    sleep(job.takes()).await;
    let verdict = match job.plan() {
        Plan::Poison => die(),
        Plan::Dead => Verdict::Dead("its own fault".to_owned()),
        Plan::Later if delivery.deliveries == 1 => Verdict::failed("not today"),
        Plan::Later | Plan::Done => Verdict::Done(job.result()),
    };
    at_work.ends();
    Ok(verdict)
}

/// Tells when it is broken off.
struct AtWork(String);

impl AtWork {
    fn ends(mut self) {
        let id = std::mem::take(&mut self.0);
        What::Ends { id }.tell();
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            let id = std::mem::take(&mut self.0);
            What::Broken { id }.tell();
        }
    }
}
