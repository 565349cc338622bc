//! Whatever a provider does, with a queue every request is accounted for: answered, queued and
//! answered later, or refused for a reason that is told.

use crate::mode;
use buttress::queue::{Settings, SqliteStore, Store};
use buttress_testkit::{Dialect, Fault, Provider, Reply, Script};
use buttress_tests::{Answer, Gateway, Mode, Setup};
use futures_util::{StreamExt, stream};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

const LATER: &str = "Later.";
const MENDED: &str = "Mended.";
/// What breaks off when it is streamed.
const WHOLE: &str = "One two three four.";
const TOO_LONG: Duration = Duration::from_secs(60);

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    Queued(String),
    Refused,
    /// Its stream broke after it had begun, and said so.
    BrokeOff,
}

/// What a provider does, and whether the request is at fault.
fn faults() -> Vec<(&'static str, Reply, bool)> {
    let of_request = [
        Fault::InvalidRequest,
        Fault::ContextLength,
        Fault::ContentPolicy,
        Fault::RequestTooLarge,
        Fault::UnknownModel,
        Fault::Permission,
        Fault::Conflict,
    ];
    let of_others = [
        Fault::RateLimited,
        Fault::InsufficientQuota,
        Fault::Overloaded,
        Fault::ServerError,
        Fault::Timeout,
        Fault::InvalidKey,
    ];
    let told = of_request.map(|fault| ("error", Reply::error(fault), true));
    let others = of_others.map(|fault| ("error", Reply::error(fault), false));
    let broken = [
        ("bad gateway", Reply::bad_gateway(), false),
        ("hang up", Reply::hang_up(), false),
        ("reset", Reply::reset(), false),
        ("silence", Reply::silence(), false),
        ("headers only", Reply::headers_only(), false),
        ("error first", Reply::error_first(Fault::Overloaded), false),
        ("broken off", Reply::text(WHOLE).close_after(2), false),
    ];
    told.into_iter().chain(others).chain(broken).collect()
}

fn fate(answer: &Answer) -> Fate {
    match answer.header("x-buttress-queued") {
        Some(id) => {
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert_eq!(answer.text(), LATER);
            assert_ne!(id, "false");
            Fate::Queued(id.to_owned())
        }
        None if answer.status == 200 && !answer.mode.stream => {
            assert_eq!(answer.text(), WHOLE);
            Fate::Answered
        }
        None if answer.status == 200 => {
            assert!(!answer.has_end(), "no end is made up: {}", answer.body);
            assert!(answer.body.contains("error"), "{}", answer.body);
            Fate::BrokeOff
        }
        None => {
            assert!(
                answer.json()["error"]["message"].is_string(),
                "{}",
                answer.body
            );
            Fate::Refused
        }
    }
}

async fn result(gateway: &Gateway, id: &str) -> String {
    let looks = async {
        loop {
            let path = format!("/v1/queue/{id}");
            let open = gateway.get(&path, &[]).await.expect("an answer");
            let task = Answer::read(mode(Dialect::OpenAi, false), open)
                .await
                .json();
            assert_ne!(task["state"], "dead", "{task}");
            if task["state"] == "done" {
                return task["result"].to_string();
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(TOO_LONG, looks)
        .await
        .expect("it is answered in the end")
}

#[tokio::test]
async fn every_request_is_accounted_for() {
    use Dialect::{Anthropic, Gemini, OpenAi, Responses};
    let callers = [OpenAi, Anthropic, Responses, Gemini];
    let modes: Vec<Mode> = callers
        .map(|caller| [mode(caller, false), mode(caller, true)])
        .concat();
    let runs = faults().into_iter().flat_map(|(name, reply, of_request)| {
        let runs = modes
            .iter()
            .map(|&mode| one(name, reply.clone(), of_request, mode));
        runs.collect::<Vec<_>>()
    });
    // Most of the time they wait.
    stream::iter(runs)
        .buffer_unordered(40)
        .collect::<()>()
        .await;
}

async fn one(name: &str, reply: Reply, of_request: bool, mode: Mode) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("queue.db");
    let shown = format!("{name} {reply:?} {mode:?}");
    let provider = Provider::builder(mode.provider)
        .forever(reply)
        .start()
        .await
        .unwrap();
    let gateway = Setup::new()
        .with(&format!("queue.url = 'sqlite:{}'", file.display()))
        .with("queue.backoff = '200ms'")
        .with(&format!("queue.degraded.text = '{LATER}'"))
        .route("only", mode.provider, provider.url())
        .and("retry.max_retries = 1")
        .and("timeout.attempt = '1s'")
        .and("timeout.headers = '500ms'")
        .and("timeout.first_content = '500ms'")
        .and("gate.park_for = '100ms'")
        // What is told by the provider, and what is made of its silence, are alike but for that.
        .and("gate.backoff = '100ms'")
        .and("gate.max_backoff = '500ms'")
        .and("gate.max_closed = '500ms'")
        .and("gate.max_wait = '2s'")
        .and("breaker.open = '100ms'")
        .start()
        .await;
    let mut queued = Vec::new();
    for _ in 0..3 {
        match fate(&gateway.ask(mode).await) {
            Fate::Queued(id) => {
                assert!(!of_request, "its own fault is never queued: {shown}");
                queued.push(id);
            }
            Fate::Refused => assert!(of_request, "{shown}"),
            Fate::Answered => assert!(name == "broken off", "{shown}"),
            Fate::BrokeOff => assert!(mode.stream && name == "broken off", "{shown}"),
        }
    }
    provider.play(Script::new().forever(Reply::text(MENDED)));
    for id in &queued {
        let result = result(&gateway, id).await;
        assert!(result.contains(MENDED), "{shown} {result}");
    }
    gateway.stop().await;
    let store = SqliteStore::open(&file, Settings::new()).unwrap();
    let counts = store.counts().await.unwrap();
    assert_eq!(counts.done, queued.len() as u64, "{shown} {counts:?}");
    assert_eq!((counts.open(), counts.dead), (0, 0), "{shown} {counts:?}");
}
