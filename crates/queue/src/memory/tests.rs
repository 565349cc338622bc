use super::*;
use tokio::time::advance;

const LEASE: Duration = Duration::from_secs(60);

fn memory() -> Memory {
    Memory::new(Settings::new())
}

async fn put(memory: &Memory, entry: Entry) -> TaskId {
    memory.enqueue(entry).await.unwrap().id
}

async fn claim(memory: &Memory, most: usize) -> Vec<Claimed> {
    memory.claim("w", most, LEASE).await.unwrap()
}

async fn state(memory: &Memory, id: TaskId) -> State {
    memory.inspect(id).await.unwrap().unwrap().state
}

fn is_lost(result: Result<(), StoreError>) -> bool {
    matches!(result, Err(StoreError::Lost))
}

#[tokio::test(start_paused = true)]
async fn of_a_session_one_at_a_time_is_given_out() {
    let memory = memory();
    let of = |session: &str| Entry::new("x").session(session);
    let first = put(&memory, of("a")).await;
    let second = put(&memory, of("a")).await;
    let other = put(&memory, of("b")).await;
    let given = claim(&memory, 9).await;
    let ids: Vec<_> = given.iter().map(|claimed| claimed.entry.id).collect();
    assert_eq!(ids, [first, other]);
    assert_eq!(state(&memory, second).await, State::Behind);

    // One that waits holds back those behind it.
    let wait = Duration::from_secs(5);
    memory
        .postpone(&given[0].lease, wait, true, "later")
        .await
        .unwrap();
    assert!(claim(&memory, 9).await.is_empty());
    advance(wait).await;
    let given = claim(&memory, 9).await;
    assert_eq!(
        (given.len(), given[0].entry.id, given[0].deliveries),
        (1, first, 2)
    );
    memory.bury(&given[0].lease, "no").await.unwrap();
    assert_eq!(claim(&memory, 9).await[0].entry.id, second);
    let counts = memory.counts().await.unwrap();
    assert_eq!((counts.dead, counts.leased, counts.open()), (1, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_ran_out_is_held_no_longer() {
    let memory = memory();
    put(&memory, Entry::new("x")).await;
    let first = claim(&memory, 1).await.remove(0);
    advance(LEASE / 2).await;
    memory.renew(&first.lease, LEASE).await.unwrap();
    advance(LEASE / 2).await;
    assert!(claim(&memory, 1).await.is_empty());
    advance(LEASE / 2).await;
    assert!(is_lost(memory.renew(&first.lease, LEASE).await));
    let second = claim(&memory, 1).await.remove(0);
    assert_eq!(second.deliveries, 2);
    assert!(is_lost(memory.finish(&first.lease, "late".into()).await));
    memory
        .finish(&second.lease, "in time".into())
        .await
        .unwrap();
    assert!(is_lost(memory.bury(&second.lease, "twice").await));
}

#[tokio::test(start_paused = true)]
async fn deliveries_that_count_come_to_an_end() {
    let memory = memory();
    let id = put(&memory, Entry::new("x")).await;
    for delivery in 0..25 {
        let claimed = claim(&memory, 1).await.remove(0);
        let counts = delivery >= 15;
        let wait = Duration::ZERO;
        memory
            .postpone(&claimed.lease, wait, counts, "down")
            .await
            .unwrap();
    }
    assert!(claim(&memory, 1).await.is_empty());
    assert_eq!(state(&memory, id).await, State::Dead);
    assert!(memory.retry(id).await.unwrap());
    assert_eq!(claim(&memory, 1).await.remove(0).deliveries, 1);
    assert!(!memory.retry(id).await.unwrap(), "a worker has it");
    assert!(memory.remove(id).await.unwrap());
    assert!(!memory.remove(id).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn limits_refuse_what_is_new() {
    let mut settings = Settings::new();
    (
        settings.max_tasks,
        settings.max_task_bytes,
        settings.max_bytes,
    ) = (2, 4, 5);
    let memory = Memory::new(settings);
    let large = memory.enqueue(Entry::new("large")).await.unwrap_err();
    assert!(matches!(large, StoreError::TooLarge { bytes: 5, most: 4 }));
    put(&memory, Entry::new("four").key("k")).await;
    let full = memory.enqueue(Entry::new("xx")).await.unwrap_err();
    assert_eq!(full.as_str(), "full");
    put(&memory, Entry::new("")).await;
    assert_eq!(
        memory.enqueue(Entry::new("")).await.unwrap_err().as_str(),
        "full"
    );
    let again = memory.enqueue(Entry::new("four").key("k")).await.unwrap();
    assert!(!again.new, "it is there already");
}

#[tokio::test(start_paused = true)]
async fn what_is_old_is_swept() {
    let memory = memory();
    let day = Duration::from_secs(86_400);
    let old = put(
        &memory,
        Entry::new("x").queued_at(SystemTime::now() - 6 * day),
    )
    .await;
    let given = claim(&memory, 1).await.remove(0);
    memory
        .postpone(&given.lease, day, true, "down")
        .await
        .unwrap();
    advance(day).await;
    assert_eq!(memory.sweep().await.unwrap(), Swept::new(1, 0));
    assert_eq!(memory.sweep().await.unwrap(), Swept::new(0, 0));
    assert_eq!(state(&memory, old).await, State::Dead);
    let done = put(&memory, Entry::new("y")).await;
    let given = claim(&memory, 1).await.remove(0);
    memory.finish(&given.lease, "r".into()).await.unwrap();
    advance(day).await;
    assert_eq!(memory.sweep().await.unwrap(), Swept::new(0, 1));
    assert!(memory.inspect(done).await.unwrap().is_none());
    advance(29 * day).await;
    assert_eq!(memory.sweep().await.unwrap(), Swept::new(0, 1));
    assert_eq!(memory.counts().await.unwrap(), Counts::default());
}

#[tokio::test(start_paused = true)]
async fn tasks_are_listed_in_pages_and_know_their_place() {
    let memory = memory();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(put(&memory, Entry::new("x")).await);
    }
    for (place, id) in ids.iter().enumerate() {
        let record = memory.inspect(*id).await.unwrap().unwrap();
        assert_eq!(record.position, Some(place as u64));
    }
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = memory.list(State::Waiting, after, 2).await.unwrap();
        assert!(page.records.iter().all(|record| record.payload.is_none()));
        seen.extend(page.records.iter().map(|record| record.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    ids.sort_unstable();
    assert_eq!(seen, ids);
    let dead = memory.list(State::Dead, None, 2).await.unwrap();
    assert!(dead.records.is_empty() && dead.next.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_gives_way_to_a_task_with_its_key() {
    let mut settings = Settings::new();
    (settings.max_tasks, settings.max_bytes) = (1, 3);
    let memory = Memory::new(settings);
    let first = put(&memory, Entry::new("one").key("k")).await;
    let lease = claim(&memory, 1).await.remove(0).lease;
    memory.bury(&lease, "bad").await.unwrap();
    let large = memory.enqueue(Entry::new("four").key("k")).await;
    assert!(matches!(large, Err(StoreError::Full(_))), "{large:?}");
    assert_eq!(state(&memory, first).await, State::Dead);

    let second = Entry::new("two").key("k");
    let kept = memory.enqueue(second.clone()).await.unwrap();
    assert_eq!((kept.id, kept.new), (second.id, true));
    assert!(memory.inspect(first).await.unwrap().is_none());
    let claimed = claim(&memory, 1).await.remove(0);
    assert_eq!((claimed.entry.id, claimed.deliveries), (second.id, 1));
    let again = memory.enqueue(Entry::new("six").key("k")).await.unwrap();
    assert_eq!((again.id, again.new), (second.id, false));
}
