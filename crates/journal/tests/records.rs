//! What every engine has to do.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use buttress_journal::{
    About, BoxFuture, Digest, Entry, Found, Key, Memory, Page, Record, Records, SessionInfo,
    Settings, Step, StoreError,
};
use bytes::Bytes;
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

fn at(second: u64) -> SystemTime {
    // Recent enough that nothing has grown too old for an engine that looks itself.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UNIX_EPOCH + Duration::from_secs(now.as_secs() / 1000 * 1000 + second)
}

fn key(session: &str, step: Step, text: &str) -> Key {
    Key {
        session: session.into(),
        step,
        digest: Digest::of(&[text.as_bytes()]),
        nth: 0,
    }
}

fn entry(key: Key, answer: &str) -> Entry {
    let mut about = About::default();
    about.model = Some("gpt-5".into());
    about.input = Some(u64::MAX);
    Entry {
        key,
        at: at(1),
        again: false,
        replaces: false,
        about,
        streamed: true,
        request: None,
        answer: answer.to_owned().into(),
    }
}

fn answer(found: Found) -> Option<Bytes> {
    match found {
        Found::Record(record) => record.answer,
        _ => None,
    }
}

async fn add(records: &impl Records, entry: Entry) -> u32 {
    records.add(entry, &Settings::new()).await.unwrap()
}

async fn what_is_added_is_found_as_it_was(records: impl Records) {
    for step in [
        Step::Given(3),
        Step::Derived(3),
        Step::Given(u64::MAX),
        Step::Given(0),
    ] {
        let key = key("größer: 'als' {1}", step, "a");
        assert!(matches!(records.find(&key).await, Ok(Found::Nothing)));
        let mut entry = entry(key.clone(), &format!("{step:?}\0"));
        entry.request = Some("asked".into());
        assert_eq!(add(&records, entry).await, 0);
        let Ok(Found::Record(found)) = records.find(&key).await else {
            panic!("{step:?}");
        };
        assert_eq!((found.key, found.branch, found.at), (key, 0, at(1)));
        assert_eq!(found.answer, Some(format!("{step:?}\0").into()));
        assert_eq!(found.request, Some("asked".into()));
        assert_eq!(found.about.model.as_deref(), Some("gpt-5"));
        assert_eq!(
            (found.about.route, found.about.input),
            (None, Some(u64::MAX))
        );
        assert!(found.streamed);
    }
}

async fn the_first_stays_unless_it_is_replaced_or_one_more(records: impl Records) {
    let key = key("s", Step::Derived(1), "a");
    let nth = |nth| Key { nth, ..key.clone() };
    assert_eq!(add(&records, entry(key.clone(), "first")).await, 0);
    assert_eq!(add(&records, entry(key.clone(), "other")).await, 0);
    assert_eq!(answer(records.find(&key).await.unwrap()).unwrap(), "first");
    let mut again = entry(key.clone(), "second");
    again.again = true;
    // Wherever it was thought to stand, it stands behind those that are there.
    again.key.nth = 5;
    assert_eq!(add(&records, again).await, 1);
    let mut replaces = entry(key.clone(), "anew");
    replaces.replaces = true;
    assert_eq!(add(&records, replaces).await, 0);
    for (place, text) in [(0, Some("anew")), (1, Some("second")), (2, None)] {
        let found = answer(records.find(&nth(place)).await.unwrap());
        assert_eq!(found.as_deref(), text.map(str::as_bytes), "{place}");
    }
    let info = records.session("s").await.unwrap().unwrap();
    assert_eq!((info.records, info.bytes), (2, 10));
}

async fn another_request_at_a_given_step_is_noticed(records: impl Records) {
    for (step, text) in [(1, "a"), (2, "b"), (3, "c")] {
        add(&records, entry(key("s", Step::Given(step), text), text)).await;
    }
    add(&records, entry(key("s", Step::Derived(1), "x"), "x")).await;
    let is_changed = async |step, text| {
        let found = records.find(&key("s", step, text)).await.unwrap();
        matches!(found, Found::Changed)
    };
    assert!(is_changed(Step::Given(2), "B").await);
    assert!(!is_changed(Step::Given(2), "b").await);
    assert!(!is_changed(Step::Given(4), "d").await);
    assert!(!is_changed(Step::Derived(1), "y").await);
    add(&records, entry(key("s", Step::Given(2), "B"), "B")).await;
    // Later steps are those of the new branch, earlier ones of the old one too.
    assert!(!is_changed(Step::Given(3), "C").await);
    assert!(is_changed(Step::Given(2), "β").await);
    assert!(is_changed(Step::Given(1), "A").await);
    assert!(!is_changed(Step::Given(1), "a").await);
    add(&records, entry(key("s", Step::Given(3), "C"), "C")).await;
    let page = records.records("s", None, 100, false).await.unwrap();
    let branches: Vec<_> = page.items.iter().map(|record| record.branch).collect();
    assert_eq!(branches, [0, 0, 0, 0, 1, 1]);
    let info = records.session("s").await.unwrap().unwrap();
    assert_eq!((info.branch, info.since), (1, 2));
}

