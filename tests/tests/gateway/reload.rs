//! What becomes of calls, circuits and routes when the configuration is read again.

use crate::{OPENAI, mode, well};
use buttress::circuit_breaker::State;
use buttress_gateway::serve::NotReloaded;
use buttress_testkit::{Dialect, Provider, Reply};
use buttress_tests::{Answer, Gateway, Setup};
use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::time::sleep;

/// A file with a configuration.
struct File {
    path: PathBuf,
    _folder: TempDir,
}

impl File {
    fn new(setup: &Setup) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("buttress.toml");
        let file = Self {
            path,
            _folder: folder,
        };
        file.write(&setup.file());
        file
    }

    fn write(&self, text: &str) {
        fs::write(&self.path, text).expect("a file");
    }
}

#[tokio::test]
async fn a_circuit_that_is_open_stays_open_and_a_new_route_serves() {
    let (first, second) = (well().await, well().await);
    let one = Setup::new().route("first", Dialect::OpenAi, first.url());
    let file = File::new(&one);
    let gateway = Gateway::from_file(&file.path).await;
    gateway.ask(OPENAI).await.assert_good("Hello.", "first");
    gateway.breaker(0).force_open();

    let two = one.clone().route("second", Dialect::OpenAi, second.url());
    file.write(&two.file());
    let changes = gateway.reload().await.unwrap();
    assert_eq!(changes.taken, ["routes.second added", "models"]);
    assert!(changes.at_start.is_empty());
    assert_eq!(gateway.breaker(0).state(), State::Open);
    gateway.ask(OPENAI).await.assert_good("Hello.", "second");
    assert_eq!((first.call_count(), second.call_count()), (1, 1));

    // Gone, and as new when it comes back.
    file.write(&one.file());
    gateway.reload().await.unwrap();
    assert_eq!(gateway.breaker(0).state(), State::Open);
    let other = Setup::new().route("second", Dialect::OpenAi, second.url());
    file.write(&other.file());
    let changes = gateway.reload().await.unwrap();
    let taken = ["routes.second added", "routes.first removed", "models"];
    assert_eq!(changes.taken, taken);
    gateway.ask(OPENAI).await.assert_good("Hello.", "second");
    file.write(&one.file());
    gateway.reload().await.unwrap();
    assert_eq!(gateway.breaker(0).state(), State::Closed);
    gateway.ask(OPENAI).await.assert_good("Hello.", "first");
}

#[tokio::test]
async fn a_file_that_is_wrong_changes_nothing() {
    let provider = well().await;
    let setup = Setup::new().route("only", Dialect::OpenAi, provider.url());
    let file = File::new(&setup);
    let gateway = Gateway::from_file(&file.path).await;
    gateway.breaker(0).isolate();
    let good = setup.file();
    let half = &good[..good.len() / 2];
    let unknown = good.replace("name = 'only'", "name = 'other'\npatients = '2s'");
    let no_key = good.replace("key_env = 'off'", "key_env = 'NOBODY_SETS_THIS'");
    for (text, told) in [
        (half, "buttress.toml:"),
        (&*unknown, "did you mean `patience`?"),
        (&no_key, "NOBODY_SETS_THIS is not set"),
        ("", "there are no routes"),
    ] {
        file.write(text);
        let refused = gateway.reload().await.unwrap_err();
        assert!(matches!(refused, NotReloaded::Wrong(_)), "{refused:?}");
        assert!(refused.to_string().contains(told), "{refused}");
        assert_eq!(gateway.breaker(0).state(), State::Isolated);
        assert_eq!(&**gateway.route(0).name(), "only");
    }
    fs::remove_file(&file.path).unwrap();
    let refused = gateway.reload().await.unwrap_err();
    assert!(refused.to_string().contains("can't read"), "{refused}");

    gateway.breaker(0).reset();
    gateway.ask(OPENAI).await.assert_good("Hello.", "only");
    file.write(&good);
    assert!(gateway.reload().await.unwrap().is_empty());
}

/// What is listened on is, and is told to need a restart; the rest of the file is taken.
#[tokio::test]
async fn what_can_not_change_stays_and_the_rest_is_taken() {
    let provider = well().await;
    let setup = Setup::new().route("only", Dialect::OpenAi, provider.url());
    let file = File::new(&setup);
    let gateway = Gateway::from_file(&file.path).await;
    let other = setup.with("server.max_connections = 7");
    let other = other.with("limits.max_calls = 3").again("spare");
    file.write(&other.file());
    let changes = gateway.reload().await.unwrap();
    assert_eq!(changes.at_start, ["server.max_connections"]);
    let taken = ["limits.max_calls", "routes.spare added", "models"];
    assert_eq!(changes.taken, taken);
    // Told again, since it still is not so.
    let changes = gateway.reload().await.unwrap();
    assert_eq!(changes.at_start, ["server.max_connections"]);
    assert!(changes.taken.is_empty());
}

/// A call that waits for its retry goes on where it was asked, and a stream comes to its end.
#[tokio::test]
async fn what_is_under_way_ends_as_it_began() {
    let pace = Duration::from_millis(50);
    let slow = Provider::openai().forever(Reply::text("One two three four").pace(pace));
    let (slow, next) = (slow.start().await.unwrap(), well().await);
    let file = File::new(&Setup::new().route("slow", Dialect::OpenAi, slow.url()));
    let gateway = Gateway::from_file(&file.path).await;
    let streamed = mode(Dialect::OpenAi, true);
    let open = gateway.open(streamed).await;

    file.write(
        &Setup::new()
            .route("next", Dialect::OpenAi, next.url())
            .file(),
    );
    gateway.reload().await.unwrap();
    gateway.ask(OPENAI).await.assert_good("Hello.", "next");
    let answer = Answer::read(streamed, open).await;
    answer.assert_good("One two three four", "slow");
    assert_eq!((slow.call_count(), next.call_count()), (1, 1));
}

/// Every call is answered by a route that there was, and what nobody asks any more is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_reloads_under_load_leave_nothing_behind() {
    const RELOADS: usize = 2000;
    let provider = well().await;
    let url = provider.url();
    let one = Setup::new().route("one", Dialect::OpenAi, &*url);
    let other = Setup::new().route("other", Dialect::OpenAi, &*url);
    let file = File::new(&one);
    let gateway = Arc::new(Gateway::from_file(&file.path).await);
    let (done, answered) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let callers = [(); 4].map(|()| {
        let (gateway, done) = (Arc::clone(&gateway), Arc::clone(&done));
        let answered = Arc::clone(&answered);
        tokio::spawn(async move {
            while !done.load(Relaxed) {
                let answer = gateway.ask(OPENAI).await;
                assert_eq!(answer.status, 200, "{}", answer.body);
                answered.fetch_add(1, Relaxed);
            }
        })
    });
    let mut circuits = Vec::new();
    for round in 0..RELOADS {
        circuits.push(gateway.breaker(0).watch());
        file.write(&if round % 2 == 0 { &other } else { &one }.file());
        let changes = gateway.reload().await.unwrap();
        assert_eq!(changes.taken.len(), 3, "{changes:?}");
    }
    done.store(true, Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    assert!(answered.load(Relaxed) > 0);
    // The last ones to use the old ones may be about to end.
    for _ in 0..1000 {
        circuits.retain(|circuit| circuit.has_changed().is_ok());
        if circuits.is_empty() {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(circuits.len(), 0);
    let gateway = Arc::into_inner(gateway).expect("the callers have ended");
    assert_eq!(gateway.route(0).name().as_ref(), "one");
    gateway.stop().await;
}
