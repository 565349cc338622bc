//! The queue's engines: how many tasks a second they take, and give out.
//!
//! `queue sqlite [FOLDER]` writes to a new file in this folder, `queue redis URL` to a server that
//! has nothing else to do. With `backlog N` behind it, so many tasks are there before. With
//! `drain N` a worker is given so many, and it is told how it gets on with them.
#![allow(
    clippy::print_stdout,
    reason = "the table it prints is what this program is for"
)]

mod backlog;

use buttress_queue::{RedisStore, Settings, SqliteStore, Store};
use std::{
    env,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::Instant;

/// As large as a short conversation.
const PAYLOAD: usize = 1024;
const LEASE: Duration = Duration::from_secs(600);

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let mut arguments = arguments.iter().map(String::as_str);
    let (engine, place) = (arguments.next(), arguments.next());
    let mode = arguments.next();
    let backlog = match mode {
        Some("backlog" | "drain") => arguments.next().unwrap_or("1000000").parse()?,
        _ => 0,
    };
    let settings = Settings::new();
    let folder;
    let store: Arc<dyn Store> = match (engine, place) {
        (Some("redis"), Some(url)) => Arc::new(RedisStore::connect(url, settings).await?),
        (None | Some("sqlite"), place) => {
            folder = match place {
                Some(place) => tempfile::TempDir::new_in(place)?,
                None => tempfile::TempDir::new()?,
            };
            Arc::new(SqliteStore::open(folder.path().join("queue.db"), settings)?)
        }
        _ => return Err("queue [sqlite [FOLDER] | redis URL] [backlog N | drain N]".into()),
    };
    if backlog > 0 {
        let rate = enqueue(&store, 512, backlog).await?;
        println!("a backlog of {backlog} tasks: {rate:.0} tasks/s");
    }
    if mode == Some("drain") {
        return backlog::drain(&store).await;
    }
    println!("tasks of {PAYLOAD} bytes per second");
    for (callers, tasks) in [(1, 500), (8, 4_000), (64, 30_000), (512, 60_000)] {
        let rate = enqueue(&store, callers, tasks).await?;
        println!("  enqueued by {callers:>3} callers at once       {rate:>9.0}");
    }
    for (workers, batch, tasks) in [(1, 1, 500), (8, 8, 8_000), (64, 8, 30_000)] {
        let rate = drain(&store, workers, batch, tasks).await?;
        println!("  given out and done, {workers:>2} workers by {batch}     {rate:>9.0}");
    }
    Ok(())
}

/// So many tasks, by so many callers each of whom waits for its own.
async fn enqueue(store: &Arc<dyn Store>, callers: u64, tasks: u64) -> Result<f64, Box<dyn Error>> {
    let began = Instant::now();
    let mut running = Vec::new();
    for _ in 0..callers {
        let store = Arc::clone(store);
        running.push(tokio::spawn(async move {
            for _ in 0..tasks / callers {
                store.enqueue(backlog::entry(PAYLOAD)).await?;
            }
            Ok::<_, buttress_queue::StoreError>(())
        }));
    }
    for one in running {
        one.await??;
    }
    Ok(per_second(tasks, began))
}

async fn drain(
    store: &Arc<dyn Store>,
    workers: usize,
    batch: usize,
    tasks: u64,
) -> Result<f64, Box<dyn Error>> {
    let began = Instant::now();
    let done = Arc::new(AtomicU64::new(0));
    let mut running = Vec::new();
    for worker in 0..workers {
        let (store, done) = (Arc::clone(store), Arc::clone(&done));
        running.push(tokio::spawn(async move {
            while done.load(Relaxed) < tasks {
                for claimed in store
                    .claim(&format!("worker-{worker}"), batch, LEASE)
                    .await?
                {
                    store.finish(&claimed.lease, "done".into()).await?;
                    done.fetch_add(1, Relaxed);
                }
            }
            Ok::<_, buttress_queue::StoreError>(())
        }));
    }
    for one in running {
        one.await??;
    }
    Ok(per_second(done.load(Relaxed), began))
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn per_second(tasks: u64, began: Instant) -> f64 {
    tasks as f64 / began.elapsed().as_secs_f64()
}