async fn a_session_has_so_much_room(records: impl Records) {
    let mut settings = Settings::new();
    (settings.max_records, settings.max_bytes) = (3, 10);
    let put = async |session: &str, step, text: &str| {
        let entry = entry(key(session, Step::Given(step), text), text);
        records.add(entry, &settings).await
    };
    put("many", 1, "a").await.unwrap();
    put("many", 2, "b").await.unwrap();
    put("many", 3, "c").await.unwrap();
    assert!(matches!(
        put("many", 4, "d").await,
        Err(StoreError::Full(_))
    ));
    // What is there is no news.
    put("many", 3, "c").await.unwrap();
    put("large", 1, "123456").await.unwrap();
    assert!(matches!(
        put("large", 2, "12345").await,
        Err(StoreError::Full(_))
    ));
    put("large", 2, "1234").await.unwrap();
    let info = records.session("large").await.unwrap().unwrap();
    assert_eq!((info.records, info.bytes), (2, 10));
    let mut replaces = entry(key("large", Step::Given(1), "123456"), "12");
    replaces.replaces = true;
    records.add(replaces, &settings).await.unwrap();
    let info = records.session("large").await.unwrap().unwrap();
    assert_eq!((info.records, info.bytes), (2, 6));
}

async fn everything_is_listed_page_by_page(records: impl Records) {
    for session in 0..7 {
        for step in 0..=session {
            let mut entry = entry(key(&format!("s{session}"), Step::Given(step), "a"), "abc");
            entry.at = at(step);
            add(&records, entry).await;
        }
    }
    let mut names = Vec::new();
    let mut after: Option<Arc<str>> = None;
    loop {
        let page = records.sessions(after.as_deref(), 3).await.unwrap();
        assert!(page.items.len() <= 3);
        for info in page.items {
            let session = names.len() as u64;
            assert_eq!((info.records, info.bytes), (session + 1, 3 * (session + 1)));
            assert_eq!((info.first, info.last), (at(0), at(session)));
            names.push(info.id.to_string());
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(names, ["s0", "s1", "s2", "s3", "s4", "s5", "s6"]);
    let mut found: Vec<Record> = Vec::new();
    let mut after = None;
    loop {
        let page = records
            .records("s6", after, 2, found.len() < 2)
            .await
            .unwrap();
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let steps: Vec<_> = found
        .iter()
        .map(|record| record.key.step.number())
        .collect();
    assert_eq!(steps, [0, 1, 2, 3, 4, 5, 6]);
    assert!(found[0].answer.is_some() && found[6].answer.is_none());
    assert!(found.iter().all(|record| record.bytes == 3));
    assert!(
        records
            .records("none", None, 9, true)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    assert!(records.session("none").await.unwrap().is_none());
}

async fn what_goes_goes_as_a_whole(records: impl Records) {
    for (session, steps) in [("a", 9), ("b", 300), ("c", 9)] {
        for step in 0..steps {
            let mut entry = entry(key(session, Step::Given(step), "x"), "x");
            entry.at = at(if session == "c" { 100 } else { 1 });
            add(&records, entry).await;
        }
    }
    assert!(records.remove("a").await.unwrap());
    assert!(!records.remove("a").await.unwrap());
    let find = async |session| {
        let found = records
            .find(&key(session, Step::Given(0), "x"))
            .await
            .unwrap();
        answer(found).is_some()
    };
    assert!(!find("a").await && find("b").await);
    let mut removed = 0;
    loop {
        match records.sweep(at(50)).await.unwrap() {
            0 => break,
            some => removed += some,
        }
    }
    assert_eq!(removed, 300);
    assert!(!find("b").await && find("c").await);
    let left = records.sessions(None, 9).await.unwrap().items;
    assert_eq!((left.len(), left[0].records), (1, 9));
}

async fn an_answer_of_16_mib_is_one_like_others(records: impl Records) {
    let key = key("s", Step::Derived(1), "a");
    let body = Bytes::from(vec![0xa5; 16 << 20]);
    let mut entry = entry(key.clone(), "");
    entry.answer = body.clone();
    add(&records, entry).await;
    assert_eq!(answer(records.find(&key).await.unwrap()), Some(body));
}

macro_rules! contract {
    ($engine:ident, $($test:ident),* $(,)?) => {
        mod $engine {
            $(#[tokio::test]
            async fn $test() {
                let Some((records, _keep)) = super::$engine().await else {
                    return;
                };
                super::$test(records).await;
            })*
        }
    };
    ($engine:ident) => {
        contract!(
            $engine,
            what_is_added_is_found_as_it_was,
            the_first_stays_unless_it_is_replaced_or_one_more,
            another_request_at_a_given_step_is_noticed,
            a_session_has_so_much_room,
            everything_is_listed_page_by_page,
            what_goes_goes_as_a_whole,
            an_answer_of_16_mib_is_one_like_others,
        );
    };
}

async fn memory() -> Option<(Memory, ())> {
    Some((Memory::new(), ()))
}

contract!(memory);

/// An engine of somebody else, who has to make all that is found of what is public.
#[derive(Debug)]
struct Theirs(Memory);

fn remade(theirs: Record) -> Record {
    let mut record = Record::new(theirs.number, theirs.key, theirs.at);
    record.branch = theirs.branch;
    record.about = theirs.about;
    record.streamed = theirs.streamed;
    record.bytes = theirs.bytes;
    record.request = theirs.request;
    record.answer = theirs.answer;
    record
}

impl Records for Theirs {
    fn find<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Found, StoreError>> {
        Box::pin(async {
            Ok(match self.0.find(key).await? {
                Found::Record(record) => Found::Record(Box::new(remade(*record))),
                Found::Nothing => Found::Nothing,
                Found::Changed => Found::Changed,
            })
        })
    }

    fn add<'a>(
        &'a self,
        entry: Entry,
        settings: &'a Settings,
    ) -> BoxFuture<'a, Result<u32, StoreError>> {
        self.0.add(entry, settings)
    }

    fn sessions<'a>(
        &'a self,
        after: Option<&'a str>,
        most: usize,
    ) -> BoxFuture<'a, Result<Page<SessionInfo, Arc<str>>, StoreError>> {
        self.0.sessions(after, most)
    }

    fn session<'a>(
        &'a self,
        session: &'a str,
    ) -> BoxFuture<'a, Result<Option<SessionInfo>, StoreError>> {
        self.0.session(session)
    }

    fn records<'a>(
        &'a self,
        session: &'a str,
        after: Option<u64>,
        most: usize,
        whole: bool,
    ) -> BoxFuture<'a, Result<Page<Record, u64>, StoreError>> {
        Box::pin(async move {
            let page = self.0.records(session, after, most, whole).await?;
            let items = page.items.into_iter().map(remade).collect();
            Ok(Page::new(items, page.next))
        })
    }

    fn remove<'a>(&'a self, session: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.0.remove(session)
    }

    fn sweep(&self, before: SystemTime) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.0.sweep(before)
    }
}

