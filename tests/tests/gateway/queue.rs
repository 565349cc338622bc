//! What becomes of requests that nobody can answer.

use crate::{OPENAI, mode, post, read, redis_server::RedisServer};
use buttress_testkit::{Dialect, Fault, Provider, Reply};
use buttress_tests::{Answer, Gateway, Mode, Setup};
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// No task takes so long once its provider is well.
const TOO_LONG: Duration = Duration::from_secs(30);
const TEXT: &str = "Later.";

/// A gateway with a queue, before a provider that is down until it is told otherwise.
fn before(provider: &Provider, dialect: Dialect, folder: &TempDir) -> Setup {
    let file = folder.path().join("queue.db");
    Setup::new()
        .route("only", dialect, provider.url())
        .and("retry.max_retries = 0")
        .and("breaker.enabled = false")
        .with(&format!("queue.url = 'sqlite:{}'", file.display()))
        .with("queue.backoff = '200ms'")
        .with(&format!("queue.degraded.text = '{TEXT}'"))
}

async fn down(dialect: Dialect) -> Provider {
    let provider = Provider::builder(dialect).forever(Reply::overloaded());
    provider.start().await.expect("a port")
}

/// From now on it answers.
fn mend(provider: &Provider, text: &'static str) {
    provider.play(buttress_testkit::Script::new().forever(Reply::text(text)));
}

/// The name of the task that a degraded answer tells.
fn task(answer: &Answer) -> String {
    let id = answer.header("x-buttress-queued").expect("it was degraded");
    assert_eq!(id.len(), 32, "{id}");
    id.to_owned()
}

