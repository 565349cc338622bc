use buttress_queue::{Queue, StoreError};
use buttress_tests::queue::{Job, Lane, What};
use std::time::Duration;
use tokio::{task::JoinSet, time::sleep};

/// Fills all lanes at once.
pub(crate) async fn fill(queue: Queue, lanes: Vec<Lane>, pause: u64) {
    let mut filling = JoinSet::new();
    for lane in lanes {
        filling.spawn(fill_one(queue.clone(), lane, Duration::from_millis(pause)));
    }
    filling.join_all().await;
}

/// Each job once it is known that the one before it is kept.
async fn fill_one(queue: Queue, lane: Lane, pause: Duration) {
    for at in lane.from..lane.to {
        let job = Job::new(lane.number, at);
        loop {
            What::Asks { job: job.0 }.tell();
            let error = match queue.enqueue(job.task()).await {
                Ok(kept) => {
                    let id = kept.id.to_string();
                    What::Kept { job: job.0, id }.tell();
                    break;
                }
                Err(error) => error,
            };
            What::Refused {
                job: job.0,
                why: error.as_str().to_owned(),
            }
            .tell();
            // It may be kept. With its key it is kept once, however often it is asked for.
            sleep(pause.max(Duration::from_millis(50))).await;
            if matches!(error, StoreError::TooLarge { .. }) {
                break;
            }
        }
        sleep(pause).await;
    }
}
