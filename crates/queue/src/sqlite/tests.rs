use super::*;
use crate::{Delivery, Task, Verdict, Worker};
use buttress_store::sqlite::rusqlite;
use std::{
    convert::Infallible,
    sync::atomic::{AtomicI64, Ordering::Relaxed},
    time::UNIX_EPOCH,
};
use tempfile::TempDir;
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};
use tower::service_fn;

const MINUTE: Duration = Duration::from_secs(60);

/// A clock that stands still until it is set.
#[derive(Clone, Default)]
struct Hands(Arc<AtomicI64>);

impl Hands {
    fn turn(&self, by: Duration) {
        self.0
            .fetch_add(by.as_millis().try_into().unwrap(), Relaxed);
    }

    fn turn_back(&self, by: Duration) {
        self.0
            .fetch_sub(by.as_millis().try_into().unwrap(), Relaxed);
    }

    fn now(&self) -> SystemTime {
        let start = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let set = self.0.load(Relaxed);
        let span = Duration::from_millis(set.unsigned_abs());
        if set < 0 { start - span } else { start + span }
    }
}

fn open(folder: &TempDir) -> (SqliteStore, Hands) {
    with(folder, Settings::new())
}

fn with(folder: &TempDir, settings: Settings) -> (SqliteStore, Hands) {
    let hands = Hands::default();
    let clock = hands.clone();
    let store = SqliteStore::open(folder.path().join("queue.db"), settings).unwrap();
    (store.clock(move || clock.now()), hands)
}

fn task(hands: &Hands, session: Option<&str>) -> Entry {
    let mut entry = Entry::new("do it").queued_at(hands.now());
    entry.session = session.map(str::to_owned);
    entry
}

async fn one(store: &SqliteStore) -> Option<Claimed> {
    let claimed = store.claim("w", 1, MINUTE).await.unwrap();
    claimed.into_iter().next()
}

async fn state(store: &SqliteStore, id: TaskId) -> Option<State> {
    store.inspect(id).await.unwrap().map(|record| record.state)
}

#[tokio::test]
async fn a_task_is_stored_given_out_and_done() {
    let folder = TempDir::new().unwrap();
    let (store, hands) = open(&folder);
    let id = store.enqueue(task(&hands, None)).await.unwrap().id;
    let claimed = one(&store).await.unwrap();
    assert_eq!((claimed.entry.id, claimed.deliveries), (id, 1));
    assert_eq!(&claimed.entry.payload[..], b"do it");
    assert!(one(&store).await.is_none());
    store.finish(&claimed.lease, "done".into()).await.unwrap();
    let record = store.inspect(id).await.unwrap().unwrap();
    assert_eq!(record.state, State::Done);
    assert_eq!(record.result.as_deref(), Some(&b"done"[..]));
    assert_eq!(record.payload, None);
    let again = store.finish(&claimed.lease, Bytes::new()).await;
    assert!(matches!(again, Err(StoreError::Lost)), "{again:?}");
}

#[tokio::test]
async fn what_was_acknowledged_is_there_when_the_file_is_opened_again() {
    let folder = TempDir::new().unwrap();
    let (store, hands) = open(&folder);
    let id = store.enqueue(task(&hands, Some("s"))).await.unwrap().id;
    let behind = store.enqueue(task(&hands, Some("s"))).await.unwrap().id;
    drop(store);
    let (store, _) = open(&folder);
    assert_eq!(state(&store, id).await, Some(State::Waiting));
    assert_eq!(state(&store, behind).await, Some(State::Behind));
    assert_eq!(store.counts().await.unwrap().open(), 2);
}

#[tokio::test]
async fn two_that_have_the_file_open_share_its_tasks() {
    let folder = TempDir::new().unwrap();
    let ((one, hands), (other, _)) = (open(&folder), open(&folder));
    for _ in 0..20 {
        one.enqueue(task(&hands, None)).await.unwrap();
    }
    let (a, b) = tokio::join!(one.claim("a", 15, MINUTE), other.claim("b", 15, MINUTE));
    assert_eq!(a.unwrap().len() + b.unwrap().len(), 20);
}