async fn theirs() -> Option<(Theirs, ())> {
    Some((Theirs(Memory::new()), ()))
}

contract!(theirs);

#[cfg(feature = "sqlite")]
async fn sqlite() -> Option<(buttress_journal::SqliteRecords, tempfile::TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let records = buttress_journal::SqliteRecords::open(folder.path().join("j.db"));
    Some((records.unwrap(), folder))
}

#[cfg(feature = "sqlite")]
contract!(sqlite);

#[cfg(feature = "redis")]
#[path = "../../queue/tests/redis_server/mod.rs"]
mod redis_server;

#[cfg(feature = "redis")]
async fn redis() -> Option<(buttress_journal::RedisRecords, redis_server::RedisServer)> {
    let server = redis_server::RedisServer::start(&[]);
    let records = buttress_journal::RedisRecords::connect(&server.url()).await;
    Some((records.unwrap(), server))
}

#[cfg(feature = "redis")]
contract!(redis);

#[cfg(feature = "sqlite")]
mod file {
    use super::*;
    use buttress_journal::SqliteRecords;
    use buttress_store::sqlite::Database;

    #[tokio::test]
    async fn a_file_is_shared_and_read_when_it_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shared.db");
        let table = "CREATE TABLE IF NOT EXISTS others (a)";
        let database = Database::open(&path, |file| file.execute_batch(table)).unwrap();
        for _ in 0..2 {
            let records = SqliteRecords::new(database.clone()).await.unwrap();
            add(&records, entry(key("s", Step::Given(1), "a"), "a")).await;
        }
        let again = SqliteRecords::open(&path).unwrap();
        let found = again.find(&key("s", Step::Given(1), "a")).await.unwrap();
        assert_eq!(answer(found).unwrap(), "a");
        let newer = "UPDATE buttress SET version = 99 WHERE name = 'agent_journal'";
        let newer = database.write(|file| Ok(file.execute(newer, [])?));
        assert_eq!(newer.await.unwrap(), 1);
        assert!(SqliteRecords::open(&path).is_err());
        assert!(SqliteRecords::new(database).await.is_err());
    }

    #[tokio::test]
    async fn a_file_that_can_only_be_read_gives_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path().join("j.db"), |_| Ok(())).unwrap();
        let records = SqliteRecords::new(database.clone()).await.unwrap();
        let key = key("s", Step::Given(1), "a");
        add(&records, entry(key.clone(), "a")).await;
        let only = database.write(|file| Ok(file.pragma_update(None, "query_only", true)?));
        only.await.unwrap();
        let mut other = entry(key.clone(), "b");
        other.key.step = Step::Given(2);
        let refused = records.add(other, &Settings::new()).await;
        assert!(
            matches!(refused, Err(StoreError::ReadOnly(_))),
            "{refused:?}"
        );
        assert_eq!(answer(records.find(&key).await.unwrap()).unwrap(), "a");
    }
}