async fn look(gateway: &Gateway, id: &str) -> Value {
    let answer = read(OPENAI, gateway.get(&format!("/v1/queue/{id}"), &[]).await).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// Waits until the task is in this state.
async fn until(gateway: &Gateway, id: &str, state: &str) -> Value {
    let looks = async {
        loop {
            let task = look(gateway, id).await;
            if task["state"] == state {
                return task;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(TOO_LONG, looks).await.expect("it comes to that")
}

fn every_mode() -> impl Iterator<Item = Mode> {
    use Dialect::{Anthropic, Gemini, OpenAi, Responses};
    let callers = [OpenAi, Anthropic, Responses, Gemini].into_iter();
    callers.flat_map(|caller| [mode(caller, false), mode(caller, true)])
}

#[tokio::test]
async fn a_caller_of_each_dialect_is_told_at_once_and_answered_later() {
    for mode in every_mode() {
        let folder = TempDir::new().unwrap();
        let provider = down(mode.provider).await;
        let gateway = before(&provider, mode.provider, &folder).start().await;
        let answer = gateway.ask(mode).await;
        assert_eq!(answer.status, 200, "{mode:?} {}", answer.body);
        assert_eq!(answer.text(), TEXT, "{mode:?}");
        assert!(answer.finish().is_some(), "{mode:?} {}", answer.body);
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        let id = task(&answer);
        let told: Value = match mode.stream {
            // Beside the answer: readers of events pass over comments.
            true => {
                let comment = answer
                    .body
                    .lines()
                    .find_map(|line| line.strip_prefix(": buttress "));
                serde_json::from_str(comment.expect("a comment")).unwrap()
            }
            false => answer.json()["buttress"].clone(),
        };
        let expected = json!({
            "success": false, "content": TEXT, "model": null,
            "queued_for_retry": true, "id": id, "reason": "overloaded",
        });
        assert_eq!(told, expected, "{mode:?}");

        mend(&provider, "Here I am.");
        let done = until(&gateway, &id, "done").await;
        assert_eq!(done["result"]["status"], 200);
        let body = done["result"]["body"].to_string();
        assert!(body.contains("Here I am."), "{mode:?} {done}");
    }
}

#[tokio::test]
async fn a_request_that_is_at_fault_is_never_queued() {
    let folder = TempDir::new().unwrap();
    let provider = Provider::openai().forever(Reply::error(Fault::InvalidRequest));
    let provider = provider.start().await.unwrap();
    let gateway = before(&provider, Dialect::OpenAi, &folder).start().await;
    let answer = gateway.ask(OPENAI).await;
    answer.assert_given_up(400, "invalid_request_error");
    assert_eq!(answer.header("x-buttress-queued"), None);
}

#[tokio::test]
async fn a_caller_may_want_the_error_instead() {
    for (setting, wanted, queued) in [
        ("queue.accept = 'all'", None, true),
        ("queue.accept = 'all'", Some("false"), false),
        ("queue.accept = 'asked'", None, false),
        ("queue.accept = 'asked'", Some("true"), true),
    ] {
        let folder = TempDir::new().unwrap();
        let provider = down(Dialect::OpenAi).await;
        let gateway = before(&provider, Dialect::OpenAi, &folder)
            .with(setting)
            .start()
            .await;
        let header: Vec<_> = wanted
            .map(|wanted| ("x-buttress-queue", wanted))
            .into_iter()
            .collect();
        let body = OPENAI.request().to_string();
        let answer = gateway.post(&OPENAI.path(), &header, body).await;
        let answer = read(OPENAI, answer).await;
        assert_eq!(
            answer.header("x-buttress-queued").is_some(),
            queued,
            "{setting} {wanted:?}"
        );
        assert_eq!(answer.status, if queued { 200 } else { 503 });
    }
}

#[tokio::test]
async fn it_may_be_told_with_a_status_that_sdks_raise() {
    let folder = TempDir::new().unwrap();
    let provider = down(Dialect::OpenAi).await;
    let setup = before(&provider, Dialect::OpenAi, &folder);
    let gateway = setup.with("queue.degraded.status = 503").start().await;
    for stream in [false, true] {
        let answer = gateway.ask(mode(Dialect::OpenAi, stream)).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        let body = answer.json();
        assert_eq!(body["buttress"]["queued_for_retry"], true);
        assert_eq!(body["choices"][0]["message"]["content"], TEXT);
    }
}

#[tokio::test]
async fn what_the_store_does_not_take_is_not_said_to_be_queued() {
    let folder = TempDir::new().unwrap();
    let provider = down(Dialect::OpenAi).await;
    let setup = before(&provider, Dialect::OpenAi, &folder);
    let gateway = setup.with("queue.max_bytes = '1MiB'").start().await;
    let mut request = OPENAI.request();
    request["messages"][0]["content"] = "x".repeat(2 << 20).into();
    let answer = post(&gateway, OPENAI, request.to_string()).await;
    assert_eq!(answer.header("x-buttress-queued"), Some("false"));
    // Nobody takes that for an answer, and the caller may try again.
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("x-should-retry"), None);
    assert!(
        answer.text().contains("could not be kept"),
        "{}",
        answer.body
    );
    let told = &answer.json()["buttress"];
    assert_eq!(told["queued_for_retry"], false);
    assert_eq!(told["id"], Value::Null);
    assert_eq!(enqueued(&gateway, "full").await, 1);
}

/// How many requests came to the queue with this outcome, as the metrics have it.
async fn enqueued(gateway: &Gateway, outcome: &str) -> u32 {
    let answer = read(OPENAI, gateway.get("/metrics", &[]).await).await;
    let name = format!("buttress_queue_enqueued_total{{outcome=\"{outcome}\"}} ");
    let mut lines = answer.body.lines();
    let count = lines.find_map(|line| line.strip_prefix(&name));
    count.map_or(0, |count| count.parse().expect("a number"))
}

#[tokio::test]
async fn a_store_that_is_down_is_told_and_counted() {
    let server = RedisServer::start(&[]);
    let provider = down(Dialect::OpenAi).await;
    let folder = TempDir::new().unwrap();
    let setup = before(&provider, Dialect::OpenAi, &folder);
    let url = format!("queue.url = '{}'", server.url());
    let gateway = setup.with(&url).start().await;
    let queued = gateway.ask(OPENAI).await;
    assert_ne!(queued.header("x-buttress-queued"), Some("false"));
    assert_eq!(enqueued(&gateway, "queued").await, 1);

    drop(server);
    let lost = gateway.ask(OPENAI).await;
    assert_eq!(lost.header("x-buttress-queued"), Some("false"));
    assert_eq!(lost.status, 503);
    let down = enqueued(&gateway, "unavailable").await + enqueued(&gateway, "timed_out").await;
    assert_eq!(down, 1);
}

#[tokio::test]
async fn a_task_is_waited_for_by_events() {
    let folder = TempDir::new().unwrap();
    let provider = down(Dialect::Anthropic).await;
    let gateway = before(&provider, Dialect::Anthropic, &folder).start().await;
    let id = task(&gateway.ask(mode(Dialect::Anthropic, false)).await);
    let events = ("accept", "text/event-stream");
    let open = gateway
        .get(&format!("/v1/queue/{id}"), &[events])
        .await
        .unwrap();
    mend(&provider, "Here I am.");
    let answer = timeout(TOO_LONG, Answer::read(OPENAI, open)).await.unwrap();
    let events = answer.events();
    let (last, before) = events.split_last().unwrap();
    assert!(
        before
            .iter()
            .all(|event| event.name.as_deref() == Some("state"))
    );
    assert_eq!(last.name.as_deref(), Some("done"));
    assert!(last.data.contains("Here I am."), "{}", last.data);
}

#[tokio::test]
async fn a_task_whose_request_turns_out_to_be_at_fault_is_dead_with_its_error() {
    let folder = TempDir::new().unwrap();
    let provider = down(Dialect::Anthropic).await;
    let gateway = before(&provider, Dialect::Anthropic, &folder).start().await;
    let caller = mode(Dialect::Anthropic, false);
    let id = task(&gateway.ask(caller).await);
    provider.play(buttress_testkit::Script::new().forever(Reply::error(Fault::InvalidRequest)));
    let dead = until(&gateway, &id, "dead").await;
    assert_eq!(dead["result"]["status"], 400);
    assert_eq!(
        dead["result"]["body"]["error"]["type"],
        "invalid_request_error"
    );
}

#[tokio::test]
async fn a_session_is_answered_in_its_order() {
    let folder = TempDir::new().unwrap();
    let provider = down(Dialect::OpenAi).await;
    let gateway = before(&provider, Dialect::OpenAi, &folder).start().await;
    let session = ("x-buttress-session", "s-1");
    let mut ids = Vec::new();
    for n in 0..4 {
        let mut request = OPENAI.request();
        request["messages"][0]["content"] = format!("question {n}").into();
        let answer = gateway
            .post(&OPENAI.path(), &[session], request.to_string())
            .await;
        ids.push(task(&read(OPENAI, answer).await));
    }
    let before = provider.call_count();
    mend(&provider, "Yes.");
    for id in &ids {
        until(&gateway, id, "done").await;
    }
    let asked = provider.calls();
    let asked = asked
        .iter()
        .skip(before)
        .map(|call| call.json()["messages"][0]["content"].clone());
    let answered: Vec<_> = asked.filter(|content| content != "question 0").collect();
    assert_eq!(answered, ["question 1", "question 2", "question 3"]);
}

#[tokio::test]
async fn what_was_queued_outlives_the_gateway() {
    let folder = TempDir::new().unwrap();
    let provider = down(Dialect::OpenAi).await;
    let setup = before(&provider, Dialect::OpenAi, &folder);
    let gateway = setup.clone().with("queue.work = false").start().await;
    let id = task(&gateway.ask(OPENAI).await);
    assert_eq!(look(&gateway, &id).await["state"], "waiting");
    gateway.stop().await;
    mend(&provider, "Here I am.");
    let gateway = setup.start().await;
    until(&gateway, &id, "done").await;
}

#[tokio::test]
async fn a_task_is_its_callers_to_forget_and_nobody_elses_to_see() {
    let folder = TempDir::new().unwrap();
    let provider = down(Dialect::OpenAi).await;
    let setup = before(&provider, Dialect::OpenAi, &folder);
    let gateway = setup.with("server.client_key_env = 'KEY'").start().await;
    let key = ("x-api-key", "the-callers-key");
    let body = OPENAI.request().to_string();
    let answer = gateway.post(&OPENAI.path(), &[key], body).await;
    let path = format!("/v1/queue/{}", task(&read(OPENAI, answer).await));
    for (path, headers, status) in [
        (&*path, &[][..], 401),
        (&*path, &[key][..], 200),
        ("/v1/queue/00000000000000000000000000000000", &[key], 404),
        ("/v1/queue/nothing", &[key], 404),
    ] {
        let answer = read(OPENAI, gateway.get(path, headers).await).await;
        assert_eq!(answer.status, status, "{path}");
    }
    for status in [204, 404] {
        let answer = gateway.send("DELETE", &path, &[key], "").await;
        assert_eq!(read(OPENAI, answer).await.status, status);
    }
}
