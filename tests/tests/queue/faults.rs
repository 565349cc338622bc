//! One fault at a time, each with one outcome, through processes that meet it.

use crate::{process::Process, redis_server::RedisServer, story::Story};
use buttress_queue::{
    Delivery, Queue, Record, Settings, SqliteStore, State, Store, StoreError, Task, TaskId,
    Verdict, Worker,
};
use buttress_tests::queue::{Death, Job, Lane, Order, Role, What, open};
use bytes::Bytes;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{json, value::to_raw_value};
use std::{
    convert::Infallible,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};
use tempfile::TempDir;
use tokio::{sync::Notify, time::sleep};
use tower::service_fn;

const LEASE: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn sqlite(folder: &TempDir) -> String {
    format!("sqlite:{}", folder.path().join("queue.db").display())
}

fn order(url: &str, role: Role) -> Order {
    Order {
        url: url.to_owned(),
        role,
        death: None,
        max_deliveries: 4,
    }
}

fn enqueue(url: &str, to: u64) -> Order {
    let lane = |number| Lane {
        number,
        from: 0,
        to,
    };
    let lanes = (0..4).map(lane).collect();
    order(url, Role::Enqueue { lanes, pause: 0 })
}

fn work(url: &str) -> Order {
    let lease = 1000;
    order(url, Role::Work { at_once: 8, lease })
}

async fn store(url: &str) -> Arc<dyn Store> {
    let mut settings = Settings::new();
    settings.max_deliveries = 4;
    open(url, settings).await.expect("it is there")
}