#[cfg(feature = "redis")]
mod server {
    use super::{redis_server::RedisServer, *};
    use buttress_journal::RedisRecords;

    #[tokio::test]
    async fn what_was_recorded_is_there_when_the_server_was_killed() {
        let mut server = RedisServer::start(&["--appendfsync", "always"]);
        let records = RedisRecords::connect(&server.url()).await.unwrap();
        for step in 0..50 {
            add(&records, entry(key("s", Step::Given(step), "a"), "a")).await;
        }
        server.kill();
        server.restart();
        for step in 0..50 {
            let found = records
                .find(&key("s", Step::Given(step), "a"))
                .await
                .unwrap();
            assert_eq!(answer(found).unwrap(), "a", "{step}");
        }
        server.kill();
        let gone = records.find(&key("s", Step::Given(0), "a")).await;
        assert!(matches!(gone, Err(StoreError::Unavailable(_))), "{gone:?}");
    }

    #[tokio::test]
    async fn a_session_expires_by_itself_and_leaves_the_lists() {
        let server = RedisServer::start(&[]);
        let records = RedisRecords::connect(&server.url()).await.unwrap();
        let mut settings = Settings::new();
        settings.max_age = Duration::from_millis(1);
        for session in 0..100 {
            let entry = entry(key(&format!("s{session}"), Step::Given(0), "a"), "a");
            records.add(entry, &settings).await.unwrap();
        }
        add(&records, entry(key("t", Step::Given(0), "a"), "a")).await;
        let found = loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let page = records.sessions(None, 1000).await.unwrap();
            if page.items.len() == 1 {
                break page;
            }
        };
        assert_eq!(&*found.items[0].id, "t");
        assert_eq!(records.sweep(at(1000)).await.unwrap(), 1);
        assert!(records.sessions(None, 1000).await.unwrap().items.is_empty());
        assert_eq!(records.sweep(at(1000)).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_server_without_memory_refuses_and_gives_what_it_has() {
        let server = RedisServer::start(&["--maxmemory", "8mb"]);
        let records = RedisRecords::connect(&server.url()).await.unwrap();
        let kept = key("s", Step::Given(0), "a");
        add(&records, entry(kept.clone(), "a")).await;
        let large = entry(key("s", Step::Given(1), "a"), &"x".repeat(7 << 20));
        let _ = records.add(large, &Settings::new()).await;
        let more = entry(key("s", Step::Given(2), "a"), &"x".repeat(7 << 20));
        let refused = records.add(more, &Settings::new()).await;
        assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
        assert_eq!(answer(records.find(&kept).await.unwrap()).unwrap(), "a");
    }
}