#[tokio::test]
async fn a_clock_that_is_set_forward_ends_leases_and_the_first_to_hold_one_is_told() {
    let folder = TempDir::new().unwrap();
    let (store, hands) = open(&folder);
    store.enqueue(task(&hands, None)).await.unwrap();
    let first = one(&store).await.unwrap();
    hands.turn(MINUTE * 600);
    let second = one(&store).await.unwrap();
    assert_eq!(second.deliveries, 2);
    let late = store.finish(&first.lease, Bytes::new()).await;
    assert!(matches!(late, Err(StoreError::Lost)), "{late:?}");
    store.finish(&second.lease, Bytes::new()).await.unwrap();
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_nothing_for_ever() {
    let folder = TempDir::new().unwrap();
    let (store, hands) = open(&folder);
    store.enqueue(task(&hands, None)).await.unwrap();
    let lease = one(&store).await.unwrap().lease;
    store.postpone(&lease, MINUTE, true, "later").await.unwrap();
    store.enqueue(task(&hands, None)).await.unwrap();
    let held = one(&store).await.unwrap();
    // By a year: neither the lease nor the wait could have been meant to last so long.
    hands.turn_back(Duration::from_secs(365 * 86_400));
    let due = store.claim("w", 9, MINUTE).await.unwrap();
    assert_eq!(due.len(), 2);
    let late = store.renew(&held.lease, MINUTE).await;
    assert!(matches!(late, Err(StoreError::Lost)), "{late:?}");
}

#[tokio::test]
async fn a_task_that_kills_whoever_has_it_is_a_dead_letter_in_the_end() {
    let folder = TempDir::new().unwrap();
    let (store, hands) = open(&folder);
    let id = store.enqueue(task(&hands, Some("s"))).await.unwrap().id;
    let next = store.enqueue(task(&hands, Some("s"))).await.unwrap().id;
    for delivery in 1..=10 {
        assert_eq!(one(&store).await.unwrap().deliveries, delivery);
        hands.turn(MINUTE);
    }
    // The one behind it is given out at once.
    assert_eq!(one(&store).await.unwrap().entry.id, next);
    let record = store.inspect(id).await.unwrap().unwrap();
    assert_eq!(record.state, State::Dead);
    assert_eq!(record.reason.as_deref(), Some("delivered too often"));
}

#[tokio::test]
async fn what_is_too_large_or_too_many_is_refused_and_nothing_is_lost() {
    let folder = TempDir::new().unwrap();
    let mut settings = Settings::new();
    (
        settings.max_tasks,
        settings.max_task_bytes,
        settings.max_bytes,
    ) = (3, 10, 12);
    let (store, hands) = with(&folder, settings);
    let large = store.enqueue(Entry::new("eleven byte")).await;
    assert!(
        matches!(
            large,
            Err(StoreError::TooLarge {
                bytes: 11,
                most: 10
            })
        ),
        "{large:?}"
    );
    store.enqueue(task(&hands, None)).await.unwrap();
    store.enqueue(task(&hands, None)).await.unwrap();
    let full = store.enqueue(task(&hands, None)).await;
    assert!(matches!(full, Err(StoreError::Full(_))), "{full:?}");
    store.enqueue(Entry::new("it")).await.unwrap();
    let full = store.enqueue(Entry::new("")).await;
    assert!(matches!(full, Err(StoreError::Full(_))), "{full:?}");
    assert_eq!(store.claim("w", 9, MINUTE).await.unwrap().len(), 3);
}

#[tokio::test]
async fn ten_megabytes_are_a_task_like_any_other() {
    let folder = TempDir::new().unwrap();
    let (store, _) = open(&folder);
    let payload = vec![b'x'; 10 << 20];
    store.enqueue(Entry::new(payload.clone())).await.unwrap();
    assert_eq!(one(&store).await.unwrap().entry.payload, payload);
}

#[tokio::test]
async fn a_file_that_can_only_be_read_says_so_and_is_read() {
    let folder = TempDir::new().unwrap();
    let (store, hands) = open(&folder);
    let id = store.enqueue(task(&hands, None)).await.unwrap().id;
    // As if the file system had been mounted anew: whoever runs tests as root may write any file.
    store
        .write(|connection, _| Ok(connection.pragma_update(None, "query_only", true)?))
        .await
        .unwrap();
    let refused = store.enqueue(task(&hands, None)).await;
    assert!(
        matches!(refused, Err(StoreError::ReadOnly(_))),
        "{refused:?}"
    );
    assert_eq!(state(&store, id).await, Some(State::Waiting));
}

#[tokio::test]
async fn a_worker_whose_file_can_only_be_read_takes_nothing_and_waits() {
    let folder = TempDir::new().unwrap();
    let (store, _) = open(&folder);
    let read_only = |only: bool| {
        store.write(move |connection, _| Ok(connection.pragma_update(None, "query_only", only)?))
    };
    let queue = crate::Queue::new(store.clone());
    let task = Task::parse(br#"{"messages": ["Hi"]}"#).unwrap();
    let id = queue.enqueue(task).await.unwrap().id;
    read_only(true).await.unwrap();
    let service = service_fn(async |_: Delivery| Ok::<_, Infallible>(Verdict::Done("Ho".into())));
    let worker = Worker::new(queue, service).idle(Duration::from_millis(10));
    let progress = worker.progress();
    let (stop, stopped) = oneshot::channel::<()>();
    let worker = tokio::spawn(worker.run(async { drop(stopped.await) }));
    // It asks once a second.
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(state(&store, id).await, Some(State::Waiting));
    assert_eq!(progress.borrow().done, 0);
    assert!(!worker.is_finished());
    drop(stop);
    timeout(MINUTE, worker).await.unwrap().unwrap();
    // As if it had been mounted anew.
    let (store, _) = open(&folder);
    let claimed = one(&store).await.unwrap();
    assert_eq!((claimed.entry.id, claimed.deliveries), (id, 1));
}

#[tokio::test]
async fn a_full_disk_refuses_what_does_not_fit_and_keeps_what_does() {
    let folder = TempDir::new().unwrap();
    let (store, hands) = open(&folder);
    // As SQLite is told of a disk: so many pages, and no more.
    let disk = |pages: u32| {
        store.write(move |connection, _| {
            let pages = format!("PRAGMA max_page_count = {pages}");
            Ok(connection.query_row(&pages, [], |row| row.get::<_, i64>(0))?)
        })
    };
    disk(200).await.unwrap();
    let mut kept = Vec::new();
    let refused = loop {
        let mut entry = task(&hands, None);
        entry.payload = vec![b'x'; 100_000].into();
        match store.enqueue(entry).await {
            Ok(enqueued) => kept.push(enqueued.id),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(refused, StoreError::Full("the disk")),
        "{refused:?}"
    );
    for id in &kept {
        assert_eq!(state(&store, *id).await, Some(State::Waiting));
    }
    disk(10_000).await.unwrap();
    let claimed = store.claim("w", 100, MINUTE).await.unwrap();
    assert_eq!(claimed.len(), kept.len());
    for claimed in claimed {
        store.finish(&claimed.lease, Bytes::new()).await.unwrap();
    }
    store.enqueue(task(&hands, None)).await.unwrap();
}

#[tokio::test]
async fn what_is_no_database_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("queue.db");
    std::fs::write(
        &path,
        "a letter of some length, which is no database at all",
    )
    .unwrap();
    let refused = SqliteStore::open(&path, Settings::new());
    assert!(
        matches!(refused, Err(StoreError::Corrupt(_))),
        "{refused:?}"
    );
    assert!(std::fs::read(&path).unwrap().starts_with(b"a letter"));
}

#[tokio::test]
async fn one_that_fails_takes_no_other_along() {
    let folder = TempDir::new().unwrap();
    let (store, hands) = open(&folder);
    let fails = store.write(|connection, queue| {
        change::enqueue(connection, queue, &Entry::new("half"))?;
        Err::<(), _>(StoreError::Full("a test"))
    });
    let panics = store.write(|connection, queue| -> Result<(), _> {
        change::enqueue(connection, queue, &Entry::new("half"))?;
        panic!("a test");
    });
    let whole = store.enqueue(task(&hands, None));
    let (failed, panicked, whole) = tokio::join!(fails, panics, whole);
    assert!(matches!(failed, Err(StoreError::Full("a test"))));
    assert!(matches!(panicked, Err(StoreError::Engine(_))));
    whole.unwrap();
    assert_eq!(store.counts().await.unwrap().waiting, 1);
}

#[tokio::test]
async fn a_file_without_lanes_is_given_them() {
    let folder = TempDir::new().unwrap();
    let (store, hands) = open(&folder);
    let id = store.enqueue(task(&hands, None)).await.unwrap().id;
    // As the first version made it.
    let first = r#"
        DROP INDEX "agent_retry_queue:due";
        ALTER TABLE agent_retry_queue DROP COLUMN lane;
        CREATE INDEX "agent_retry_queue:due" ON agent_retry_queue (due_at, seq) WHERE state = 0;
        UPDATE buttress SET version = 1;
    "#;
    let back = store.write(move |connection, _| Ok(connection.execute_batch(first)?));
    back.await.unwrap();
    drop(store);
    for _ in 0..2 {
        let (store, hands) = open(&folder);
        store.enqueue(task(&hands, None)).await.unwrap();
    }
    let (store, _) = open(&folder);
    let claimed = store.claim("w", 9, MINUTE).await.unwrap();
    assert_eq!((claimed.len(), claimed[0].entry.id), (3, id));
    assert_eq!(claimed[0].entry.lane, None);
}

#[tokio::test]
async fn a_long_lane_is_passed_over_in_one_step() {
    let folder = TempDir::new().unwrap();
    let (store, hands) = open(&folder);
    let fill = r#"
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
        INSERT INTO agent_retry_queue (id, state, due_at, queued_at, bytes, payload, lane)
        SELECT randomblob(16), 0, 0, 0, 0, '', 'down' FROM n
    "#;
    let filled = store.write(move |connection, _| Ok(connection.execute_batch(fill)?));
    filled.await.unwrap();
    let last = task(&hands, None).lane("up");
    let last = store.enqueue(last).await.unwrap().id;
    let steps = store.read(|connection, queue| {
        let mut lanes = connection.prepare(&queue.sql.lanes)?;
        let found: Vec<String> = lanes
            .query_map([9], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        assert_eq!(found, ["down", "up"]);
        Ok(lanes.get_status(rusqlite::StatementStatus::VmStep))
    });
    let steps = steps.await.unwrap();
    assert!(steps < 500, "{steps}");
    let lanes = Lanes::new(1).of("down", 0);
    let claimed = store.claim_of(&lanes, "w", 9, MINUTE).await.unwrap();
    assert_eq!((claimed.len(), claimed[0].entry.id), (1, last));
}