/// Asks until it is so.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let begun = SystemTime::now();
    while !is_so().await {
        let waited = begun.elapsed().unwrap_or_default();
        assert!(waited < 2 * MINUTE, "waited in vain: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn until_drained(store: &dyn Store) {
    let empty = async || store.counts().await.is_ok_and(|counts| counts.open() == 0);
    until("all are done", empty).await;
}

async fn keep(queue: &Queue, task: Task) -> TaskId {
    queue.enqueue(task).await.expect("it is kept").id
}

async fn record(store: &dyn Store, id: TaskId) -> Record {
    let record = store.inspect(id).await.expect("it is there");
    record.expect("it is kept")
}

/// A process that puts [`ALL`] tasks in, and one that works at them.
struct Pair {
    enqueuer: Process,
    worker: Process,
}

const ALL: u64 = 240;

impl Pair {
    /// Starts both, and waits until some are done.
    async fn at_work(url: &str) -> Self {
        let pair = Self {
            enqueuer: Process::start(&enqueue(url, ALL / 4)),
            worker: Process::start(&work(url)),
        };
        let store = store(url).await;
        let some = async || store.counts().await.is_ok_and(|counts| counts.done > 5);
        until("there are some", some).await;
        pair
    }

    /// Waits until all are done, each once, and says why any was refused at first.
    async fn end(self, url: &str) -> Vec<String> {
        let store = store(url).await;
        let done = async || {
            let counts = store.counts().await;
            counts.is_ok_and(|counts| counts.done + counts.dead >= ALL)
        };
        until("all are done", done).await;
        let mut story = Story::default();
        let enqueuer = self.enqueuer.end().await;
        story.add(&enqueuer);
        story.add(&self.worker.end().await);
        let tally = story.check(LEASE);
        assert_eq!(
            (tally.kept as u64, tally.after_a_kill),
            (ALL, 0),
            "{tally:?}"
        );
        refusals(&enqueuer).into_iter().map(str::to_owned).collect()
    }
}

/// Why it was refused, each reason once.
fn refusals(life: &crate::process::Life) -> Vec<&str> {
    let mut whys: Vec<&str> = life
        .events
        .iter()
        .filter_map(|event| match &event.what {
            What::Refused { why, .. } => Some(why.as_str()),
            _ => None,
        })
        .collect();
    whys.sort_unstable();
    whys.dedup();
    whys
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_refuses_new_tasks_and_is_gone_on_with_when_there_is_room() {
    let folder = TempDir::new().expect("a folder");
    let url = sqlite(&folder);
    let mut full = enqueue(&url, 1_000_000);
    full.death = Some(Death::FullDisk { bytes: 2_000_000 });
    let life = Process::start(&full).live(Duration::from_secs(4)).await;
    assert_eq!(refusals(&life), ["full"]);
    let mut story = Story::default();
    story.add(&life);
    assert!(story.kept.len() > 20);

    // A worker that can't write down what it takes takes nothing, and does not end.
    let mut cramped = work(&url);
    cramped.death = Some(Death::FullDisk { bytes: 4096 });
    let worker = Process::start(&cramped);
    sleep(Duration::from_secs(3)).await;
    let store = store(&url).await;
    let before = store.counts().await.expect("it is read");
    assert_eq!((before.done, before.leased), (0, 0));
    assert!(before.open() >= story.kept.len() as u64);

    let roomy = Rlimit {
        current: None,
        maximum: None,
    };
    let pid = i32::try_from(worker.pid()).ok().and_then(Pid::from_raw);
    prlimit(pid, Resource::Fsize, roomy).expect("it is our own");
    until_drained(&*store).await;
    let life = worker.end().await;
    assert!(life.status.success(), "{}", life.status);
    story.add(&life);
    let tally = story.check(LEASE);
    assert_eq!((tally.after_a_kill, tally.overlaps), (0, 0));
    for id in story.kept.values() {
        assert!(
            store
                .inspect(*id)
                .await
                .is_ok_and(|record| record.is_some())
        );
    }
}

/// On a task that kills its worker each time. There is company, which is done.
async fn poison(url: &str) {
    let store = store(url).await;
    let queue = Queue::from(Arc::clone(&store));
    let poison = keep(&queue, Job(Job::POISON).task()).await;
    for lane in 1..4 {
        for at in 0..5 {
            keep(&queue, Job::new(lane, at).task()).await;
        }
    }
    let mut killed = 0;
    while store.counts().await.expect("it is there").open() > 0 {
        let life = Process::start(&work(url))
            .live(Duration::from_secs(5))
            .await;
        let met = life.events.iter().any(
            |event| matches!(&event.what, What::Begins { id, .. } if *id == poison.to_string()),
        );
        killed += usize::from(met);
    }
    assert_eq!(killed, 4);
    let record = record(&*store, poison).await;
    assert_eq!(record.state, State::Dead);
    assert_eq!(record.reason.as_deref(), Some("delivered too often"));
    assert_eq!(record.deliveries, 4);
    assert!(record.payload.is_some());
    let counts = store.counts().await.expect("it is there");
    assert_eq!((counts.open(), counts.done + counts.dead), (0, 16));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_kills_its_worker_is_a_dead_letter_in_sqlite() {
    let folder = TempDir::new().expect("a folder");
    poison(&sqlite(&folder)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_kills_its_worker_is_a_dead_letter_in_redis() {
    let server = RedisServer::start(&[]);
    poison(&server.url()).await;
}

async fn ten_megabytes(url: &str) {
    let queue = Queue::from(store(url).await);
    let text = "0123456789".repeat(1 << 20);
    let messages = to_raw_value(&json!([text])).expect("it is JSON");
    let id = keep(&queue, Task::new(messages)).await;
    let echo = service_fn(async |delivery: Delivery| {
        let said = delivery.task.messages.get().to_owned();
        Ok::<_, Infallible>(Verdict::Done(said.into()))
    });
    let worker = Worker::new(queue.clone(), echo);
    let mut progress = worker.progress();
    let done = async {
        let _ = progress.wait_for(|progress| progress.done == 1).await;
    };
    worker.run(done).await;
    let kept = queue
        .inspect(id)
        .await
        .expect("it is there")
        .expect("it is kept");
    let result = kept.result.expect("it is done").expect("nothing is sealed");
    assert_eq!(result, json!([text]).to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_megabytes_are_a_task_and_a_result_like_any_other() {
    let folder = TempDir::new().expect("a folder");
    ten_megabytes(&sqlite(&folder)).await;
    let server = RedisServer::start(&[]);
    ten_megabytes(&server.url()).await;
}

/// A store whose clock can be turned.
fn with_hands(path: &Path) -> (SqliteStore, Arc<AtomicI64>) {
    let hands = Arc::new(AtomicI64::new(0));
    let turned = Arc::clone(&hands);
    let store = SqliteStore::open(path, Settings::new()).expect("it is there");
    let store = store.clock(move || {
        let by = turned.load(SeqCst);
        let span = Duration::from_secs(by.unsigned_abs());
        match by {
            0.. => SystemTime::now() + span,
            _ => SystemTime::now() - span,
        }
    });
    (store, hands)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_while_a_task_is_worked_at_ends_it_once() {
    for hours in [1_i64, 48, -1, -48] {
        let folder = TempDir::new().expect("a folder");
        let (store, hands) = with_hands(&folder.path().join("queue.db"));
        let queue = Queue::new(store);
        let id = keep(&queue, Job::new(0, 0).task()).await;
        let (began, ended) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
        let service = {
            let (began, ended) = (Arc::clone(&began), Arc::clone(&ended));
            service_fn(move |_: Delivery| {
                let (began, ended) = (Arc::clone(&began), Arc::clone(&ended));
                async move {
                    began.notify_one();
                    sleep(Duration::from_secs(2)).await;
                    ended.fetch_add(1, SeqCst);
                    Ok::<_, Infallible>(Verdict::Done(Bytes::new()))
                }
            })
        };
        let over = Arc::new(Notify::new());
        let mut workers = Vec::new();
        for _ in 0..2 {
            let worker = Worker::new(queue.clone(), service.clone()).lease(LEASE);
            let over = Arc::clone(&over);
            let worker = worker.idle(Duration::from_millis(20));
            workers.push(tokio::spawn(
                worker.run(async move { over.notified().await }),
            ));
        }
        began.notified().await;
        hands.store(hours * 3600, SeqCst);
        until_drained(&**queue.store()).await;
        over.notify_waiters();
        let (mut done, mut lost) = (0, 0);
        for worker in workers {
            let progress = worker.await.expect("it does not panic");
            done += progress.done;
            lost += progress.lost;
        }
        let record = record(&**queue.store(), id).await;
        assert_eq!((record.state, done), (State::Done, 1), "{hours} h");
        assert_eq!(ended.load(SeqCst), 1, "{hours} h: whoever lost it went on");
        assert_eq!(u64::from(record.deliveries), 1 + lost, "{hours} h");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_program_holds_is_waited_for() {
    let folder = TempDir::new().expect("a folder");
    let url = sqlite(&folder);
    let store = store(&url).await;
    let path = folder.path().join("queue.db");
    let mut holder = rusqlite::Connection::open(path).expect("it is there");
    let pair = Pair::at_work(&url).await;
    holder
        .busy_timeout(Duration::from_secs(30))
        .expect("it is a number");
    let held = holder
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .expect("it is our turn");
    let refused = store.enqueue(buttress_queue::Entry::new("x")).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    // So long did all others wait as well.
    sleep(Duration::from_secs(1)).await;
    drop(held);
    // None, where it had put them all in before the file was held.
    let refused = pair.end(&url).await;
    assert!(
        refused.iter().all(|why| *why == "unavailable"),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_for_a_while_is_waited_for() {
    // `BUTTRESS_OUTAGE=60` for a minute.
    let outage = crate::setting("BUTTRESS_OUTAGE", 4);
    let mut server = RedisServer::start(&["--appendfsync", "always"]);
    let url = server.url();
    let pair = Pair::at_work(&url).await;
    server.kill();
    sleep(Duration::from_secs(outage)).await;
    server.restart();
    assert_eq!(pair.end(&url).await, ["unavailable"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_memory_refuses_new_tasks_and_is_drained() {
    let server = RedisServer::start(&["--maxmemory-policy", "noeviction"]);
    let url = server.url();
    let store = store(&url).await;
    server.say(&[b"CONFIG", b"SET", b"maxmemory", b"6mb"]);
    let enqueuer = Process::start(&enqueue(&url, 1_000_000));
    let life = enqueuer.live(Duration::from_secs(6)).await;
    assert_eq!(refusals(&life), ["full"]);
    let mut story = Story::default();
    story.add(&life);
    let worker = Process::start(&work(&url));
    until_drained(&*store).await;
    story.add(&worker.end().await);
    story.check(LEASE);
    let counts = store.counts().await.expect("it is there");
    assert!(
        counts.done + counts.dead >= story.kept.len() as u64,
        "{counts:?}"
    );
}
