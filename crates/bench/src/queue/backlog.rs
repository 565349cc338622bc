//! A worker and a long backlog: how steadily it is drained, in how much memory, and how honest the
//! estimates of what is left were.

use buttress_queue::{Delivery, Entry, Progress, Queue, Store, Task, Verdict, Worker};
use std::{convert::Infallible, error::Error, fs, sync::Arc, time::Duration};
use tokio::time::{Instant, interval};
use tower::service_fn;

/// Each task takes the service so long.
const TAKES: Duration = Duration::from_millis(2);

/// What was told at one time.
struct Sample {
    at: Duration,
    progress: Progress,
    memory: u64,
}

pub(crate) async fn drain(store: &Arc<dyn Store>) -> Result<(), Box<dyn Error>> {
    let queue = Queue::from(Arc::clone(store));
    let tasks = queue.counts().await?.open();
    // From here on the most memory that was taken is the worker's.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let worker = Worker::new(queue, service_fn(serve)).at_once(64);
    let progress = worker.progress();
    let begun = Instant::now();
    let mut samples = Vec::new();
    let mut all = progress.clone();
    let watch = async {
        let mut tick = interval(Duration::from_secs(5));
        loop {
            tick.tick().await;
            let progress = *progress.borrow();
            let at = begun.elapsed();
            samples.push(Sample {
                at,
                progress,
                memory: most_memory(),
            });
            println!(
                "  {:>5.0?} s  {:>8} done  {:>6.0}/s  {:>8} open  left {:>8}  {} MB",
                at.as_secs_f64(),
                progress.done,
                progress.rate,
                progress.open.unwrap_or_default(),
                progress.left.map_or("-".to_owned(), |left| format!(
                    "{:.0?} s",
                    left.as_secs_f64()
                )),
                most_memory() >> 10,
            );
        }
    };
    let done = async {
        let _ = all
            .wait_for(|progress| progress.done + progress.dead >= tasks)
            .await;
    };
    tokio::select! {
        progress = worker.run(done) => assert_eq!(progress.done, tasks),
        () = watch => {}
    }
    report(&samples, begun.elapsed());
    Ok(())
}

/// A task as it is queued: of so many bytes.
pub(crate) fn entry(bytes: usize) -> Entry {
    let text = "x".repeat(bytes);
    let task = Task::parse(format!(r#"{{"messages": ["{text}"]}}"#).as_bytes());
    Entry::new(task.map(|task| task.to_json()).unwrap_or_default())
}

async fn serve(delivery: Delivery) -> Result<Verdict, Infallible> {
    tokio::time::sleep(TAKES).await;
    Ok(Verdict::Done(
        format!("{} bytes", delivery.task.messages.get().len()).into(),
    ))
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn report(samples: &[Sample], took: Duration) {
    println!("drained in {:.0} s", took.as_secs_f64());
    let rates: Vec<f64> = samples
        .windows(2)
        .map(|pair| {
            let done = pair[1].progress.done - pair[0].progress.done;
            done as f64 / (pair[1].at - pair[0].at).as_secs_f64()
        })
        .collect();
    for (quarter, rates) in rates.chunks(rates.len().div_ceil(4).max(1)).enumerate() {
        let rate = rates.iter().sum::<f64>() / rates.len() as f64;
        println!("  quarter {}: {rate:.0} tasks/s", quarter + 1);
    }
    for part in [0.1, 0.25, 0.5, 0.75, 0.9] {
        let at = took.mul_f64(part);
        if let Some(sample) = samples.iter().find(|sample| sample.at >= at) {
            let (left, said) = (took.saturating_sub(sample.at), sample.progress.left);
            println!(
                "  after {:>4.0} s: {:>4.0} s were left, {} were said to be; {} MB",
                sample.at.as_secs_f64(),
                left.as_secs_f64(),
                said.map_or("nothing".to_owned(), |said| format!(
                    "{:.0} s",
                    said.as_secs_f64()
                )),
                sample.memory >> 10,
            );
        }
    }
}

/// The most memory that this process has taken, in KiB.
fn most_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_default()
}
